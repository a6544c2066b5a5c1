// A hash of a whole key, for the flow table and for the index of a rule set.
//
// Words are multiplied in pairs to 128 bits and folded (the mixing step of wyhash, W. Yi 2019). The four
// multiplications do not wait for each other; the last one joins them. The secrets come from a seed, so that
// a guest, which chooses most bits of a key, cannot aim at one set.

internal import Base

/// Seven secret words; odd, so that none is zero.
@frozen
public struct FlowHash: Sendable, BitwiseCopyable {
  @usableFromInline
  var secrets: [8 of UInt64]

  public init(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    secrets = .init(repeating: 0)
    for index in 0..<8 { secrets[index] = random.next() | 1 }
  }

  /// 64 bits, all of them good.
  ///
  /// - Cost: two multiplications one after the other.
  @inlinable @inline(__always)
  public func callAsFunction(_ key: FlowKey) -> UInt64 {
    let first = Self.folded(key.sourceHigh ^ secrets[0], key.sourceLow ^ secrets[1])
    let second = Self.folded(key.destinationHigh ^ secrets[2], key.destinationLow ^ secrets[3])
    let third = Self.folded(key.sourceLink ^ secrets[4], key.destinationLink ^ secrets[5])
    return Self.folded(
      first ^ second.rotated ^ secrets[7], third ^ key.transport ^ secrets[6])
  }

  @inlinable @inline(__always)
  static func folded(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }
}

extension UInt64 {
  /// Half a turn, so that equal words of two pairs do not cancel each other.
  @inlinable @inline(__always)
  var rotated: UInt64 { self << 32 | self >> 32 }
}
