// NIC teaming: which uplink a port gets, when it moves, and when it must not.

import Base
import Dataplane
import FrameMemory
import Testing

/// A team by port id over `active` of `uplinks` uplinks, and `count` ports in it.
private func portIDNetwork(
  active: [UInt8], standby: [UInt8] = [], uplinks: Int, ports count: Int, failsBack: Bool = true
) -> TestNetwork {
  TestNetwork(
    vms: (0..<count).map { _ in vm() },
    teams: [
      TeamPlan(
        policy: .originatingPortID, active: active, standby: standby, failsBack: failsBack)
    ], uplinkCount: uplinks)
}

@Suite struct PortIDTeamingTests {
  @Test(arguments: 1...8) func portsSpreadByTheirID(uplinks: Int) {
    let net = portIDNetwork(
      active: (0..<uplinks).map { UInt8($0) }, uplinks: uplinks, ports: uplinks * 3)
    #expect(net.selection == (0..<uplinks * 3).map { $0 % uplinks })
  }

  @Test func aPortKeepsItsUplinkWhenOthersComeAndGo() {
    let net = portIDNetwork(active: [0, 1, 2], uplinks: 3, ports: 9)
    let before = net.selection
    net.ports.append(vm { $0.id = 100 })
    net.ports[4].kind = .absent
    net.apply(revision: 2)
    for port in before.indices where port != 1 { #expect(net.selection[port] == before[port]) }
  }

  @Test func onlyPortsOfTheFailedUplinkMoveAndTheySpread() {
    let net = portIDNetwork(active: [0, 1, 2, 3], uplinks: 4, ports: 24)
    let before = net.selection
    net.setLink(1, isUp: false)
    for (was, now) in zip(before, net.selection) {
      if was == 1 { #expect(now != 1 && now >= 0) } else { #expect(now == was) }
    }
    let moved = zip(before, net.selection).filter { $0.0 == 1 }.map(\.1)
    for uplink in [0, 2, 3] { #expect(moved.filter { $0 == uplink }.count == 2) }
    #expect(net.takeAnnouncements() == before.indices.filter { before[$0] == 1 }.map { $0 + 4 })
  }

  @Test func aStandbyTakesThePlaceOfTheFailedUplink() {
    let net = portIDNetwork(active: [0, 1], standby: [2, 3], uplinks: 4, ports: 4)
    #expect(net.selection == [0, 1, 0, 1])
    net.setLink(0, isUp: false)
    #expect(net.selection == [2, 1, 2, 1])
    net.setLink(1, isUp: false)
    #expect(net.selection == [2, 3, 2, 3])
    net.setLink(2, isUp: false)
    #expect(net.selection == [3, 3, 3, 3])
    net.setLink(3, isUp: false)
    #expect(net.selection == [-1, -1, -1, -1])
  }

  @Test func aPortOnAHealthyStandbyStaysWhenAnotherUplinkFails() {
    let net = portIDNetwork(active: [0, 1], standby: [2, 3], uplinks: 4, ports: 4)
    net.setLink(1, isUp: false)
    #expect(net.selection == [0, 2, 0, 2])
    net.setLink(0, isUp: false)
    #expect(net.selection == [3, 2, 3, 2], "the second failure takes the second standby")
  }

  @Test func aPortOnAHealthySubstituteStaysWhenTheStandbyIsFreeAgain() {
    let net = portIDNetwork(active: [0, 1, 2], standby: [3], uplinks: 4, ports: 3)
    net.setLink(0, isUp: false)
    net.setLink(1, isUp: false)
    #expect(net.selection == [3, 2, 2])
    net.setLink(0, isUp: true)
    net.advance(milliseconds: 100)
    #expect(net.selection == [0, 2, 2])
  }

  @Test func withoutFailbackAPortStays() {
    let net = portIDNetwork(active: [0, 1], uplinks: 2, ports: 2, failsBack: false)
    net.setLink(0, isUp: false)
    #expect(net.selection == [1, 1])
    net.setLink(0, isUp: true)
    net.advance(milliseconds: 10_000)
    #expect(net.selection == [1, 1])
    net.setLink(1, isUp: false)
    #expect(net.selection == [0, 0])
  }
}

@Suite struct ExplicitTeamingTests {
  private func network(failsBack: Bool = true) -> TestNetwork {
    TestNetwork(
      vms: [vm(), vm()],
      teams: [
        TeamPlan(
          policy: .explicitFailover, active: [2, 0], standby: [1], failsBack: failsBack)
      ], uplinkCount: 4)
  }

  @Test func theFirstUsableInOrderCarriesEverything() {
    let net = network()
    for (failing, expected) in [(4, 2), (2, 0), (0, 1), (1, -1)] {
      if failing < 4 { net.setLink(failing, isUp: false) }
      #expect(net.selection == [expected, expected], "uplink 3 is unused")
    }
  }

  @Test func failbackIsByOrderAfterTheDelay() {
    let net = network()
    net.setLink(2, isUp: false)
    #expect(net.selection == [0, 0])
    net.setLink(2, isUp: true)
    net.advance(milliseconds: 99)
    #expect(net.selection == [0, 0])
    #expect(!net.isUsable(2))
    net.advance(milliseconds: 1)
    #expect(net.selection == [2, 2])
    #expect(net.isUsable(2))
  }

  @Test func withoutFailbackTheStandbyKeepsThePorts() {
    let net = network(failsBack: false)
    net.setLink(2, isUp: false)
    net.setLink(0, isUp: false)
    #expect(net.selection == [1, 1])
    net.setLink(2, isUp: true)
    net.advance(milliseconds: 1_000)
    #expect(net.selection == [1, 1])
  }

  @Test func withoutFailbackAPortStaysWhenItsUplinkChangesItsPosition() {
    let team = TeamPlan(policy: .explicitFailover, active: [0, 1, 2], failsBack: false)
    let net = TestNetwork(vms: [vm()], teams: [team], uplinkCount: 3)
    net.setLink(0, isUp: false)
    #expect(net.selection == [1])
    _ = net.takeAnnouncements()
    net.ports[0].kind = .absent
    net.teams[0] = TeamPlan(policy: .explicitFailover, active: [0, 1], failsBack: false)
    net.apply(revision: 2, uplinks: [1, 2], positions: [1: 0, 2: 1])
    #expect(net.selection == [1])
    #expect(net.takeAnnouncements() == [], "it did not move")
  }

  @Test func anUplinkThatBecomesUnusedIsLeftAtOnce() {
    let net = network(failsBack: false)
    #expect(net.selection == [0, 0], "its link came up first, and there is no failback")
    net.teams[0] = TeamPlan(policy: .explicitFailover, active: [3], failsBack: false)
    net.apply(revision: 2)
    #expect(net.selection == [3, 3])
    #expect(net.takeAnnouncements() == [4, 5])
  }
}

@Suite struct UpDelayTests {
  private let team = [TeamPlan(policy: .explicitFailover, active: [0, 1])]

  @Test func aNewDownCancelsTheDelay() {
    let net = TestNetwork(vms: [vm()], teams: team)
    net.setLink(0, isUp: false)
    net.setLink(0, isUp: true)
    net.advance(milliseconds: 60)
    net.setLink(0, isUp: false)
    net.setLink(0, isUp: true)
    net.advance(milliseconds: 60)
    #expect(net.selection == [1], "the delay starts again")
    net.advance(milliseconds: 40)
    #expect(net.selection == [0])
  }

  @Test func tickSaysWhenItIsWanted() {
    let net = TestNetwork(vms: [vm()], teams: team)
    #expect(net.tick() == .never)
    net.setLink(0, isUp: false)
    #expect(net.tick() == .never)
    net.setLink(0, isUp: true)
    #expect(net.tick() == net.now.advanced(byMilliseconds: 100))
    net.network.uplinkUpDelayNanoseconds = 0
    net.setLink(0, isUp: false)
    net.setLink(0, isUp: true)
    #expect(net.selection == [0], "no delay at all")
  }

  @Test func theFirstUpIsNotDelayed() {
    let net = TestNetwork(vms: [vm()], teams: team, isUp: false)
    #expect(net.selection == [-1])
    net.setLink(1, isUp: true)
    #expect(net.selection == [1])
    net.setLink(0, isUp: true)
    #expect(net.selection == [0])
  }

  @Test func theOnlyUplinkLeftIsUsedAtOnceAndKept() {
    let net = TestNetwork(vms: [vm()], teams: team)
    net.setLink(1, isUp: false)
    net.setLink(0, isUp: false)
    #expect(net.selection == [-1])
    net.setLink(1, isUp: true)
    #expect(net.selection == [1], "waiting helps nobody")
    _ = net.takeAnnouncements()
    net.setLink(0, isUp: true)
    #expect(net.selection == [1])
    net.setAttached(0, false)
    net.setAttached(0, true)
    net.setLink(0, isUp: true)
    #expect(net.selection == [0], "a new attachment's first word is not delayed")
  }

  @Test func anUplinkUsedEarlyIsNotTakenBack() {
    let net = TestNetwork(
      vms: [vm()], teams: [TeamPlan(policy: .explicitFailover, active: [0, 1])], isUp: false)
    net.setLink(0, isUp: true)
    net.setLink(0, isUp: false)
    net.setLink(0, isUp: true)
    #expect(net.selection == [0], "the only one")
    net.setLink(1, isUp: true)
    #expect(net.selection == [0], "not until its delay is over, and then back")
  }

  @Test func aNewAttachmentHasNoLinkUntilItIsTold() {
    let net = TestNetwork(vms: [vm()], teams: team)
    net.setAttached(0, false)
    #expect(net.selection == [1])
    net.setAttached(0, true)
    #expect(net.selection == [1])
    net.setLink(0, isUp: true)
    #expect(net.selection == [0])
  }

  @Test func framesBetweenTwoBatchesGoWhereTheLinkIsNow() {
    let net = TestNetwork(vms: [vm()], teams: team)
    let out = frame(from: mac(2), to: outsider)
    #expect(net.send(out, at: 2) == [Sent(0)])
    net.setLink(0, isUp: false)
    #expect(net.send(out, at: 2) == [Sent(1)])
    net.setLink(1, isUp: false)
    #expect(net.send(out, at: 2) == [])
    #expect(net.drops(.uplinkDown, at: 2) == 1)
  }
}
