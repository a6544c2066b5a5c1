// Announcements: what is sent, and what is recognised.

internal import Base
internal import Testing
internal import Wire

@Suite struct AnnouncementTests {
  @Test func rarpIsWhatESXiAndQEMUSend() {
    #expect(
      Announcement.rarp(firstMAC).emitted
        == hex(
          """
          ffffffffffff 005056000001 8035
          0001 0800 0604 0003 005056000001 00000000 005056000001 00000000
          000000000000000000000000000000000000
          """))
  }

  @Test func gratuitousARPIsWhatLinuxSendsAndPadded() {
    let frame = Announcement.gratuitousARP(firstMAC, IPv4Address(10, 0, 10, 1)).emitted
    #expect(frame == RealFrame.gratuitousARP.bytes + [UInt8](repeating: 0, count: 18))
  }

  @Test func theAdvertisementIsWhatLinuxSends() throws {
    let address = try #require(IPv6Address("fd00:10::2"))
    #expect(
      Announcement.neighborAdvertisement(secondMAC, address).emitted
        == RealFrame.unsolicitedAdvertisement.bytes)
  }

  @Test func theFamilyChoosesTheAnnouncement() {
    let v4 = IPv4Address(10, 0, 0, 1)
    #expect(Announcement(firstMAC, .v4(v4)) == .gratuitousARP(firstMAC, v4))
    #expect(
      Announcement(firstMAC, .v6(.allNodes)) == .neighborAdvertisement(firstMAC, .allNodes))
    #expect(Announcement.rarp(firstMAC).address == nil)
    #expect(Announcement(firstMAC, .v4(v4)).address == .v4(v4))
  }

  @Test(arguments: RealFrame.all)
  func onlyAnnouncementsAreRecognised(_ frame: RealFrame) {
    let expected: Announcement? =
      switch frame.name {
      case "gratuitous-arp": .gratuitousARP(firstMAC, IPv4Address(10, 0, 10, 1))
      case "unsolicited-na":
        .neighborAdvertisement(secondMAC, IPv6Address(high: 0xFD00_0010 << 32, low: 2))
      default: nil
      }
    #expect(Announcement(frame.bytes) == expected)
  }

  @Test func whatIsSentIsRecognised() throws {
    let address = try #require(IPv6Address("fe80::1"))
    for announcement: Announcement in [
      .rarp(firstMAC), .gratuitousARP(firstMAC, IPv4Address(10, 0, 0, 1)),
      .neighborAdvertisement(firstMAC, address),
    ] {
      #expect(Announcement(announcement.emitted) == announcement)
    }
  }

  @Test func aRouterIsAnnouncedAsOne() throws {
    let address = try #require(IPv6Address("fd00:10::2"))
    let announcement = Announcement(secondMAC, .v6(address), isRouter: true)
    var frame = announcement.emitted
    #expect(frame[58] == 0xA0, "Router and Override")
    #expect(Announcement(frame) == announcement)
    #expect(AddressClaim(frame)?.isRouter == true)
    #expect(AddressClaim(RealFrame.unsolicitedAdvertisement.bytes)?.isRouter == false)
    frame[58] = 0xE0
    #expect(Announcement(frame) == nil, "an answer announces nothing")
    #expect(AddressClaim(frame)?.isRouter == true)
  }

  @Test func aRouterAdvertisementClaimsItsSource() {
    let message = hex("8600 0000 4000 0708 00000000 00000000 0101 005056000001")
    let source = IPv6Address(linkLocal: firstMAC)
    let header = IPv6Header(
      source: source, destination: .allNodes, nextHeader: .icmpv6, payloadBytes: message.count,
      hopLimit: 255)
    let ethernet = EthernetHeader(
      destination: IPv6Address.allNodes.multicastMAC, source: firstMAC, etherType: .ipv6)
    let frame = ethernet.emitted + header.emitted + message
    #expect(
      AddressClaim(frame) == AddressClaim(mac: firstMAC, address: .v6(source), isRouter: true))
    #expect(Announcement(frame) == nil)
    var proxied = frame
    proxied[proxied.count - 1] = 2
    #expect(AddressClaim(proxied) == nil, "of another router")
    let lifetime = RouterAdvertisementView(message.rawSpan)?.lifetimeSeconds
    #expect(lifetime == 1800)
  }

  @Test func aGratuitousReplyIsAnAnnouncement() {
    var frame = RealFrame.gratuitousARP.bytes
    frame[21] = 2
    #expect(
      Announcement(frame) == .gratuitousARP(firstMAC, IPv4Address(10, 0, 10, 1)))
  }

  @Test func nobodyAnnouncesForAnother() {
    for frame in [
      RealFrame.gratuitousARP.bytes, RealFrame.unsolicitedAdvertisement.bytes,
      Announcement.rarp(firstMAC).emitted,
    ] {
      var frame = frame
      frame[11] ^= 0x80
      #expect(Announcement(frame) == nil)
      #expect(AddressClaim(frame) == nil)
    }
  }

  @Test func anAdvertisementThatCrossedARouterIsNone() {
    var frame = RealFrame.unsolicitedAdvertisement.bytes
    frame[21] = 254
    #expect(Announcement(frame) == nil)
    #expect(AddressClaim(frame) == nil)
  }

  @Test(arguments: RealFrame.all)
  func claimsAreOfTheSender(_ frame: RealFrame) {
    let first4 = AddressClaim(mac: firstMAC, address: .v4(IPv4Address(10, 0, 10, 1)))
    let second4 = AddressClaim(mac: secondMAC, address: .v4(IPv4Address(10, 0, 10, 2)))
    let first6 = AddressClaim(
      mac: firstMAC, address: .v6(IPv6Address(high: 0xFD00_0010 << 32, low: 1)))
    let second6 = AddressClaim(
      mac: secondMAC, address: .v6(IPv6Address(high: 0xFD00_0010 << 32, low: 2)))
    let expected: AddressClaim? =
      switch frame.name {
      case "arp-request", "gratuitous-arp": first4
      case "arp-reply": second4
      case "ns": first6
      case "na", "unsolicited-na": second6
      default: nil  // duplicate address detection claims nothing yet
      }
    #expect(AddressClaim(frame.bytes) == expected)
  }

  @Test(arguments: ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.1.2.3"])
  func someAddressesCannotBeClaimed(_ text: String) throws {
    let address = try #require(IPv4Address(text))
    #expect(AddressClaim(Announcement.gratuitousARP(firstMAC, address).emitted) == nil)
  }

  @Test func aGroupAddressAnnouncesNothing() {
    let group = MACAddress(rawValue: 0x0100_5E00_0001)
    #expect(Announcement(Announcement.rarp(group).emitted) == nil)
    let address = IPv4Address(10, 0, 0, 1)
    #expect(AddressClaim(Announcement.gratuitousARP(group, address).emitted) == nil)
  }

  @Test func aFrameCutOffAnywhereIsNotRecognised() {
    for frame in [RealFrame.gratuitousARP.bytes, RealFrame.unsolicitedAdvertisement.bytes] {
      for count in 0..<frame.count {
        let part = Array(frame[..<count])
        #expect(Announcement(part) == nil)
        #expect(AddressClaim(part) == nil)
      }
    }
  }
}
