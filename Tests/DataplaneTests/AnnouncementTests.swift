// What a port's announcement says, and where it goes.

import Base
import Dataplane
import FrameMemory
import Testing
import Wire

/// An announcement as it leaves the switch.
struct Announced: Hashable {
  var announcement: Announcement
  var port: Int
  var tag: VLANTag

  init(_ announcement: Announcement, _ port: Int, vlan: UInt16 = 0) {
    self.announcement = announcement
    self.port = port
    tag = vlan == 0 ? .none : VLANTag(vlan: vlan)
  }
}

extension TestNetwork {
  /// All announcements of a port, made in batches of `batchFrames` frames and lists of `room`.
  func announce(_ port: Int, batchFrames: Int = 64, room: Int = 4_096) -> [Announced] {
    var tracer = RecordingTracer()
    return announce(port, batchFrames: batchFrames, room: room, tracer: &tracer)
  }

  func announce(
    _ port: Int, batchFrames: Int = 64, room: Int = 4_096, tracer: inout RecordingTracer
  ) -> [Announced] {
    var small = FrameBatch(capacity: batchFrames, frameCapacityBytes: 128)
    var list = DeliveryList(capacity: room, portCapacity: network.limits.ports)
    var cursor = AnnouncementCursor()
    var all: [Announced] = []
    for _ in 0..<10_000 where !cursor.isDone {
      small.removeAll()
      list.removeAll()
      network.announce(PortIndex(port), into: &small, &list, &cursor, tracer: &tracer)
      for index in 0..<list.touchedCount {
        var entry = list.first(of: list.touchedPort(index))
        while let current = entry {
          var announced = Announced(.rarp(.zero), list.touchedPort(index).index)
          announced.tag = list[current].tag
          if let read = Announcement(small.bytes(of: Int(list[current].frame))) {
            announced.announcement = read
          }
          all.append(announced)
          entry = list.next(after: current)
        }
      }
    }
    let (isDone, sums) = (cursor.isDone, network.conservation)
    #expect(isDone, "the cursor comes to an end")
    #expect(sums.holds, "\(sums)")
    return all
  }
}

private let v4 = IPv4Address(rawValue: 0x0A00_0A01)
private let v6 = IPv6Address(high: 0xFD00_0010 << 32, low: 1)

@Suite struct AnnouncementTests {
  @Test func anAccessPortAnnouncesItsAddressesInItsVLAN() {
    let net = TestNetwork(
      vms: [
        vm(vlan: 10) {
          $0.firstAddress = 1
          $0.addressCount = 2
        }
      ], addresses: [.v4(.broadcast), .v4(v4), .v6(v6)])
    #expect(
      net.announce(2) == [
        Announced(.rarp(mac(2)), 0, vlan: 10),
        Announced(.gratuitousARP(mac(2), v4), 0, vlan: 10),
        Announced(.neighborAdvertisement(mac(2), v6), 0, vlan: 10),
      ])
    #expect(net.counters(of: 0).egress.packetsBroadcast == 2)
    #expect(net.counters(of: 0).egress.packetsMulticast == 1)
    #expect(net.sums.generated == 3)
  }

  @Test func theSelectedUplinkCarriesItAndNoOther() {
    let net = TestNetwork(vms: [vm()])
    net.setLink(0, isUp: false)
    #expect(net.announce(2) == [Announced(.rarp(mac(2)), 1)])
  }

  @Test func addressesThatTheGuestUsesAreAnnouncedToo() {
    let net = TestNetwork(
      vms: [vm(vlan: 10) { $0.addressCount = 1 }, vm(vlan: 10)], addresses: [.v4(v4)])
    let other = IPv4Address(rawValue: v4.rawValue + 1)
    _ = net.send(bytes(of: .gratuitousARP(mac(2), v4)), at: 2)
    _ = net.send(bytes(of: .gratuitousARP(mac(2), other)), at: 2)
    _ = net.send(bytes(of: .gratuitousARP(mac(2), other)), at: 2)
    _ = net.send(bytes(of: .neighborAdvertisement(mac(2), v6)), at: 2)
    _ = net.send(bytes(of: .gratuitousARP(mac(3), other)), at: 2)
    #expect(net.drops(.forgedTransmit, at: 2) == 1)
    #expect(
      net.announce(2).map(\.announcement) == [
        .rarp(mac(2)), .gratuitousARP(mac(2), v4), .gratuitousARP(mac(2), other),
        .neighborAdvertisement(mac(2), v6),
      ])
    #expect(net.announce(3).map(\.announcement) == [.rarp(mac(3))])
  }

  @Test func theOldestAddressSeenGivesWay() {
    let net = TestNetwork(vms: [vm()])
    for index in 0..<10 {
      let address = IPv4Address(rawValue: v4.rawValue + UInt32(index))
      _ = net.send(bytes(of: .gratuitousARP(mac(2), address)), at: 2)
    }
    let announced = net.announce(2).compactMap { $0.announcement.address }
    let kept = (2..<10).map { IPAddress.v4(IPv4Address(rawValue: v4.rawValue + UInt32($0))) }
    #expect(Set(announced) == Set(kept))
  }

  @Test func aTrunkAnnouncesUntaggedAndEveryVLANThatItsGuestUsed() {
    let net = TestNetwork(
      vms: [trunk { $0.addressCount = 1 }], vlanSets: [VLANSet([0...200])],
      addresses: [.v4(v4)])
    for vlan in [30, 7, 30, 7, 200] as [UInt16] {
      _ = net.send(frame(from: mac(2), to: .broadcast), at: 2, tag: VLANTag(vlan: vlan))
    }
    _ = net.send(bytes(of: .neighborAdvertisement(mac(2), v6)), at: 2, tag: VLANTag(vlan: 30))
    _ = net.send(frame(from: mac(2), to: .broadcast), at: 2, tag: VLANTag(vlan: 300))
    #expect(
      net.announce(2) == [
        Announced(.rarp(mac(2)), 0), Announced(.gratuitousARP(mac(2), v4), 0),
        Announced(.rarp(mac(2)), 0, vlan: 7), Announced(.rarp(mac(2)), 0, vlan: 30),
        Announced(.neighborAdvertisement(mac(2), v6), 0, vlan: 30),
        Announced(.rarp(mac(2)), 0, vlan: 200),
      ])
    net.vlanSets[1] = VLANSet([7...100])
    net.apply(revision: 3)
    let vlans = net.announce(2).map(\.tag.vlan)
    #expect(Set(vlans) == [7, 30], "VLANs that it may not use any more are not announced")
  }

  @Test func learnedAddressesAreAnnounced() {
    let net = TestNetwork(
      vms: [
        vm(vlan: 10) {
          $0.allowsForgedTransmits = true
          $0.learnsMACs = true
        }, vm(vlan: 10),
      ])
    let nested = (0..<20).map { MACAddress(rawValue: 0x0200_0000_1000 + $0) }
    for address in nested { _ = net.send(frame(from: address, to: mac(3)), at: 2) }
    let announced = net.announce(2)
    #expect(announced.first == Announced(.rarp(mac(2)), 0, vlan: 10))
    #expect(Set(announced) == Set(([mac(2)] + nested).map { Announced(.rarp($0), 0, vlan: 10) }))
    #expect(announced.count == 21, "each once")
    #expect(net.announce(3).count == 1)
    net.advance(milliseconds: 301_000)
    #expect(net.announce(2).count == 1, "idle ones may be elsewhere by now")
  }

  @Test(arguments: [1, 2, 3, 7], [2, 3, 64]) func smallBatchesLoseNothing(batch: Int, room: Int) {
    let net = TestNetwork(
      vms: [
        trunk {
          $0.addressCount = 3
          $0.learnsMACs = true
          $0.allowsForgedTransmits = true
        }
      ], vlanSets: [.all], addresses: [.v4(v4), .v6(v6), .v4(.broadcast)])
    for number in 1...9 {
      let address = MACAddress(rawValue: 0x0200_0000_1000 + UInt64(number))
      _ = net.send(frame(from: address, to: outsider), at: 2, tag: VLANTag(vlan: UInt16(number)))
    }
    let whole = net.announce(2)
    #expect(whole.count == 4 + 9 + 9)
    #expect(net.announce(2, batchFrames: batch, room: room) == whole)
  }

  @Test func silenceWhereThereIsNothingToSayOrNoWay() {
    let net = TestNetwork(
      vms: [vm { $0.isBlocked = true }, vm { $0.isFenced = true }, vm { $0.team = 1 }, vm()],
      teams: [
        TeamPlan(policy: .explicitFailover, active: [0, 1]),
        TeamPlan(policy: .explicitFailover, active: []),
      ])
    for port in [0, 2, 3, 4, 40] { #expect(net.announce(port) == []) }
    net.setAttached(5, false)
    #expect(net.announce(5) == [])
    net.setAttached(5, true)
    #expect(net.announce(5).count == 1)
    for uplink in 0...1 { net.setLink(uplink, isUp: false) }
    #expect(net.announce(5) == [])
  }
}

