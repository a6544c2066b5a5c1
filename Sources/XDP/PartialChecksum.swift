// Frames that are not finished, from a device whose other end is memory.
//
// A veth passes what its other end sends as it is, and that leaves checksums to the device: the field holds
// the sum of the pseudo-header and no more (CHECKSUM_PARTIAL). A packet socket is told so; an XDP program is
// not. But the sum of the pseudo-header can be made here, and a field that holds it is marked as unfinished.
//
// That is safe: where a complete frame happens to hold the same number, completing it gives that number
// again. Only a damaged frame would be made to look whole, once in 65,536, and memory damages none; so it
// is done for veth alone, never for frames off a wire.

internal import Base
package import FrameMemory
internal import Wire

extension Offload {
  /// What is left to do to a frame without a tag: its TCP or UDP checksum, or nothing.
  ///
  /// - Cost: the headers, some nanoseconds.
  package static func ofUnfinished(_ bytes: RawSpan) -> Offload {
    guard bytes.byteCount >= 14 + 20 + 8 else { return .none }
    switch (bytes.big16(12), bytes.byte(14) >> 4) {
    case (0x0800, 4):
      let headerBytes = Int(bytes.byte(14) & 0xF) * 4
      // A fragment has no checksum of its own.
      guard headerBytes >= 20, bytes.big16(20) & 0x3FFF == 0 else { return .none }
      return ofTransport(
        bytes, addresses: 26..<34, start: 14 + headerBytes, number: bytes.byte(23),
        byteCount: Int(bytes.big16(16)) - headerBytes)
    case (0x86DD, 6) where bytes.byteCount >= 14 + 40 + 8:
      return ofTransport(
        bytes, addresses: 22..<54, start: 54, number: bytes.byte(20),
        byteCount: Int(bytes.big16(18)))
    default: return .none
    }
  }

  private static func ofTransport(
    _ bytes: RawSpan, addresses: Range<Int>, start: Int, number: UInt8, byteCount: Int
  ) -> Offload {
    let offset: Int
    switch number {
    case 6: offset = 16
    case 17: offset = 6
    default: return .none
    }
    guard byteCount >= offset + 2, start + byteCount <= bytes.byteCount else { return .none }
    var sum = UInt32(number) + UInt32(byteCount)
    for position in stride(from: addresses.lowerBound, to: addresses.upperBound, by: 2) {
      sum += UInt32(bytes.big16(position))
    }
    sum = (sum & 0xFFFF) + (sum >> 16)
    sum = (sum & 0xFFFF) + (sum >> 16)
    // A UDP field of 0 says that there is no checksum; the sum of a pseudo-header is never 0.
    guard UInt32(bytes.big16(start + offset)) == sum else { return .none }
    return Offload(
      flags: needsChecksumFlag, checksumStart: UInt16(start), checksumOffset: UInt16(offset))
  }
}
