// A new plan: what stays, what goes, and that no frame is lost between the two.

import Base
import Dataplane
import FrameMemory
import Testing
import Wire

@Suite struct PlanChangeTests {
  @Test func countersAndAttachmentsOutliveAPlan() {
    let net = TestNetwork(vms: [vm(), vm()])
    _ = net.send(frame(from: mac(2), to: mac(3)), at: 2)
    net.ports[2].macLimit = 7
    net.ports.append(vm { $0.id = 50 })
    net.apply(revision: 9)
    #expect(net.network.revision == 9)
    #expect(net.counters(of: 2).ingress.packetsUnicast == 1)
    #expect(net.send(frame(from: mac(2), to: mac(3)), at: 2) == [Sent(3)])
    #expect(net.counters(of: 2).ingress.packetsUnicast == 2)
  }

  @Test func theOldPlanComesBack() {
    let net = TestNetwork(vms: [vm()])
    let plan = SwitchPlan(revision: 2, mtu: 1500, ports: [])
    let old = net.network.apply(plan, now: net.now)
    let revisions = (old.revision, net.network.revision)
    #expect(revisions == (1, 2))
  }

  @Test func anotherVLANMovesTheAddress() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10), vm(vlan: 20)])
    net.ports[2].vlan = 20
    net.apply(revision: 2)
    #expect(net.send(frame(from: mac(3), to: mac(2)), at: 3) == [Sent(0, VLANTag(vlan: 10))])
    #expect(net.send(frame(from: mac(4), to: mac(2)), at: 4) == [Sent(2)])
    #expect(net.send(frame(from: mac(4), to: .broadcast), at: 4).contains(Sent(2)))
    net.ports[2].vlanMode = .none
    net.ports[2].vlan = 0
    net.apply(revision: 3)
    #expect(net.send(frame(from: mac(4), to: mac(2)), at: 4) == [Sent(0, VLANTag(vlan: 20))])
    #expect(net.send(frame(from: outsider, to: mac(2)), at: 0) == [Sent(2)])
  }

  @Test func twoPortsMaySwapTheirAddresses() {
    let net = TestNetwork(vms: [vm(), vm(), vm()])
    (net.ports[2].mac, net.ports[3].mac) = (net.ports[3].mac, net.ports[2].mac)
    net.apply(revision: 2)
    #expect(net.send(frame(from: mac(4), to: mac(2)), at: 4) == [Sent(3)])
    #expect(net.send(frame(from: mac(4), to: mac(3)), at: 4) == [Sent(2)])
    #expect(net.network.macCount == 3)
  }

  @Test func whatWasLearnedGoesWithThePortAndItsVLAN() {
    func learner() -> PortPlan {
      vm(vlan: 10) {
        $0.learnsMACs = true
        $0.allowsForgedTransmits = true
      }
    }
    let nested = MACAddress(rawValue: 0x0200_0000_1000)
    let changes: [(String, (inout PortPlan) -> Void)] = [
      ("removed", { $0.kind = .absent }), ("another VLAN", { $0.vlan = 20 }),
      ("no learning", { $0.learnsMACs = false }), ("another port", { $0.id = 77 }),
    ]
    for (name, change) in changes {
      let net = TestNetwork(vms: [learner(), vm(vlan: 10)])
      _ = net.send(frame(from: nested, to: mac(3)), at: 2)
      #expect(net.send(frame(from: mac(3), to: nested), at: 3) == [Sent(2)])
      change(&net.ports[2])
      net.apply(revision: 2)
      let tag = VLANTag(vlan: 10)
      #expect(net.send(frame(from: mac(3), to: nested), at: 3) == [Sent(0, tag)], "\(name)")
    }
  }

  @Test func aVLANTakenFromATrunkIsLeftByWhatWasLearnedThere() {
    let net = TestNetwork(
      vms: [
        trunk {
          $0.learnsMACs = true
          $0.allowsForgedTransmits = true
        }, vm(vlan: 10),
      ], vlanSets: [VLANSet([10...20])])
    let nested = MACAddress(rawValue: 0x0200_0000_1000)
    let tag = VLANTag(vlan: 10)
    _ = net.send(frame(from: nested, to: mac(3)), at: 2, tag: tag)
    #expect(net.send(frame(from: mac(3), to: nested), at: 3) == [Sent(2, tag)])
    net.vlanSets[1] = VLANSet([11...20])
    net.apply(revision: 2)
    #expect(net.send(frame(from: mac(3), to: nested), at: 3) == [Sent(0, tag)])
    #expect(net.send(frame(from: mac(3), to: mac(2)), at: 3) == [Sent(0, tag)])
  }

  @Test func aTrunkPortTakesItsAddressFromWhoeverUsedIt() {
    let net = TestNetwork(
      vms: [
        vm(vlan: 10) {
          $0.learnsMACs = true
          $0.allowsForgedTransmits = true
        }, vm(vlan: 10),
      ], vlanSets: [VLANSet([10...10])])
    _ = net.send(frame(from: mac(4), to: mac(3)), at: 2)
    #expect(net.send(frame(from: mac(3), to: mac(4)), at: 3) == [Sent(2)])
    net.ports.append(trunk { $0.mac = mac(4) })
    net.apply(revision: 2)
    net.setAttached(4, true)
    #expect(net.send(frame(from: mac(3), to: mac(4)), at: 3) == [Sent(4, VLANTag(vlan: 10))])
  }

  @Test func framesOfNobodyAreNotCountedForTheNextPort() {
    let net = TestNetwork(vms: [vm()])
    _ = net.send(frame(from: mac(3), to: mac(2)), at: 3)
    net.ports.append(vm { $0.id = 9 })
    net.apply(revision: 2)
    #expect(net.counters(of: 3) == PortCounters())
  }

  @Test func aReusedIndexStartsClean() {
    let net = TestNetwork(vms: [trunk(), vm()], vlanSets: [.all])
    let address = IPv4Address(rawValue: 0x0A00_0001)
    _ = net.send(bytes(of: .gratuitousARP(mac(2), address)), at: 2, tag: VLANTag(vlan: 30))
    _ = net.send([0], at: 2)
    net.ports[2].id = 99
    net.apply(revision: 2)
    #expect(net.counters(of: 2) == PortCounters())
    #expect(!net.isAttached(2), "the attachment was the other port's")
    #expect(net.send(frame(from: mac(2), to: mac(3)), at: 2) == [])
    #expect(net.drops(.portDown, at: 2) == 1)
    net.setAttached(2, true)
    #expect(net.announce(2) == [Announced(.rarp(mac(2)), 0)], "no VLAN, no address remembered")
  }

  @Test func aRemovedPortIsGone() {
    let net = TestNetwork(vms: [vm(), vm(), vm()])
    net.ports[3].kind = .absent
    net.apply(revision: 2)
    #expect(net.send(frame(from: mac(2), to: .broadcast), at: 2) == [Sent(4), Sent(0)])
    #expect(net.send(frame(from: mac(2), to: mac(3)), at: 2) == [Sent(0)])
    net.ports.removeLast(2)
    net.apply(revision: 3)
    #expect(net.send(frame(from: mac(2), to: .broadcast), at: 2) == [Sent(0)])
    #expect(net.network.macCount == 1)
  }

  @Test func aPortThatWaitsToBeAnnouncedMayGo() {
    let net = TestNetwork(vms: [vm(), vm()])
    net.setLink(0, isUp: false)
    net.ports[2].kind = .absent
    net.apply(revision: 2)
    for port in net.takeAnnouncements() where port == 2 { #expect(net.announce(port) == []) }
  }

  @Test func anUplinkThatIsTakenAwayIsNotUsed() {
    let net = TestNetwork(vms: [vm()])
    net.ports[0].kind = .absent
    net.apply(revision: 2, uplinks: [1], positions: [1: 0])
    net.teams[0] = TeamPlan(policy: .explicitFailover, active: [0])
    net.apply(revision: 3, uplinks: [1], positions: [1: 0])
    #expect(net.uplink(of: 2) == 1)
    #expect(net.send(frame(from: mac(2), to: outsider), at: 2) == [Sent(1)])
  }

  @Test func anUplinkSendsOnlyTheVLANsThatItCarries() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 20)], vlanSets: [VLANSet([20...20])])
    for uplink in 0...1 { net.ports[uplink].vlanSet = 1 }
    net.apply(revision: 2)
    #expect(net.send(frame(from: mac(2), to: .broadcast), at: 2) == [])
    #expect(net.drops(.vlanMismatch, at: 0) == 1)
    #expect(net.announce(2) == [])
    #expect(net.drops(.vlanMismatch, at: 0) == 2)
    #expect(net.send(frame(from: mac(3), to: .broadcast), at: 3) == [Sent(0, VLANTag(vlan: 20))])
  }

  @Test func noFrameIsLostToAPlanThatDoesNotConcernIt() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10), vm(vlan: 20)])
    for step in 0..<100 {
      net.ports[4].vlan = UInt16(20 + step % 7)
      net.ports[4].isBlocked = step % 2 == 0
      net.apply(revision: UInt64(step))
      #expect(net.send(frame(from: mac(2), to: mac(3)), at: 2) == [Sent(3)])
      #expect(net.send(frame(from: mac(2), to: outsider), at: 2).count == 1)
    }
    #expect(net.sums.dropped == 0)
  }
}

