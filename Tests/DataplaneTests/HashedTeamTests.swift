// Teams that choose for each frame, and shotgun: where frames leave, what comes back, what is redirected.

import Base
import Dataplane
import FrameMemory
import Testing
import Wire

/// A nested guest behind a learning port, whose hash chooses the other uplink than its port's.
private let nested = MACAddress(rawValue: 0x0200_0000_0101)

private func learning(_ policy: TeamPlan.Policy) -> TestNetwork {
  TestNetwork(
    vms: [
      vm(vlan: 7) {
        $0.allowsForgedTransmits = true
        $0.learnsMACs = true
      }, vm(vlan: 7),
    ], teams: [TeamPlan(policy: policy, active: [0, 1])])
}

private func ip(_ source: IPAddress, _ destination: IPAddress) -> [UInt8] {
  var header: [UInt8]
  switch (source, destination) {
  case (.v4(let source), .v4(let destination)):
    header = [UInt8](repeating: 0, count: 20)
    header.withMutableRawSpan {
      _ = IPv4Header(source: source, destination: destination, protocol: .udp, payloadBytes: 26)
        .emit(into: &$0)
    }
  case (.v6(let source), .v6(let destination)):
    header = [UInt8](repeating: 0, count: 40)
    header.withMutableRawSpan {
      _ = IPv6Header(source: source, destination: destination, nextHeader: .udp, payloadBytes: 26)
        .emit(into: &$0)
    }
  default: preconditionFailure("two families")
  }
  let type: UInt16 = header.count == 20 ? 0x0800 : 0x86DD
  return frame(from: mac(4), to: outsider, etherType: type, payloadBytes: 0) + header
    + [UInt8](repeating: 0, count: 26)
}

@Suite struct HashedTeamTests {
  private static func uplink(_ net: TestNetwork, _ bytes: [UInt8]) -> Int? {
    let sent = net.send(bytes, at: 4)
    return sent.count == 1 ? sent.first?.port : nil
  }

  @Test(arguments: [0, 1, 2, 7, 100, 254, 255] as [UInt8], [1, 4, 99, 255] as [UInt8])
  func theLastBytesOfTheAddressesPredictTheUplink(source: UInt8, destination: UInt8) {
    let net = TestNetwork(
      vms: [vm(vlan: 7)], teams: [TeamPlan(policy: .ipHash, active: [0, 1, 2, 3])],
      uplinkCount: 4)
    let v4 = ip(
      .v4(IPv4Address(10, 1, 2, source)), .v4(IPv4Address(172, 16, 9, destination)))
    let v6 = ip(
      .v6(IPv6Address(high: 0xFD00 << 48, low: 0x1100 | UInt64(source))),
      .v6(IPv6Address(high: 0xFD01 << 48, low: 0x2200 | UInt64(destination))))
    let hash = Int(source ^ destination)
    #expect(Self.uplink(net, v4) == hash % 4)
    #expect(Self.uplink(net, v6) == hash % 4)
    // The members of the channel that are up share the load.
    net.setLink(1, isUp: false)
    #expect(Self.uplink(net, v4) == [0, 2, 3][hash % 3])
    #expect(Self.uplink(net, v6) == [0, 2, 3][hash % 3])
  }

  /// As vSphere reads them: what stands where IPv4 has its addresses; nothing there is 0.
  @Test func otherFramesAreHashedAsIfTheyWereIPv4() {
    let net = TestNetwork(
      vms: [vm(vlan: 7)], teams: [TeamPlan(policy: .ipHash, active: [0, 1])], uplinkCount: 4)
    var bytes = frame(from: mac(4), to: outsider)
    #expect(Self.uplink(net, bytes) == 0)
    bytes[29] = 1
    #expect(Self.uplink(net, bytes) == 1)
    bytes[33] = 3
    #expect(Self.uplink(net, bytes) == 0)
    #expect(Self.uplink(net, Array(bytes.prefix(30))) == 1)
    #expect(Self.uplink(net, Array(bytes.prefix(14))) == 0)
  }

  /// It left by the uplink of its hash and comes back by the one of its port.
  @Test func anAnnouncementOfANestedGuestThatComesBackIsNoMove() {
    let net = learning(.sourceMAC)
    let rarp = bytes(of: .rarp(nested))
    let own = net.uplink(of: 2)
    let left = net.send(rarp, at: 2).map(\.port).filter { $0 < 2 }
    #expect(left == [1 - own])
    #expect(net.send(rarp, at: own, tag: VLANTag(vlan: 7)) == [])
    #expect(net.drops(.sourceIsLocal, at: own) == 1)
    #expect(net.send(frame(from: mac(3), to: nested), at: 3) == [Sent(2)])
    // By the uplink that it left by nothing comes back: this is a move.
    _ = net.send(rarp, at: 1 - own, tag: VLANTag(vlan: 7))
    #expect(net.send(frame(from: mac(3), to: nested), at: 3).contains { $0.port < 2 })
  }

