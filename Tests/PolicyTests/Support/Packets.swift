// UDP packets byte by byte, with checksums that are right when they leave: what a switch does to them is
// seen in what comes out.

import Base
import Wire

/// The ones' complement sum over 16-bit words (RFC 1071), as plainly as possible.
func onesSum(_ bytes: [UInt8]) -> UInt16 {
  var sum: UInt32 = 0
  for (index, byte) in bytes.enumerated() {
    sum += index % 2 == 0 ? UInt32(byte) << 8 : UInt32(byte)
  }
  while sum > 0xFFFF { sum = sum & 0xFFFF + sum >> 16 }
  return UInt16(sum)
}

/// IPv4 and UDP headers before a payload whose checksum is left out, which IPv4 allows.
func udpHeaders(
  _ source: [UInt8], _ destination: [UInt8], _ port: UInt16, dscp: UInt8 = 0, payloadBytes: Int
) -> [UInt8] {
  let length = UInt64(28 + payloadBytes)
  var head: [UInt8] =
    [0x45, dscp << 2] + big(length, 2) + [0, 7, 0x40, 0, 64, 17, 0, 0] + source + destination
  head.replaceSubrange(10..<12, with: big(UInt64(~onesSum(head)), 2))
  return head + big(40_000, 2) + big(UInt64(port), 2) + big(length - 20, 2) + [0, 0]
}

/// A frame with an IPv4 packet of UDP, all its checksums filled in.
func udpFrame(
  to destination: MACAddress, from source: MACAddress, _ from: [UInt8], _ to: [UInt8],
  _ port: UInt16, dscp: UInt8
) -> [UInt8] {
  let payload = TestFrame.magic + big(UInt64(newMark()), 4) + Array(repeating: 0x5A, count: 24)
  var packet = udpHeaders(from, to, port, dscp: dscp, payloadBytes: payload.count) + payload
  let pseudo = from + to + [0, 17] + Array(packet[24..<26])
  packet.replaceSubrange(26..<28, with: big(UInt64(~onesSum(pseudo + packet[20...])), 2))
  return big(destination.rawValue, 6) + big(source.rawValue, 6) + [0x08, 0x00] + packet
}

/// The same with IPv6, from fd00:10::1 to fd00:10::`last`.
func udpFrame6(
  to destination: MACAddress, from source: MACAddress, _ last: UInt8, _ port: UInt16, dscp: UInt8
) -> [UInt8] {
  let payload = TestFrame.magic + big(UInt64(newMark()), 4) + Array(repeating: 0x5A, count: 24)
  let network: [UInt8] = [0xFD, 0, 0, 0x10] + Array(repeating: 0, count: 11)
  let addresses = network + [1] + network + [last]
  let length = big(UInt64(8 + payload.count), 2)
  var udp = big(40_000, 2) + big(UInt64(port), 2) + length + [0, 0] + payload
  let pseudo = addresses + [0, 0] + length + [0, 0, 0, 17]
  udp.replaceSubrange(6..<8, with: big(UInt64(~onesSum(pseudo + udp)), 2))
  let head: [UInt8] = [0x60 | dscp >> 2, dscp << 6, 0, 0] + length + [17, 64]
  return big(destination.rawValue, 6) + big(source.rawValue, 6) + [0x86, 0xDD] + head + addresses
    + udp
}