@Suite struct BatchTests {
  /// Sends `frames` broadcasts through a list of `room` and says how many steps it took.
  private func steps(_ net: TestNetwork, frames: Int, room: Int) -> Int {
    net.batch.removeAll()
    let hello = frame(from: mac(2), to: .broadcast)
    // SAFETY: bytes have no padding.
    for _ in 0..<frames {
      net.batch.append(copying: unsafe hello.span.bytes, ingress: PortIndex(2))
    }
    net.deliveries = DeliveryList(capacity: room, portCapacity: net.network.limits.ports)
    var (done, steps) = (0, 0)
    while done < frames {
      let before = done
      done = net.network.process(net.batch, from: done, into: &net.deliveries, now: net.now)
      let taken = net.deliveries.count
      #expect(done > before && taken == (done - before) * 4)
      net.deliveries.removeAll()
      steps += 1
    }
    return steps
  }

  @Test(arguments: [(5, 10), (8, 10), (9, 5), (4_096, 1)]) func aFullListStopsEarlyAndLosesNothing(
    room: Int, expected: Int
  ) {
    let net = TestNetwork(vms: [vm(), vm(), vm(), vm()])
    #expect(net.network.largestFanout == 5)
    #expect(steps(net, frames: 10, room: room) == expected)
    #expect(net.sums.delivered == 40 && net.sums.dropped == 0)
    #expect(net.counters(of: 0).egress.packetsBroadcast == 10)
  }