  /// Its address is that of the plan until it has shown another one, and so is its uplink.
  @Test func aGuestThatComesBackHasTheUplinkOfItsAddress() {
    let net = TestNetwork(
      vms: [vm(vlan: 7) { $0.acceptsMACChanges = true }],
      teams: [TeamPlan(policy: .sourceMAC, active: [0, 1])], uplinkCount: 2)
    let before = net.uplink(of: 2)
    let other = MACAddress(rawValue: mac(2).rawValue ^ 1)
    for _ in 0..<8 { _ = net.send(frame(from: other, to: outsider), at: 2) }
    #expect(net.uplink(of: 2) == 1 - before)
    net.setAttached(2, false)
    net.setAttached(2, true)
    #expect(net.uplink(of: 2) == before)
  }

  @Test func whatAnUplinkDidNotTakeGoesByTheNewUplinkOfItsAddress() {
    let net = TestNetwork(
      vms: [vm(vlan: 7) { $0.allowsForgedTransmits = true }],
      teams: [TeamPlan(policy: .sourceMAC, active: [0, 1, 2])], uplinkCount: 3)
    // Its port is at home on the first uplink, its address on the second and, without that, on the third.
    let source = MACAddress(rawValue: 0x0200_0000_0104)
    #expect(net.send(frame(from: source, to: outsider), at: 3).map(\.port) == [1])
    guard let entry = net.deliveries.first(of: PortIndex(1)) else { return }
    let delivery = net.deliveries[entry]
    net.setLink(1, isUp: false)
    let isRedirected = net.network.redirect(
      0, in: net.batch, delivery, from: PortIndex(1), into: &net.deliveries)
    #expect(isRedirected && net.sent().map(\.port).sorted() == [1, 2])
    #expect(net.sums.holds)
  }

  /// What people see is what frames do: a standby takes the place of a failed uplink.
  @Test func theUplinksOfAHashedTeamAreThoseThatFramesLeaveBy() {
    let net = TestNetwork(
      vms: [vm(vlan: 7) { $0.allowsForgedTransmits = true }],
      teams: [TeamPlan(policy: .sourceMAC, active: [0, 1], standby: [2])], uplinkCount: 3)
    net.setLink(1, isUp: false)
    var used: UInt32 = 0
    for last in 0..<8 as Range<UInt64> {
      let source = MACAddress(rawValue: 0x0200_0000_0200 | last)
      for one in net.send(frame(from: source, to: outsider), at: 3) {
        used |= 1 << UInt32(one.port)
      }
    }
    #expect(used == 0b101)
    #expect(net.teamUplinks(of: 3) == used)
  }
}

@Suite struct ShotgunTests {
  /// Two uplinks that do not hear each other's beacons, although frames go round.
  private static func shotgun() -> TestNetwork {
    let net = TestNetwork(
      vms: [
        vm(vlan: 7) {
          $0.allowsForgedTransmits = true
          $0.learnsMACs = true
        }, vm(vlan: 7),
      ], teams: [TeamPlan(policy: .originatingPortID, active: [0, 1], beaconDomain: 0)],
      beaconDomains: [BeaconDomain(members: 3, vlan: 7)])
    for _ in 0..<100 {
      net.advance(milliseconds: 50)
      _ = net.produce()
    }
    return net
  }

  @Test func everyFrameLeavesByAllUplinksAndABroadcastOnceForEachPort() {
    let net = Self.shotgun()
    let tag = VLANTag(vlan: 7)
    #expect(net.send(frame(from: mac(2), to: outsider), at: 2) == [Sent(0, tag), Sent(1, tag)])
    let all = net.send(frame(from: mac(2), to: .broadcast), at: 2)
    #expect(all == [Sent(3), Sent(0, tag), Sent(1, tag)])
    #expect(net.send(frame(from: mac(2), to: .broadcast), at: 1, tag: tag) == [], "our own")
    net.setLink(1, isUp: false)
    #expect(net.send(frame(from: mac(2), to: outsider), at: 2) == [Sent(0, tag)])
  }

  @Test func aReflectedAnnouncementIsNoMove() {
    let net = Self.shotgun()
    let rarp = bytes(of: .rarp(nested))
    _ = net.send(rarp, at: 2)
    for uplink in 0..<2 { _ = net.send(rarp, at: uplink, tag: VLANTag(vlan: 7)) }
    #expect(net.send(frame(from: mac(3), to: nested), at: 3) == [Sent(2)])
  }

  @Test func aCopyThatOneUplinkDidNotTakeIsNotSentTwiceByTheOther() {
    let net = Self.shotgun()
    _ = net.send(frame(from: mac(2), to: outsider), at: 2)
    let failed = 1 - net.uplink(of: 2)
    guard let entry = net.deliveries.first(of: PortIndex(failed)) else {
      Issue.record("no copy for each uplink")
      return
    }
    let delivery = net.deliveries[entry]
    let isRedirected = net.network.redirect(
      0, in: net.batch, delivery, from: PortIndex(failed), into: &net.deliveries)
    #expect(!isRedirected)
  }
}
