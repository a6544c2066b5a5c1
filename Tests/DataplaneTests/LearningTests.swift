// MAC learning at ports whose port group enables it: limits, flooding, moves, ageing, forgeries.

import Base
import Dataplane
import FrameMemory
import Tables
import Testing
import Wire

/// A port that learns, in VLAN 10.
private func learner(_ change: (inout PortPlan) -> Void = { _ in }) -> PortPlan {
  vm(vlan: 10) {
    $0.allowsForgedTransmits = true
    $0.learnsMACs = true
    change(&$0)
  }
}

/// An address behind a learning port.
private func nested(_ number: Int) -> MACAddress {
  MACAddress(rawValue: 0x0200_0000_1000 + UInt64(number))
}

extension TestNetwork {
  /// Where a frame from VM port `port` to an address comes out.
  fileprivate func ports(reaching address: MACAddress, from port: Int) -> [Int] {
    send(frame(from: mac(port), to: address), at: port).map(\.port).sorted()
  }

  /// The learned and external entries.
  fileprivate var entries: [MACAddress: MACEntry.Kind] {
    var all: [MACAddress: MACEntry.Kind] = [:]
    var cursor = 0
    while let (key, entry) = network.nextMACEntry(&cursor, now: now) {
      if entry.kind != .static { all[key.address] = entry.kind }
    }
    return all
  }
}

@Suite struct LearningTests {
  @Test func anAddressIsFoundWhereItWasSeen() {
    let net = TestNetwork(vms: [learner(), vm(vlan: 10), vm(vlan: 20)])
    #expect(net.ports(reaching: nested(1), from: 3) == [0], "unknown: to the uplink")
    #expect(net.send(frame(from: nested(1), to: mac(3)), at: 2) == [Sent(3)])
    #expect(net.ports(reaching: nested(1), from: 3) == [2])
    #expect(net.ports(reaching: nested(1), from: 4) == [0], "another VLAN")
    let tag = VLANTag(vlan: 10)
    #expect(net.send(frame(from: outsider, to: nested(1)), at: 1, tag: tag) == [Sent(2)])
  }

  @Test func aPortThatDoesNotLearnOnlyForwards() {
    let net = TestNetwork(vms: [vm { $0.allowsForgedTransmits = true }, vm()])
    #expect(net.send(frame(from: nested(1), to: mac(3)), at: 2) == [Sent(3)])
    #expect(net.entries.isEmpty)
  }

  @Test(arguments: [false, true]) func theLimitDropsOrForwardsUnlearned(forwards: Bool) {
    let net = TestNetwork(
      vms: [
        learner {
          $0.macLimit = 3
          $0.forwardsBeyondLimit = forwards
        }, vm(vlan: 10),
      ])
    for number in 1...3 {
      #expect(net.send(frame(from: nested(number), to: mac(3)), at: 2) == [Sent(3)])
    }
    let expected: Set<Sent> = forwards ? [Sent(3)] : []
    #expect(net.send(frame(from: nested(4), to: mac(3)), at: 2) == expected)
    #expect(net.drops(.macLimit, at: 2) == (forwards ? 0 : 1))
    #expect(net.entries.count == 3)
    #expect(net.send(frame(from: nested(2), to: mac(3)), at: 2) == [Sent(3)], "a known one")
    #expect(net.send(frame(from: mac(2), to: mac(3)), at: 2) == [Sent(3)], "the vNIC's own")
  }

  @Test func aFullTableIsALimitToo() {
    var limits = SwitchLimits()
    limits.ports = 8
    limits.macEntries = 4
    let net = TestNetwork(
      vms: [learner(), learner { $0.forwardsBeyondLimit = true }], limits: limits)
    for number in 1...4 { _ = net.send(frame(from: nested(number), to: mac(3)), at: 2) }
    #expect(net.send(frame(from: nested(5), to: mac(3)), at: 2) == [])
    #expect(net.drops(.macLimit, at: 2) == 1)
    #expect(net.send(frame(from: nested(6), to: mac(2)), at: 3) == [Sent(2)])
    #expect(net.entries.count == 4)
  }

  @Test func anIdleAddressAtTheLimitMayComeBack() {
    let net = TestNetwork(vms: [learner { $0.macLimit = 1 }, vm(vlan: 10)])
    _ = net.send(frame(from: nested(1), to: mac(3)), at: 2)
    net.advance(milliseconds: 301_000)
    #expect(net.send(frame(from: nested(1), to: mac(3)), at: 2) == [Sent(3)])
    #expect(net.ports(reaching: nested(1), from: 3) == [2])
  }

  @Test func idleAddressesAreForgotten() {
    let net = TestNetwork(vms: [learner(), vm(vlan: 10)])
    _ = net.send(frame(from: nested(1), to: mac(3)), at: 2)
    net.advance(milliseconds: 200_000)
    _ = net.send(frame(from: nested(2), to: mac(3)), at: 2)
    net.advance(milliseconds: 100_000)
    #expect(net.ports(reaching: nested(1), from: 3) == [2], "300 s is not too old")
    net.advance(milliseconds: 1_000)
    #expect(net.ports(reaching: nested(1), from: 3) == [0])
    #expect(net.ports(reaching: nested(2), from: 3) == [2])
    #expect(net.entries.keys.sorted() == [nested(2)])
    for _ in 0..<64 { net.network.sweepMACs(now: net.now) }
    #expect(net.network.macCount == 3, "the sweep removed the old one")
  }

