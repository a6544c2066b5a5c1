// What the offload code must do, written a second time as plainly as possible: arrays, one byte
// after another, nothing shared with the modules under test.

import FrameMemory

enum SlowModel {
  /// The 16-bit ones' complement sum, word by word (RFC 1071).
  static func sum(_ bytes: some Collection<UInt8>, from start: UInt16 = 0) -> UInt16 {
    var total = UInt32(start)
    var high: UInt8?
    for byte in bytes {
      if let first = high {
        total += UInt32(first) << 8 | UInt32(byte)
        high = nil
      } else {
        high = byte
      }
      if total > 0xFFFF { total = (total & 0xFFFF) + (total >> 16) }
    }
    if let high { total += UInt32(high) << 8 }
    return UInt16((total & 0xFFFF) + (total >> 16))
  }

  static func pseudoHeaderSum(
    _ frame: [UInt8], isIPv6: Bool, number: UInt8, byteCount: Int
  ) -> UInt16 {
    let network = networkOffset(frame)
    let addresses = isIPv6 ? frame[network + 8..<network + 40] : frame[network + 12..<network + 20]
    return sum(Array(addresses) + [0, number] + big(UInt16(byteCount)))
  }

  static func networkOffset(_ frame: [UInt8]) -> Int {
    var at = 12
    while [[0x81, 0x00], [0x88, 0xA8]].contains(Array(frame[at..<at + 2])) { at += 4 }
    return at + 2
  }

  /// The bytes of a frame with its checksum made whole.
  static func completed(_ frame: WireFrame) -> [UInt8] {
    guard frame.offload.needsChecksum else { return frame.bytes }
    let start = Int(frame.offload.checksumStart)
    let field = start + Int(frame.offload.checksumOffset)
    let checksum = ~sum(frame.bytes[start...])
    var bytes = frame.bytes
    bytes.replaceSubrange(field..<field + 2, with: big(checksum == 0 ? 0xFFFF : checksum))
    return bytes
  }

  /// The frames that a wire would carry: cut, and every checksum whole.
  static func finished(_ frame: WireFrame) -> [[UInt8]] {
    guard frame.offload.needsSegmentation else { return [completed(frame)] }
    let isTCP = frame.offload.segmentation != .udp
    let network = networkOffset(frame.bytes)
    let isIPv6 = frame.bytes[network] >> 4 == 6
    let transport = Int(frame.offload.checksumStart)
    let payloadStart = transport + (isTCP ? Int(frame.bytes[transport + 12] >> 4) * 4 : 8)
    let payload = Array(frame.bytes[payloadStart...])
    let size = Int(frame.offload.segmentBytes)
    let starts = payload.isEmpty ? [0] : Array(stride(from: 0, to: payload.count, by: size))
    return starts.enumerated().map { index, start in
      let part = Array(payload[start..<min(start + size, payload.count)])
      var bytes = Array(frame.bytes[..<payloadStart]) + part
      let isLast = start + part.count == payload.count
      if isIPv6 {
        bytes.replaceSubrange(
          network + 4..<network + 6, with: big(UInt16(bytes.count - network - 40)))
      } else {
        let identification = UInt16(bytes[network + 4]) << 8 | UInt16(bytes[network + 5])
        bytes.replaceSubrange(network + 2..<network + 4, with: big(UInt16(bytes.count - network)))
        bytes.replaceSubrange(
          network + 4..<network + 6, with: big(identification &+ UInt16(index)))
        bytes.replaceSubrange(network + 10..<network + 12, with: [0, 0])
        bytes.replaceSubrange(
          network + 10..<network + 12, with: big(~sum(bytes[network..<transport])))
      }
      if isTCP {
        let sequence =
          bytes[transport + 4..<transport + 8].reduce(0) { $0 << 8 | UInt32($1) } &+ UInt32(start)
        bytes.replaceSubrange(
          transport + 4..<transport + 8,
          with: big(UInt16(sequence >> 16)) + big(UInt16(sequence & 0xFFFF)))
        if index > 0 { bytes[transport + 13] &= 0x7F }
        if !isLast { bytes[transport + 13] &= 0xF6 }
      } else {
        bytes.replaceSubrange(
          transport + 4..<transport + 6, with: big(UInt16(bytes.count - transport)))
      }
      let field = transport + (isTCP ? 16 : 6)
      bytes.replaceSubrange(field..<field + 2, with: [0, 0])
      let pseudo = pseudoHeaderSum(
        bytes, isIPv6: isIPv6, number: isTCP ? 6 : 17, byteCount: bytes.count - transport)
      let checksum = ~sum(bytes[transport...], from: pseudo)
      bytes.replaceSubrange(field..<field + 2, with: big(checksum == 0 ? 0xFFFF : checksum))
      return bytes
    }
  }
}