  @Test func aListTooSmallForOneBroadcastIsAProgrammingError() async {
    await #expect(processExitsWith: .failure) {
      let net = TestNetwork(vms: [vm(), vm()])
      net.deliveries = DeliveryList(capacity: 2, portCapacity: 64)
      _ = net.send(frame(from: mac(2), to: .broadcast), at: 2)
    }
  }

  @Test func aRefusedDeliveryIsTakenBack() {
    let net = TestNetwork(vms: [vm(), vm()])
    _ = net.send(frame(from: mac(2), to: mac(3)), at: 2)
    net.network.recordFailure(of: 0, in: net.batch, at: PortIndex(3), reason: .attachmentFull)
    net.network.recordReceiveDrops(3, at: PortIndex(2), reason: .noBuffer)
    let sums = net.sums
    #expect(sums.holds && sums.delivered == 0 && sums.dropped == 4 && sums.received == 4)
    #expect(net.counters(of: 3).egress.packets == 0)
    #expect(net.counters(of: 3).egress.packetsDropped == 1)
    #expect(net.counters(of: 2).ingress.packets == 4)
    #expect(net.drops(.attachmentFull, at: 3) == 1 && net.drops(.noBuffer, at: 2) == 3)
  }

  /// Uplinks are trunks, too, but what their slot says is a VM port's.
  @Test func anotherUplinkTakesNothingFromATrunksNotes() {
    let net = TestNetwork(vms: [trunk()], vlanSets: [VLANSet([5...9])])
    _ = net.send(frame(from: mac(2), to: outsider), at: 2, tag: VLANTag(vlan: 5))
    let uplink = net.ports[1]
    net.ports[1] = PortPlan()
    net.apply(revision: 2, uplinks: [0])
    net.ports[1] = uplink
    net.apply(revision: 3)
    var tracer = RecordingTracer()
    let tags = net.announce(2, batchFrames: 64, tracer: &tracer).map(\.tag)
    #expect(tags == [VLANTag(vlan: 5)])
  }
}