  @Test func unknownUnicastFloodsToPortsThatWantIt() {
    let net = TestNetwork(
      vms: [
        learner { $0.floodsUnknown = true }, learner(), vm(vlan: 10),
        learner {
          $0.floodsUnknown = true
          $0.vlan = 20
        }, learner { $0.floodsUnknown = true },
      ])
    #expect(net.ports(reaching: nested(9), from: 4) == [0, 2, 6])
    #expect(net.ports(reaching: nested(9), from: 2) == [0, 6], "never back")
    let tag = VLANTag(vlan: 10)
    let unknown = frame(from: outsider, to: nested(9))
    #expect(net.send(unknown, at: 0, tag: tag) == [Sent(2), Sent(6)])
    #expect(net.send(unknown, at: 1, tag: tag) == [], "their team uses uplink 0")
  }

  @Test func anAddressMovesBetweenPortsWithItsFrames() {
    let net = TestNetwork(vms: [learner(), learner(), vm(vlan: 10)])
    for port in [2, 3, 2] {
      _ = net.send(frame(from: nested(1), to: mac(4)), at: port)
      #expect(net.ports(reaching: nested(1), from: 4) == [port])
    }
    #expect(net.entries == [nested(1): .learned])
  }

  @Test func aMoveToTheOutsideNeedsAnAnnouncementOrSilence() {
    let net = TestNetwork(vms: [learner(), vm(vlan: 10)])
    let tag = VLANTag(vlan: 10)
    _ = net.send(frame(from: nested(1), to: mac(3)), at: 2)
    let reflected = frame(from: nested(1), to: mac(3))
    #expect(net.send(reflected, at: 0, tag: tag) == [])
    #expect(net.drops(.sourceIsLocal, at: 0) == 1)
    #expect(net.ports(reaching: nested(1), from: 3) == [2])

    #expect(net.send(bytes(of: .rarp(nested(1))), at: 0, tag: tag) == [Sent(2), Sent(3)])
    #expect(net.ports(reaching: nested(1), from: 3) == [0], "announced: at once")
    #expect(net.entries == [nested(1): .external])
    #expect(net.send(reflected, at: 0, tag: tag) == [Sent(3)])

    _ = net.send(frame(from: nested(1), to: mac(3)), at: 2)
    #expect(net.ports(reaching: nested(1), from: 3) == [2], "and back at once")
    net.advance(milliseconds: 2_000)
    #expect(net.send(reflected, at: 0, tag: tag) == [Sent(3)], "silent here: it moved")
    #expect(net.ports(reaching: nested(1), from: 3) == [0])
  }

  /// What leaves by one uplink of a team comes back by the others, announcements included: the guest's
  /// own, and those that the switch makes for a guest that is silent.
  @Test func anAnnouncementOfOurOwnThatComesBackMovesNothing() {
    let net = TestNetwork(vms: [learner(), vm(vlan: 10)])
    let tag = VLANTag(vlan: 10)
    let announcement = bytes(of: .rarp(nested(1)))
    #expect(net.send(announcement, at: 2) == [Sent(3), Sent(0, tag)])
    #expect(net.send(announcement, at: 1, tag: tag) == [])
    net.advance(milliseconds: 5_000)
    #expect(net.announce(2).contains(Announced(.rarp(nested(1)), 0, vlan: 10)))
    #expect(net.send(announcement, at: 1, tag: tag) == [])
    #expect(net.drops(.sourceIsLocal, at: 1) == 2)
    #expect(net.send(frame(from: outsider, to: nested(1)), at: 0, tag: tag) == [Sent(2)])
    #expect(net.send(announcement, at: 0, tag: tag).count == 2, "nothing comes back by its own")
    #expect(net.entries == [nested(1): .external])
  }

  @Test func announcementsOfStrangersAreRememberedAndNothingElse() {
    let net = TestNetwork(vms: [learner { $0.floodsUnknown = true }, vm(vlan: 10)])
    let tag = VLANTag(vlan: 10)
    _ = net.send(frame(from: nested(1), to: .broadcast), at: 0, tag: tag)
    #expect(net.entries.isEmpty)
    _ = net.send(bytes(of: .rarp(nested(1))), at: 0, tag: tag)
    #expect(net.entries == [nested(1): .external])
    #expect(net.ports(reaching: nested(1), from: 3) == [0], "known to be outside: no flooding")
    #expect(net.send(frame(from: outsider, to: nested(1)), at: 0, tag: tag) == [])
  }

  @Test func theAddressOfAPortIsNobodyElses() {
    let net = TestNetwork(vms: [learner(), vm(vlan: 10), trunk()], vlanSets: [.all])
    #expect(net.send(frame(from: mac(3), to: outsider), at: 2).count == 1)
    #expect(net.ports(reaching: mac(3), from: 2) == [3])
    #expect(net.send(frame(from: mac(4), to: outsider), at: 2).count == 1)
    #expect(net.ports(reaching: mac(4), from: 3) == [4], "nor that of a trunk port")
    #expect(net.send(bytes(of: .rarp(mac(3))), at: 0, tag: VLANTag(vlan: 10)) == [])
    #expect(net.send(bytes(of: .rarp(mac(4))), at: 0, tag: VLANTag(vlan: 10)) == [])
    #expect(net.drops(.sourceIsLocal, at: 0) == 2)
    #expect(net.entries.isEmpty)
  }

  /// 512 of 1,024 entries are for what is announced beyond two uplinks.
  @Test func announcementsOfStrangersLeaveRoomForGuests() {
    let net = TestNetwork(vms: [learner(), vm(vlan: 10)])
    for number in 0..<2_000 {
      _ = net.send(bytes(of: .rarp(nested(number))), at: number % 2, tag: VLANTag(vlan: 10))
    }
    #expect(net.entries.count == 512)
    for number in 5_000..<5_400 {
      #expect(net.send(frame(from: nested(number), to: mac(3)), at: 2) == [Sent(3)])
      #expect(net.ports(reaching: nested(number), from: 3) == [2])
    }
  }
}
