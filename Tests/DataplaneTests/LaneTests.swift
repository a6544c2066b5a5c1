// Each kind of note by itself, and what happens when notes are lost or cross a control call.

import Base
import Dataplane
import FrameMemory
import Tables
import Testing
import Wire

private let stranger = MACAddress(rawValue: 0x0200_0000_0777)

/// Ports that learn. Uplinks are 0 and 1, VM ports begin with 2; even ports are at home in lane 0.
private func learner(_ change: (inout PortPlan) -> Void = { _ in }) -> PortPlan {
  vm(vlan: 7) {
    $0.learnsMACs = true
    $0.allowsForgedTransmits = true
    $0.macLimit = 4_096
    change(&$0)
  }
}

private func lanes(
  _ vms: [PortPlan], count: Int = 2, refreshSeconds: UInt32 = 32,
  multicast: MulticastFiltering = .basic, shapes: [TrafficShape] = [],
  teams: [TeamPlan] = [TeamPlan(policy: .explicitFailover, active: [0, 1])],
  beaconDomains: [BeaconDomain] = []
) -> LaneNetworks {
  var limits = LaneNetworks.smallLimits
  limits.laneRefreshSeconds = refreshSeconds
  limits.macEntries = 16_384
  return LaneNetworks(count: count, limits: limits) { limits, lane in
    TestNetwork(
      vms: vms, teams: teams, vlanSets: [VLANSet([7...9])], limits: limits,
      beaconDomains: beaconDomains, shapes: shapes, multicast: multicast, lane: lane)
  }
}

extension LaneNetworks {
  fileprivate func send(_ bytes: [UInt8], at port: Int, by lane: Int, tag: VLANTag = .none)
    -> Set<Int>
  {
    Set(send([LaneFrame(bytes: bytes, port: port, tag: tag)], by: lane).keys)
  }

  fileprivate func learned(by lane: Int) -> Set<String> { lanes[lane].learned() }
}

@Suite struct LaneTests {
  @Test(arguments: [1, 2, 3, 16]) func portsAreSpreadOverTheLanes(count: Int) {
    for step in 1...10 {
      var ports = [Int](repeating: 0, count: count)
      for port in stride(from: 0, to: 1_024, by: step) {
        ports[LaneHome.lane(of: PortIndex(port), lanes: count)] += 1
      }
      let mean = 1_024 / step / count
      #expect(ports.allSatisfy { abs($0 - mean) <= mean / 4 + 3 }, "every \(step)th: \(ports)")
    }
  }

  @Test func anAddressThatOneLaneLearnsTheOthersKnow() {
    let net = lanes([learner(), learner(), learner()], count: 3)
    _ = net.send(frame(from: stranger, to: mac(3)), at: 2, by: 0)
    #expect(net.learned(by: 1) == [])
    net.exchange()
    for lane in 0..<3 {
      #expect(net.learned(by: lane).count == 1)
      #expect(net.send(frame(from: mac(4), to: stranger), at: 4, by: lane) == [2])
    }
    // It moves.
    _ = net.send(frame(from: stranger, to: mac(4)), at: 3, by: 1)
    net.exchange()
    for lane in 0..<3 {
      #expect(net.send(frame(from: mac(4), to: stranger), at: 4, by: lane) == [3])
    }
  }

  @Test func ofTwoPlacesAtOnceAllLanesTakeTheSame() {
    let net = lanes([learner(), learner(), learner()], count: 3)
    for _ in 0..<3 {
      _ = net.send(frame(from: stranger, to: mac(4)), at: 2, by: 0)
      _ = net.send(frame(from: stranger, to: mac(4)), at: 3, by: 1)
      net.exchange()
      #expect(net.learned(by: 0) == net.learned(by: 1))
      #expect(net.learned(by: 2) == net.learned(by: 1))
    }
  }

