// IGMP and IP multicast as guests and routers send them, for tests of snooping.

import Base
import Wire

/// A frame of IGMPv2: 0x11 asks, 0x16 joins, 0x17 leaves.
func igmp(
  _ type: UInt8, _ group: IPv4Address, from mac: MACAddress, host: UInt8, tenths: UInt8 = 0
) -> [UInt8] {
  var message: [UInt8] = [type, tenths, 0, 0, 0, 0, 0, 0]
  message.withMutableRawSpan { span in
    span.setBig32(group.rawValue, at: 4)
    IGMP.updateChecksum(in: &span)
  }
  let destination = group.isUnspecified ? IPv4Address(224, 0, 0, 1) : group
  return packet(
    to: destination, from: mac, host: host, protocol: .igmp, payload: message, timeToLive: 1)
}

/// A UDP packet to a group.
func stream(to group: IPv4Address, from mac: MACAddress, host: UInt8) -> [UInt8] {
  packet(
    to: group, from: mac, host: host, protocol: .udp, payload: [UInt8](repeating: 0, count: 30),
    timeToLive: 9)
}

private func packet(
  to group: IPv4Address, from mac: MACAddress, host: UInt8, protocol: IPProtocol,
  payload: [UInt8], timeToLive: UInt8
) -> [UInt8] {
  let header = IPv4Header(
    source: IPv4Address(10, 0, 0, host), destination: group, protocol: `protocol`,
    payloadBytes: payload.count, timeToLive: timeToLive)
  let multicast = MACAddress(rawValue: 0x0100_5E00_0000 | UInt64(group.rawValue & 0x7F_FFFF))
  var ip = [UInt8](repeating: 0, count: header.byteCount)
  ip.withMutableRawSpan { _ = header.emit(into: &$0) }
  return frame(from: mac, to: multicast, etherType: 0x0800, payloadBytes: 0) + ip + payload
}
