// A set of VLANs as a bitmap: what a trunk carries.

/// Any of the VLANs 0 to 4095, one bit each. VLAN 0 stands for untagged frames.
public struct VLANSet: Sendable, BitwiseCopyable {
  @usableFromInline
  var words: [64 of UInt64] = .init(repeating: 0)

  public init() {}

  /// The VLANs of some ranges. Traps above 4095.
  public init(_ ranges: some Sequence<ClosedRange<UInt16>>) {
    for range in ranges { for vlan in range { insert(vlan) } }
  }

  /// 0-4094: everything that a frame can carry.
  public static let all = VLANSet(CollectionOfOne(0...4094))

  @inlinable @inline(__always)
  public func contains(_ vlan: UInt16) -> Bool {
    words[Int(vlan >> 6) & 63] & (1 << UInt64(vlan & 63)) != 0
  }

  public mutating func insert(_ vlan: UInt16) {
    precondition(vlan < 4096, "no such VLAN")
    words[Int(vlan >> 6)] |= 1 << UInt64(vlan & 63)
  }

  /// The smallest member at or above `vlan`, or nil.
  public func next(from vlan: UInt16) -> UInt16? {
    var word = Int(vlan >> 6)
    guard word < 64 else { return nil }
    var bits = words[word] & (UInt64.max << UInt64(vlan & 63))
    while bits == 0 {
      word += 1
      guard word < 64 else { return nil }
      bits = words[word]
    }
    return UInt16(word * 64 + bits.trailingZeroBitCount)
  }
}

extension VLANSet: Equatable {
  public static func == (left: Self, right: Self) -> Bool {
    for index in 0..<64 where left.words[index] != right.words[index] { return false }
    return true
  }
}