  @Test func agesAreToldInTime() {
    let net = lanes([learner(), learner()])
    for second in 0..<1_000 {
      _ = net.send(frame(from: stranger, to: mac(3)), at: 2, by: 0)
      net.exchange()
      net.advance(milliseconds: 1_000)
      guard second % 50 == 49 else { continue }
      #expect(net.learned(by: 1).count == 1, "second \(second)")
    }
    // Silent from now on: gone in both, in the other at most 32 seconds early.
    net.advance(milliseconds: 265_000)
    #expect(net.learned(by: 1).count == 1)
    net.advance(milliseconds: 36_000)
    #expect(net.learned(by: 1).isEmpty && net.learned(by: 0).isEmpty)
  }

  @Test func whoMovesOutIsOutsideForAllLanes() {
    let net = lanes([learner(), learner()])
    _ = net.send(frame(from: stranger, to: mac(3)), at: 2, by: 0)
    net.exchange()
    let rarp = bytes(of: .rarp(stranger))
    _ = net.send(rarp, at: 0, by: 1, tag: VLANTag(vlan: 7))
    net.exchange()
    let all = net.learned(by: 0)
    #expect(all.count == 1 && all.first?.hasSuffix("true") == true, "external")
    #expect(net.learned(by: 1) == all)
  }

  @Test func theHomeLaneIsAskedWhetherAGuestWasSilent() {
    let net = lanes([learner(), learner()])
    let reflected = frame(from: stranger, to: mac(3))
    for _ in 0..<5 {
      _ = net.send(reflected, at: 2, by: 0)
      net.exchange()
      net.advance(milliseconds: 1_000)
    }
    // Lane 1 has not heard of the guest for five seconds; lane 0 has, a second ago.
    #expect(net.send(reflected, at: 0, by: 1, tag: VLANTag(vlan: 7)) == [])
    net.exchange()
    #expect(net.learned(by: 0).first?.hasSuffix("false") == true, "it has not moved")
    #expect(net.learned(by: 1) == net.learned(by: 0))
    net.advance(milliseconds: 3_000)
    _ = net.send(reflected, at: 0, by: 1, tag: VLANTag(vlan: 7))
    net.exchange()
    #expect(net.learned(by: 0).first?.hasSuffix("true") == true, "silent, and seen outside")
    #expect(net.learned(by: 1) == net.learned(by: 0))
    #expect(net.send(reflected, at: 0, by: 1, tag: VLANTag(vlan: 7)) == [3])
  }

  @Test func anAddressToldFromFramesIsTheGuestsInAllLanes() {
    let net = lanes([vm(vlan: 7) { $0.acceptsMACChanges = true }, vm(vlan: 7)])
    for _ in 0..<3 { _ = net.send(frame(from: stranger, to: mac(3)), at: 2, by: 0) }
    #expect(net.lanes[1].address(of: 2) == mac(2))
    net.exchange()
    #expect(net.lanes[1].address(of: 2) == stranger)
    #expect(net.send(frame(from: mac(3), to: stranger), at: 3, by: 1) == [2])
    // The guest goes; a note of it that comes late changes nothing.
    for _ in 0..<3 { _ = net.send(frame(from: mac(2), to: mac(3)), at: 2, by: 0) }
    _ = net.rings[0].send(from: &net.lanes[0].network, now: net.lanes[0].now)
    net.each {
      $0.setAttached(2, false)
      $0.setAttached(2, true)
    }
    net.exchange()
    #expect(net.lanes[1].address(of: 2) == mac(2) && net.lanes[0].address(of: 2) == mac(2))
  }

  @Test func claimsAndVLANsAreAnnouncedByTheFirstLaneAlone() {
    let net = lanes([vm(vlan: 7), trunk()])
    let claim = Announcement(mac(3), .v4(IPv4Address(10, 0, 0, 3)))
    for (bytes, port, vlan) in [
      (bytes(of: claim), 3, UInt16(8)), (frame(from: mac(3), to: outsider), 3, 9),
    ] {
      _ = net.send(bytes, at: port, by: 1, tag: VLANTag(vlan: vlan))
    }
    net.exchange()
    let announced = net.lanes[0].announce(3)
    #expect(Set(announced.map(\.tag.vlan)).isSuperset(of: [8, 9]))
    #expect(announced.contains { $0.announcement.address == claim.address && $0.tag.vlan == 8 })
    net.each { $0.setLink(0, isUp: false) }
    #expect(net.lanes[0].takeAnnouncements() == [2, 3])
    #expect(net.lanes[1].takeAnnouncements() == [])
  }

