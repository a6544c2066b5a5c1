// Multicast snooping through the whole switch: who gets a group after joins, leaves, silence and moves, and
// who is asked.

import Base
import Dataplane
import FrameMemory
import Protocols
import Testing
import Wire

private let group = IPv4Address(239, 1, 2, 3)
private let router: UInt8 = 200

/// Ports 2 to 4 in VLAN 7, snooping since half a minute, so that the querier's first question could be
/// answered.
private func snooping(_ change: (inout PortPlan) -> Void = { _ in }) -> TestNetwork {
  let net = TestNetwork(
    vms: (0..<3).map { _ in vm(vlan: 7, change) }, multicast: .snooping)
  pass(net, seconds: 20)
  return net
}

/// Lets time pass, and takes what the switch sends. Returns the ports that were asked.
@discardableResult
private func pass(_ net: TestNetwork, seconds: Int) -> [Int] {
  var asked: [Int] = []
  for _ in 0..<seconds * 2 {
    net.advance(milliseconds: 500)
    var tracer = RecordingTracer()
    asked += net.produce(&tracer).map(\.port)
  }
  return asked.sorted()
}

private func join(_ net: TestNetwork, _ port: Int, tag: VLANTag = .none) -> Set<Sent> {
  net.send(igmp(0x16, group, from: mac(port), host: UInt8(port)), at: port, tag: tag)
}

/// Who of the VM ports gets the group from an outsider.
private func listeners(_ net: TestNetwork, tag: VLANTag = VLANTag(vlan: 7)) -> Set<Int> {
  Set(net.send(stream(to: group, from: outsider, host: 99), at: 0, tag: tag).map(\.port))
}

@Suite struct SnoopingTests {
  @Test func beforeAQueryCouldBeAnsweredEverybodyGetsTheGroup() {
    let net = TestNetwork(vms: [vm(vlan: 7), vm(vlan: 7)], multicast: .snooping)
    #expect(listeners(net) == [2, 3])
    pass(net, seconds: 20)
    #expect(listeners(net) == [] && net.drops(.multicastNotMember, at: 0) == 1)
  }

  @Test func whoJoinsGetsTheGroupUntilItLeaves() {
    let net = snooping()
    #expect(join(net, 2) == [Sent(0, VLANTag(vlan: 7))], "a report is for routers alone")
    #expect(listeners(net) == [2])
    let own = net.send(stream(to: group, from: mac(3), host: 3), at: 3)
    #expect(own == [Sent(2), Sent(0, VLANTag(vlan: 7))])
    _ = net.send(igmp(0x17, group, from: mac(2), host: 2), at: 2)
    #expect(listeners(net) == [2], "somebody behind the port may still listen")
    #expect(pass(net, seconds: 3) == [2, 2], "who left is asked, nobody else")
    #expect(listeners(net) == [])
  }

  @Test func whoAnswersTheQuestionAfterALeaveStays() {
    let net = snooping()
    _ = join(net, 2)
    _ = net.send(igmp(0x17, group, from: mac(2), host: 2), at: 2)
    pass(net, seconds: 1)
    _ = join(net, 2)
    pass(net, seconds: 5)
    #expect(listeners(net) == [2])
  }

  @Test func whoIsSilentIsForgotten() {
    let net = snooping()
    _ = join(net, 2)
    pass(net, seconds: 255)
    #expect(listeners(net) == [2])
    pass(net, seconds: 10)
    #expect(listeners(net) == [])
  }

  @Test func whatIsNoGroupOfGuestsReachesEverybody() {
    let net = snooping()
    let local = stream(to: IPv4Address(224, 0, 0, 251), from: mac(2), host: 2)
    #expect(net.send(local, at: 2) == [Sent(3), Sent(4), Sent(0, VLANTag(vlan: 7))])
    let other = frame(from: mac(2), to: MACAddress(rawValue: 0x0100_5E01_0203))
    #expect(net.send(other, at: 2) == [Sent(3), Sent(4), Sent(0, VLANTag(vlan: 7))])
  }

  @Test func theQuerierAsksEveryPortOfItsVLANAndStopsForAnother() {
    let net = snooping()
    #expect(pass(net, seconds: 130) == [2, 2, 3, 3, 4, 4], "IPv4 and IPv6, never an uplink")
    let query = igmp(0x11, .unspecified, from: outsider, host: router, tenths: 100)
    #expect(net.send(query, at: 0, tag: VLANTag(vlan: 7)) == [Sent(2), Sent(3), Sent(4)])
    #expect(pass(net, seconds: 130) == [2, 3, 4], "for IPv6 alone")
  }

  @Test func aRouterBehindAPortGetsReportsAndGroups() {
    let net = snooping()
    _ = net.send(igmp(0x11, .unspecified, from: mac(4), host: router, tenths: 100), at: 4)
    #expect(join(net, 2) == [Sent(4), Sent(0, VLANTag(vlan: 7))])
    #expect(listeners(net) == [2, 4])
  }

