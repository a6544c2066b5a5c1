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

  @Test func queriesAreReadAsTheyWereMeant() throws {
    let v4 = GroupQuery.samples.filter { $0.family == .v4 }
    let rows4 = try Tshark.fields(
      of: v4.map(\.emitted),
      [
        "eth.dst", "ip.src", "ip.dst", "ip.ttl", "ip.opt.ra", "ip.checksum.status",
        "igmp.version", "igmp.maddr", "igmp.max_resp", "igmp.checksum.status", "igmp.s",
        "igmp.qrv", "igmp.qqic", "igmp.num_src", "igmp.saddr",
      ])
    let all4 = "01:00:5e:00:00:01 0.0.0.0 224.0.0.1 1"
    let one4 = "01:00:5e:01:02:03 0.0.0.0 239.1.2.3 1"
    #expect(
      rows4.map { $0.joined(separator: " ") } == [
        "\(all4)  1 1 0.0.0.0  1     ",
        "\(all4) 0 1 2 0.0.0.0 100 1     ",
        "\(one4) 0 1 2 239.1.2.3 10 1     ",
        "\(all4) 0 1 3 0.0.0.0 100 1 0 2 125 0 ",
        "\(one4) 0 1 3 239.1.2.3 10 1 0 2 125 0 ",
        "\(one4) 0 1 3 239.1.2.3 10 1 1 2 125 2 10.0.0.8,10.0.0.9",
      ])
    let v6 = GroupQuery.samples.filter { $0.family == .v6 }
    let rows6 = try Tshark.fields(
      of: v6.map(\.emitted),
      [
        "eth.dst", "ipv6.src", "ipv6.dst", "ipv6.hlim", "ipv6.opt.router_alert", "icmpv6.type",
        "icmpv6.checksum.status", "icmpv6.mld.multicast_address",
        "icmpv6.mld.maximum_response_delay", "icmpv6.mld.maximum_response_code",
        "icmpv6.mld.flag.qrv", "icmpv6.mld.qqi", "icmpv6.mld.nb_sources",
      ])
    let source = "fe80::ffff:ffff:ffff:ffff"
    let all6 = "33:33:00:00:00:01 \(source) ff02::1 1 0 130 1 ::"
    let one6 = "33:33:00:00:12:34 \(source) ff15::1234 1 0 130 1 ff15::1234"
    #expect(
      rows6.map { $0.joined(separator: " ") } == [
        "\(all6) 10000    ",
        "\(one6) 1000    ",
        "\(all6)  10000 2 125 0",
        "\(one6)  1000 2 125 0",
        "\(one6)  1000 2 125 10",
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