  @Test func groupsThatAGuestJoinsInOneLaneReachItFromTheOthers() {
    let group = IPv4Address(239, 1, 2, 3)
    let net = lanes([vm(vlan: 7), vm(vlan: 7)], multicast: .snooping)
    var queries = 0
    for _ in 0..<40 {
      net.advance(milliseconds: 500)
      let (single, several) = net.produce()
      #expect(single == several, "the first lane asks, and only it")
      queries += several.count
    }
    #expect(queries > 0)
    let wanted = stream(to: group, from: outsider, host: 99)
    #expect(net.send(wanted, at: 0, by: 0, tag: VLANTag(vlan: 7)) == [])
    _ = net.send(igmp(0x16, group, from: mac(3), host: 3), at: 3, by: 1)
    net.exchange()
    #expect(net.send(wanted, at: 0, by: 0, tag: VLANTag(vlan: 7)) == [3])
    #expect(LaneNetworks.groups(net.lanes[0]) == LaneNetworks.groups(net.lanes[1]))
  }

  @Test func groupMessagesThatAreLostGiveThePortEverything() {
    let net = lanes([vm(vlan: 7), vm(vlan: 7)], multicast: .snooping)
    for _ in 0..<40 {
      net.advance(milliseconds: 500)
      _ = net.produce()
    }
    for number in 0..<70 {
      let group = IPv4Address(239, 1, 2, UInt8(number))
      _ = net.send(igmp(0x16, group, from: mac(3), host: 3), at: 3, by: 1)
    }
    net.exchange()
    let last = stream(to: IPv4Address(239, 1, 2, 69), from: outsider, host: 99)
    #expect(net.lanes[1].network.lostLaneNotes > 0)
    #expect(net.send(last, at: 0, by: 0, tag: VLANTag(vlan: 7)) == [3])
  }

  @Test func notesThatAreLostAreToldAgain() {
    let net = lanes([learner { $0.macLimit = .max }, learner()])
    for number in 0..<6_000 {
      let source = MACAddress(rawValue: 0x0200_0001_0000 + UInt64(number))
      _ = net.send(frame(from: source, to: mac(3)), at: 2, by: 0)
    }
    #expect(net.lanes[0].network.lostLaneNotes > 0)
    net.exchange()
    net.advance(milliseconds: 1_000)
    net.exchange()
    #expect(net.learned(by: 0).count == 6_000)
    #expect(net.learned(by: 1) == net.learned(by: 0))
  }

  @Test func aNoteFromAheadOfAControlCallWaitsForIt() {
    let net = lanes([learner(), learner(), learner()])
    net.each { $0.ports[4].isBlocked = true }
    net.lanes[0].apply()
    _ = net.send(frame(from: stranger, to: mac(3)), at: 2, by: 0)
    net.exchange()
    #expect(net.learned(by: 1) == [])
    net.lanes[1].apply()
    net.exchange()
    #expect(net.learned(by: 1).count == 1)
  }

  @Test func aNoteFromBeforeItsPortChangedIsDropped() {
    let net = lanes([learner(), learner(), learner()])
    _ = net.send(frame(from: stranger, to: mac(3)), at: 2, by: 0)
    net.each { $0.ports[2].vlan = 8 }
    net.lanes[1].apply()
    net.exchange()
    #expect(net.learned(by: 1) == [], "the port is in another VLAN now")
    net.lanes[0].apply()
    net.exchange()
    #expect(net.learned(by: 0) == [] && net.learned(by: 1) == [])
  }

