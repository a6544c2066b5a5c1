// A set of ports: one bit a port, in seventeen words.
//
// What a frame for many goes to is worked out as a set (the ports of the VLAN, those that listen, less
// the one that sent it) and then walked. The size is that of the largest switch: 1,024 VM ports, 32
// uplinks and as many again to spare. Two cache lines and a bit; no memory of its own.

/// Which of the ports 0..<1,088 of a switch.
@frozen
public struct PortSet: Equatable, Sendable, BitwiseCopyable {
  /// Ports are below this; a port outside traps.
  @inlinable public static var capacity: Int { 1_088 }

  @usableFromInline
  var words: [17 of UInt64]

  /// No port.
  @inlinable @inline(__always)
  public init() { words = .init(repeating: 0) }

  @inlinable @inline(__always)
  public func contains(_ port: Int) -> Bool { words[port >> 6] & 1 << UInt64(port & 63) != 0 }

  @inlinable @inline(__always)
  public mutating func insert(_ port: Int) { words[port >> 6] |= 1 << UInt64(port & 63) }

  @inlinable @inline(__always)
  public mutating func remove(_ port: Int) { words[port >> 6] &= ~(1 << UInt64(port & 63)) }

  @inlinable @inline(__always)
  public mutating func removeAll() { words = .init(repeating: 0) }

  @inlinable @inline(__always)
  public var isEmpty: Bool {
    var any: UInt64 = 0
    for index in 0..<17 { any |= words[index] }
    return any == 0
  }

  @inlinable @inline(__always)
  public var count: Int {
    var total = 0
    for index in 0..<17 { total += words[index].nonzeroBitCount }
    return total
  }

  /// Adds the ports of another set.
  @inlinable @inline(__always)
  public mutating func formUnion(_ other: PortSet) {
    for index in 0..<17 { words[index] |= other.words[index] }
  }

  /// Keeps the ports that are in both.
  @inlinable @inline(__always)
  public mutating func formIntersection(_ other: PortSet) {
    for index in 0..<17 { words[index] &= other.words[index] }
  }

  /// Takes out the ports of another set.
  @inlinable @inline(__always)
  public mutating func subtract(_ other: PortSet) {
    for index in 0..<17 { words[index] &= ~other.words[index] }
  }

  /// The first port of the set at or after `port`, or nil. Start with 0; go on from the result + 1.
  ///
  /// - Cost: a step a word without ports; the whole walk is 17 steps and one for each port.
  @inlinable @inline(__always)
  public func next(from port: Int) -> Int? {
    var index = port >> 6
    guard index < 17 else { return nil }
    var word = words[index] & (UInt64.max << UInt64(port & 63))
    while word == 0 {
      index += 1
      guard index < 17 else { return nil }
      word = words[index]
    }
    return index << 6 | word.trailingZeroBitCount
  }

  @inlinable
  public static func == (left: PortSet, right: PortSet) -> Bool {
    var differs: UInt64 = 0
    for index in 0..<17 { differs |= left.words[index] ^ right.words[index] }
    return differs == 0
  }
}
