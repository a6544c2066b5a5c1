// Which of a guest's receive queues a frame goes to: by its flow, so that frames of one stay in order.

internal import Base
internal import FrameMemory
internal import Wire

/// One queue's share of all flows.
struct FlowShare: BitwiseCopyable {
  let place: Int
  let count: Int

  /// There is one queue, and it gets everything.
  @inline(__always)
  var isAll: Bool { count == 1 }

  /// Whether a frame of the batch belongs to it.
  func has(_ batch: borrowing FrameBatch, _ index: Int) -> Bool {
    let bytes = batch.bytes(of: index)
    // 64-bit golden ratio (Knuth 6.4): the upper half is well mixed.
    let mixed = (Self.flow(bytes) &* 0x9E37_79B9_7F4A_7C15) >> 32
    return Int(mixed % UInt64(count)) == place
  }

  /// The same for both directions of a flow. Fragments have no ports, so none are looked at for them.
  private static func flow(_ bytes: RawSpan) -> UInt64 {
    guard bytes.byteCount >= 14 else { return 0 }
    let addresses = bytes.big48(0) ^ bytes.big48(6)
    let isIPv4 = bytes.big16(12) == EtherType.ipv4.rawValue && bytes.byteCount >= 38
    let isIPv6 = bytes.big16(12) == EtherType.ipv6.rawValue && bytes.byteCount >= 58
    if isIPv4 {
      let hosts = UInt64(bytes.big32(26) ^ bytes.big32(30))
      let isPlain = bytes.byte(14) == 0x45 && bytes.big16(20) & 0x3FFF == 0
      let hasPorts = isPlain && (bytes.byte(23) == 6 || bytes.byte(23) == 17)
      return hosts << 16 ^ (hasPorts ? UInt64(bytes.big16(34) ^ bytes.big16(36)) : 0)
    }
    guard isIPv6 else { return addresses }
    var hosts: UInt64 = 0
    for offset in stride(from: 22, to: 54, by: 4) { hosts = hosts ^ UInt64(bytes.big32(offset)) }
    let hasPorts = bytes.byte(20) == 6 || bytes.byte(20) == 17
    return hosts << 16 ^ (hasPorts ? UInt64(bytes.big16(54) ^ bytes.big16(56)) : 0)
  }
}
