// The same frames in the eyes of tshark(1): what we write, it must read as we meant it.
//
// text2pcap makes a capture of our bytes. Needs `tshark` and `text2pcap`; skipped by name without.

internal import Base
internal import Testing
internal import Wire

@Suite(.enabled(if: Tshark.isInstalled, "needs tshark and text2pcap"))
struct TsharkTests {
  @Test func announcementsAreReadAsTheyWereMeant() throws {
    let v6 = try #require(IPv6Address("fd00:10::1"))
    let rows = try Tshark.fields(
      of: [
        Announcement.rarp(firstMAC).emitted,
        Announcement.gratuitousARP(firstMAC, IPv4Address(10, 0, 10, 1)).emitted,
        Announcement.neighborAdvertisement(firstMAC, v6).emitted,
      ],
      [
        "frame.len", "eth.dst", "eth.src", "arp.opcode", "arp.src.proto_ipv4", "arp.isgratuitous",
        "ipv6.src", "ipv6.dst", "ipv6.hlim", "icmpv6.nd.na.flag.o", "icmpv6.nd.na.target_address",
        "icmpv6.opt.target_linkaddr", "icmpv6.checksum.status",
      ])
    let mac = "00:50:56:00:00:01"
    #expect(
      rows == [
        ["60", "ff:ff:ff:ff:ff:ff", mac, "3", "0.0.0.0", "", "", "", "", "", "", "", ""],
        [
          "60", "ff:ff:ff:ff:ff:ff", mac, "1", "10.0.10.1", "1", "", "", "", "", "", "", "",
        ],
        [
          "86", "33:33:00:00:00:01", mac, "", "", "", "fd00:10::1", "ff02::1", "255", "1",
          "fd00:10::1", mac, "1",
        ],
      ])
  }

  @Test func writtenHeadersAndChecksumsAreRight() throws {
    let rows = try Tshark.fields(
      of: [datagram4(), segment6()],
      [
        "ip.src", "ip.dst", "ip.checksum.status", "ip.ttl", "ip.dsfield.dscp", "udp.srcport",
        "udp.dstport", "udp.checksum.status", "vlan.id", "vlan.priority", "ipv6.src", "ipv6.plen",
        "tcp.dstport", "tcp.flags.str", "tcp.checksum.status",
      ])
    #expect(
      rows == [
        [
          "192.0.2.1", "192.0.2.2", "1", "9", "46", "1000", "2000", "1", "100", "5", "", "", "", "",
          "",
        ],
        [
          "", "", "", "", "", "", "", "", "", "", "2001:db8::1", "21", "443", "·······AP···",
          "1",
        ],
      ])
  }

  /// Ethernet, a tag, IPv4, UDP and five bytes.
  private func datagram4() -> [UInt8] {
    let payload = Array("hello".utf8)
    let ip = IPv4Header(
      source: IPv4Address(192, 0, 2, 1), destination: IPv4Address(192, 0, 2, 2), protocol: .udp,
      payloadBytes: 13, timeToLive: 9, dscp: 46)
    var udp =
      UDPHeader(sourcePort: 1000, destinationPort: 2000, payloadBytes: payload.count).emitted
      + payload
    let sum = Checksum(
      source: ip.source, destination: ip.destination, protocol: .udp, payloadBytes: udp.count)
    udp.withMutableRawSpan { UDP.updateChecksum(in: &$0, pseudoHeader: sum) }
    var ethernet = [UInt8](repeating: 0, count: 18)
    ethernet.withMutableRawSpan { frame in
      Ethernet.setDestination(secondMAC, in: &frame)
      Ethernet.setSource(firstMAC, in: &frame)
      VLANStack(outer: VLANTag(vlan: 100, priority: 5), etherType: .ipv4).emit(into: &frame)
    }
    return ethernet + ip.emitted + udp
  }

  /// Ethernet, IPv6, TCP and one byte.
  private func segment6() -> [UInt8] {
    let ip = IPv6Header(
      source: IPv6Address(high: 0x2001_0DB8 << 32, low: 1),
      destination: IPv6Address(high: 0x2001_0DB8 << 32, low: 2), nextHeader: .tcp,
      payloadBytes: 21, flowLabel: 0x12345)
    let header = TCPHeader(
      sourcePort: 1000, destinationPort: 443, sequence: 1, acknowledgement: 1,
      flags: [.ack, .psh])
    var tcp = header.emitted + [0x2A]
    let sum = Checksum(
      source: ip.source, destination: ip.destination, protocol: .tcp, payloadBytes: tcp.count)
    tcp.withMutableRawSpan { TCP.updateChecksum(in: &$0, pseudoHeader: sum) }
    let ethernet = EthernetHeader(destination: secondMAC, source: firstMAC, etherType: .ipv6)
    return ethernet.emitted + ip.emitted + tcp
  }
}