  @Test func shapedPortsAreServedByTheirHomeLane() {
    let shape = TrafficShape(
      averageBitsPerSecond: 80_000, peakBitsPerSecond: 80_000, burstBytes: 3_036)
    let net = lanes(
      [vm(vlan: 7), vm(vlan: 7), vm(vlan: 7) { $0.egressShape = 1 }], shapes: [shape])
    let one = frame(from: mac(3), to: mac(4), payloadBytes: 1_000)
    for number in 0..<10 {
      let output = net.send([LaneFrame(bytes: one, port: 3)], by: 1)
      #expect(output[4]?.map(\.bytes) ?? [one] == [one], "whole, number \(number)")
    }
    #expect(net.sums.holds && net.lanes[0].sums.holds && net.lanes[1].sums.holds)
    #expect(net.lanes[1].sums.handedOver == 10 && net.lanes[0].sums.takenOver == 10)
    let queued = net.lanes[0].sums.queued
    #expect(queued > 0 && net.lanes[1].sums.queued == 0)
    var released = 0
    for _ in 0..<20 {
      net.advance(milliseconds: 500)
      released += net.produce().lanes[4]?.count ?? 0
    }
    #expect(released == Int(queued))
    #expect(net.counters(of: 4).egress.packetsUnicast == 10)
  }

  @Test func whatTheHomeLaneHasNoRoomForIsDropped() {
    let shape = TrafficShape(
      averageBitsPerSecond: 1_000_000_000, peakBitsPerSecond: 1_000_000_000,
      burstBytes: 1_000_000_000)
    let net = lanes(
      [vm(vlan: 7), vm(vlan: 7), vm(vlan: 7) { $0.egressShape = 1 }], shapes: [shape])
    let lane = net.lanes[1]
    let one = frame(from: mac(3), to: mac(4), payloadBytes: 1_000)
    for _ in 0..<4_000 {
      lane.batch.removeAll()
      lane.deliveries.removeAll()
      lane.batch.append(copying: one.rawSpan, ingress: PortIndex(3))
      _ = lane.network.process(lane.batch, from: 0, into: &lane.deliveries, now: lane.now)
      _ = net.rings[1].handOver(from: &lane.network, lane.batch)
    }
    // 16 lines each of 32,768.
    #expect(lane.drops(.queueFull, at: 4) == 4_000 - 2_048 && lane.sums.holds)
    #expect(lane.sums.handedOver == 2_048)
  }

  @Test func framesWaitForEachOtherWhereTheyMay() {
    let net = lanesWithOneSender()
    for _ in 0..<15 { handOver(net, mayWait: true) }
    #expect(!net.rings[0].isWaiting && takeOver(net) == 0)
    #expect(net.rings[1].showHandedOver() == 1 && takeOver(net) == 15)
    #expect(net.rings[1].showHandedOver() == 0)
    for _ in 0..<15 { handOver(net, mayWait: true) }
    handOver(net)
    #expect(takeOver(net) == 16, "the sixteenth shows them all")
    #expect(net.sums.holds)
  }

  /// Takes a frame from port 3 to port 4 through lane 1, as far as the ring.
  private func handOver(_ net: LaneNetworks, mayWait: Bool = false) {
    let lane = net.lanes[1]
    lane.batch.removeAll()
    lane.deliveries.removeAll()
    lane.batch.append(copying: frame(from: mac(3), to: mac(4)).rawSpan, ingress: PortIndex(3))
    _ = lane.network.process(lane.batch, from: 0, into: &lane.deliveries, now: lane.now)
    let given = net.rings[1].handOver(from: &lane.network, lane.batch, mayWait: mayWait)
    #expect((given == 0) == mayWait && lane.deliveries.count == 0)
  }

  /// How many deliveries lane 0 makes of what waits.
  private func takeOver(_ net: LaneNetworks) -> Int {
    let lane = net.lanes[0]
    lane.batch.removeAll()
    lane.deliveries.removeAll()
    _ = net.rings[0].takeOver(into: &lane.batch, &lane.deliveries, &lane.network, now: lane.now)
    return lane.deliveries.count
  }

  private func lanesWithOneSender() -> LaneNetworks {
    let net = lanes([vm(vlan: 7), vm(vlan: 7), vm(vlan: 7)])
    net.each { $0.network.setSending(PortIndex(4), atHomeOnly: true) }
    return net
  }