  @Test func aPortThatComesBackIsAskedAtOnce() {
    let net = snooping()
    _ = join(net, 2)
    net.setAttached(2, false)
    net.setAttached(2, true)
    #expect(listeners(net) == [])
    #expect(pass(net, seconds: 3) == [2, 2, 2, 2], "twice, in both protocols")
    _ = join(net, 2)
    #expect(listeners(net) == [2])
  }

  @Test func aPortThatIsOpenedIsAskedAtOnce() {
    let net = snooping()
    net.ports[2].isBlocked = true
    net.apply(revision: 2)
    pass(net, seconds: 3)
    net.ports[2].isBlocked = false
    net.apply(revision: 3)
    #expect(pass(net, seconds: 3) == [2, 2, 2, 2])
  }

  @Test func aPortThatIsAttachedBeforeItsPlanIsAskedToo() {
    let net = snooping()
    net.network.setAttached(PortIndex(5), true, now: net.now)
    net.ports.append(vm(vlan: 7) { $0.mac = mac(5) })
    net.apply(revision: 2)
    #expect(pass(net, seconds: 3) == [5, 5, 5, 5])
  }

  @Test func anotherVLANIsAskedAndTheOldOneForgotten() {
    let net = snooping()
    _ = join(net, 2)
    net.ports[2].vlan = 8
    net.apply(revision: 2)
    #expect(listeners(net) == [] && listeners(net, tag: VLANTag(vlan: 8)) == [2], "not asked yet")
    pass(net, seconds: 20)
    #expect(listeners(net, tag: VLANTag(vlan: 8)) == [])
    _ = join(net, 2)
    #expect(listeners(net, tag: VLANTag(vlan: 8)) == [2])
  }

  @Test func aTrunkListensInEachVLANForItself() {
    let net = TestNetwork(
      vms: [trunk(set: 0), vm(vlan: 7), vm(vlan: 8)], multicast: .snooping)
    pass(net, seconds: 20)
    _ = join(net, 2, tag: VLANTag(vlan: 7))
    #expect(listeners(net, tag: VLANTag(vlan: 7)) == [2])
    #expect(listeners(net, tag: VLANTag(vlan: 8)) == [])
    pass(net, seconds: 5)
    net.setAttached(2, false)
    net.setAttached(2, true)
    _ = net.tick()
    var tracer = RecordingTracer()
    let tags = net.produce(&tracer).filter { $0.port == 2 }.map(\.vlan)
    #expect(Set(tags) == [7], "asked in the VLAN that its guest used")
  }

  @Test func basicFilteringAgainForgetsNothingThatMatters() {
    let net = snooping()
    _ = join(net, 2)
    net.multicast = .basic
    net.apply(revision: 2)
    #expect(listeners(net) == [2, 3, 4])
    #expect(pass(net, seconds: 300).isEmpty)
    net.multicast = .snooping
    net.apply(revision: 3)
    pass(net, seconds: 20)
    #expect(listeners(net) == [])
  }
}

/// A promiscuous port 2, a community of 3 and 4, and 5 and 6 isolated; snooping.
private func privateVLAN() -> TestNetwork {
  func port(_ vlan: UInt16) -> PortPlan { vm(vlan: vlan) { $0.primaryVLAN = 100 } }
  let net = TestNetwork(
    vms: [port(100), port(101), port(101), port(102), port(102)],
    privateVLANs: [
      PrivateVLAN(.promiscuous, vlan: 100, primary: 100),
      PrivateVLAN(.community, vlan: 101, primary: 100),
      PrivateVLAN(.isolated, vlan: 102, primary: 100),
    ], multicast: .snooping)
  pass(net, seconds: 20)
  return net
}

@Suite struct PrivateSnoopingTests {
  @Test func aPrivateVLANIsOneForGroups() {
    let net = privateVLAN()
    _ = join(net, 3)
    _ = join(net, 5)
    #expect(listeners(net, tag: VLANTag(vlan: 100)) == [3, 5])
    #expect(listeners(net, tag: VLANTag(vlan: 101)) == [3])
    #expect(net.send(stream(to: group, from: mac(6), host: 6), at: 6).map(\.port) == [0])
  }

  /// Most ports of the primary VLAN never see what it asks, and would not answer.
  @Test func aGuestOfASecondaryVLANIsNotTheQuerier() {
    let net = privateVLAN()
    _ = join(net, 3)
    let query = igmp(0x11, .unspecified, from: mac(5), host: router, tenths: 100)
    #expect(net.send(query, at: 5).map(\.port).sorted() == [0, 2])
    #expect(pass(net, seconds: 130).count == 10, "our own goes on for IPv4, too")
    let specific = igmp(0x11, group, from: mac(5), host: router, tenths: 1)
    _ = join(net, 3)
    _ = net.send(specific, at: 5)
    pass(net, seconds: 3)
    #expect(listeners(net, tag: VLANTag(vlan: 100)) == [3, 5], "it counts as a router, no more")
  }
}