@Suite struct AnnouncementTriggerTests {
  @Test func aPortThatComesUpIsAnnounced() {
    let net = TestNetwork(vms: [vm(), vm { $0.notifiesSwitches = false }])
    for port in 2...3 {
      net.setAttached(port, false)
      net.setAttached(port, true)
    }
    #expect(net.takeAnnouncements() == [2], "port 3 does not notify switches")
    net.setAttached(2, true)
    #expect(net.takeAnnouncements() == [], "it was up")
  }

  @Test func failoverAndFailbackAnnounceEachPortOnce() {
    let net = TestNetwork(vms: [vm(), vm(), vm { $0.notifiesSwitches = false }])
    net.setAttached(3, false)
    net.setLink(0, isUp: false)
    #expect(net.takeAnnouncements() == [2])
    net.setLink(0, isUp: true)
    net.advance(milliseconds: 50)
    #expect(net.takeAnnouncements() == [])
    net.advance(milliseconds: 50)
    #expect(net.takeAnnouncements() == [2])
    net.setLink(0, isUp: false)
    net.setLink(1, isUp: false)
    net.setLink(1, isUp: true)
    #expect(net.takeAnnouncements() == [2], "asked for twice before it was taken: once")
    net.setLink(1, isUp: false)
    #expect(net.takeAnnouncements() == [], "no uplink, nothing to say")
  }

  @Test func aPortThatMayPassFramesAgainIsAnnounced() {
    let net = TestNetwork(vms: [vm { $0.isFenced = true }, vm { $0.isBlocked = true }, vm()])
    net.ports[2].isFenced = false
    net.apply(revision: 2)
    #expect(net.takeAnnouncements() == [2])
    net.ports[3].isBlocked = false
    net.ports[4].isBlocked = true
    net.apply(revision: 3)
    #expect(net.takeAnnouncements() == [3])
  }

  @Test func aPlanThatMovesAPortOrItsVLANAnnouncesIt() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10)])
    net.ports[2].vlan = 20
    net.apply(revision: 2)
    #expect(net.takeAnnouncements() == [2])
    net.teams.append(TeamPlan(policy: .explicitFailover, active: [1]))
    net.ports[3].team = 1
    net.apply(revision: 3)
    #expect(net.takeAnnouncements() == [3])
    net.ports[3].macLimit = 1
    net.apply(revision: 4)
    #expect(net.takeAnnouncements() == [])
  }
}