  @Test func whatOnlyTheHomeLaneCanSendIsHandedOver() {
    let net = lanesWithOneSender()
    handOver(net)
    #expect(takeOver(net) == 1)
    #expect(net.send(frame(from: mac(3), to: mac(4)), at: 3, by: 0) == [4])
    #expect(net.lanes[0].sums.handedOver == 0, "it is at home")
    #expect(net.counters(of: 4).egress.packetsUnicast == 2)
    net.each { $0.network.setSending(PortIndex(4), atHomeOnly: false) }
    #expect(net.send(frame(from: mac(3), to: mac(4)), at: 3, by: 1) == [4])
    #expect(net.lanes[1].sums.handedOver == 1 && net.sums.holds)
  }

  @Test func aFrameOnItsWayMeetsNoOtherPort() {
    let net = lanesWithOneSender()
    handOver(net)
    net.each { $0.ports[4].vlan = 8 }
    net.lanes[0].apply()
    #expect(takeOver(net) == 0)
    #expect(net.lanes[0].drops(.portDown, at: 4) == 1, "it was for a port of VLAN 7")
    // Back again: lane 0 is told last, and must not give the frame to what is still another port.
    net.lanes[1].apply()
    net.each { $0.ports[4].vlan = 7 }
    net.lanes[1].apply()
    handOver(net)
    #expect(takeOver(net) == 0 && net.rings[0].isWaiting)
    net.lanes[0].apply()
    #expect(takeOver(net) == 1 && !net.rings[0].isWaiting)
    #expect(net.sums.holds)
  }

  @Test func oneLaneBalancesTheLoadOfAll() {
    let net = lanes(
      (0..<4).map { _ in vm(vlan: 7) },
      teams: [TeamPlan(policy: .physicalLoad, active: [0, 1])])
    net.each { net in
      for uplink in 0..<2 { net.network.setSpeed(PortIndex(uplink), megabitsPerSecond: 1) }
      net.advance(milliseconds: 1)
    }
    #expect(net.lanes[1].selection == [0, 1, 0, 1])
    // Ports 2 and 4 fill the first uplink to 90 %, each by another lane.
    for _ in 0..<70 {
      for (port, percent, lane) in [(2, 50, 1), (4, 40, 0)] {
        for _ in 0..<percent * 125 / 100 {
          _ = net.send(
            frame(from: mac(port), to: outsider, payloadBytes: 986), at: port, by: lane)
        }
      }
      net.advance(milliseconds: 1_000)
      net.exchange()
    }
    #expect(net.lanes[0].selection == [1, 1, 0, 1])
    #expect(net.lanes[1].selection == [1, 1, 0, 1])
    #expect(net.lanes[0].takeAnnouncements().contains(2))
  }

  @Test func beaconsAreSentOnceAndHeardByAll() {
    let net = lanes(
      [vm(vlan: 7)],
      teams: [TeamPlan(policy: .explicitFailover, active: [0, 1], beaconDomain: 0)],
      beaconDomains: [BeaconDomain(members: 3, vlan: 7)])
    var sent = 0
    for step in 0..<200 {
      net.advance(milliseconds: 100)
      for (port, frames) in net.produce().lanes {
        sent += frames.count
        // For the first ten seconds the uplinks hear each other, each by another lane.
        guard step < 100 else { continue }
        for beacon in frames {
          _ = net.send([LaneFrame(bytes: beacon.bytes, port: 1 - port, tag: beacon.tag)], by: port)
        }
      }
      net.exchange()
      for lane in net.lanes where step == 99 {
        let verdict = lane.network.beaconVerdict(of: PortIndex(1))
        #expect(verdict?.isGood == true && verdict?.isShotgun == false)
      }
    }
    #expect(sent > 20)
    for lane in net.lanes {
      #expect(lane.network.beaconVerdict(of: PortIndex(1))?.isShotgun == true)
    }
  }

  @Test func readingsOfLanesAreOneSwitch() {
    let key = MACKey(stranger, vlan: 7)
    let old = MACEntry(port: 2, kind: .learned, seenSeconds: 10)
    let new = MACEntry(port: 3, kind: .learned, seenSeconds: 11)
    #expect(MACEntry.union([[(key, old)], [(key, new)], []]) == [key: new])
    let own = MACEntry(port: 4, kind: .static, seenSeconds: 0)
    #expect(MACEntry.union([[(key, own)], [(key, new)]]) == [key: own])
  }
}
