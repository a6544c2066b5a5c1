// Where frames go: VLANs, authoritative addresses, broadcast, unknown unicast, uplinks.

import Base
import Dataplane
import FrameMemory
import Testing
import Wire

@Suite struct ForwardingTests {
  @Test func aLocalAddressIsDeliveredLocallyAndNowhereElse() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10), vm(vlan: 10)])
    #expect(net.send(frame(from: mac(2), to: mac(3)), at: 2) == [Sent(3)])
  }

  @Test func anotherVLANOfTheSameSwitchGoesOutAnUplink() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 20)])
    #expect(net.send(frame(from: mac(2), to: mac(3)), at: 2) == [Sent(0, VLANTag(vlan: 10))])
  }

  @Test func unknownUnicastGoesToTheTeamAndNeverToOtherVMs() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10)])
    #expect(net.send(frame(from: mac(2), to: outsider), at: 2) == [Sent(0, VLANTag(vlan: 10))])
    #expect(net.send(frame(from: outsider, to: mac(9)), at: 0, tag: VLANTag(vlan: 10)) == [])
    #expect(net.drops(.unknownUnicast, at: 0) == 1)
  }

  @Test func broadcastReachesTheVLANAndOneUplink() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10), vm(vlan: 20), vm(), vm(vlan: 10)])
    let sent = net.send(frame(from: mac(2), to: .broadcast), at: 2)
    #expect(sent == [Sent(3), Sent(6), Sent(0, VLANTag(vlan: 10))])
    #expect(net.sums.replicated == 2)
  }

  @Test func uplinksAreNeverJoined() {
    let net = TestNetwork(vms: [vm(vlan: 10)])
    let hello = frame(from: outsider, to: .broadcast)
    #expect(net.send(hello, at: 0, tag: VLANTag(vlan: 10)) == [Sent(2)])
    #expect(net.send(hello, at: 1, tag: VLANTag(vlan: 10)) == [])
    #expect(net.drops(.reversePath, at: 1) == 1)
  }

  @Test func ourOwnBroadcastDoesNotComeBack() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10)])
    let hello = frame(from: mac(2), to: .broadcast)
    _ = net.send(hello, at: 2)
    for uplink in 0...1 {
      #expect(net.send(hello, at: uplink, tag: VLANTag(vlan: 10)) == [])
      #expect(net.drops(.sourceIsLocal, at: uplink) == 1)
    }
  }

  @Test func unicastFromAnUplinkReachesItsOwnerOnEveryUplink() {
    let net = TestNetwork(vms: [vm(vlan: 10)])
    let answer = frame(from: outsider, to: mac(2))
    for uplink in 0...1 {
      #expect(net.send(answer, at: uplink, tag: VLANTag(vlan: 10)) == [Sent(2)])
    }
    #expect(net.send(answer, at: 0) == [])
    #expect(net.drops(.unknownUnicast, at: 0) == 1, "the native VLAN is not VLAN 10")
  }

  @Test func aGuestThatTagsForItselfNeedsATrunk() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm()])
    for port in 2...3 {
      let bytes = frame(from: mac(port), to: .broadcast)
      #expect(net.send(bytes, at: port, tag: VLANTag(vlan: 10)) == [])
      #expect(net.drops(.vlanMismatch, at: port) == 1)
    }
  }

  @Test func aPriorityTagCountsAsUntaggedAndKeepsItsPriority() {
    let net = TestNetwork(vms: [vm(vlan: 10)])
    let sent = net.send(
      frame(from: mac(2), to: outsider), at: 2, tag: VLANTag(vlan: 0, priority: 5))
    #expect(sent == [Sent(0, VLANTag(vlan: 10, priority: 5))])
  }

  @Test func aTrunkCarriesItsRangesAndUntaggedWithZero() {
    let ranges: [ClosedRange<UInt16>] = [0...0, 100...105]
    let net = TestNetwork(vms: [trunk(), vm(vlan: 105), vm()], vlanSets: [VLANSet(ranges)])
    let hello = frame(from: mac(2), to: .broadcast)
    let tagged = VLANTag(vlan: 105)
    #expect(net.send(hello, at: 2, tag: tagged) == [Sent(3), Sent(0, tagged)])
    #expect(net.send(hello, at: 2) == [Sent(4), Sent(0)])
    #expect(net.send(hello, at: 2, tag: VLANTag(vlan: 106)) == [])
    #expect(net.drops(.vlanMismatch, at: 2) == 1)
    #expect(net.send(frame(from: mac(3), to: mac(2)), at: 3) == [Sent(2, tagged)])
    let answer = net.send(frame(from: outsider, to: mac(2)), at: 0, tag: VLANTag(vlan: 101))
    #expect(answer == [Sent(2, VLANTag(vlan: 101))])
    #expect(net.send(frame(from: outsider, to: mac(2)), at: 0, tag: VLANTag(vlan: 107)) == [])
  }

  @Test func aSwitchWithoutUplinksKeepsItsFrames() {
    let net = TestNetwork(
      vms: [vm(), vm()], teams: [TeamPlan(policy: .originatingPortID, active: [])])
    #expect(net.send(frame(from: mac(2), to: .broadcast), at: 2) == [Sent(3)])
    #expect(net.send(frame(from: mac(2), to: outsider), at: 2) == [])
    #expect(net.drops(.unknownUnicast, at: 2) == 1)
  }

  @Test func reservedAddressesFromAnUplinkEndHere() {
    let net = TestNetwork(vms: [vm()])
    let bpdu = MACAddress(rawValue: 0x0180_C200_0000)
    let lldp = MACAddress(rawValue: 0x0180_C200_000E)
    #expect(net.send(frame(from: outsider, to: bpdu), at: 0) == [])
    #expect(net.send(frame(from: outsider, to: lldp), at: 0) == [])
    #expect(net.drops(.bpduFiltered, at: 0) == 1)
    #expect(net.drops(.reservedAddress, at: 0) == 1)
    #expect(net.send(frame(from: mac(2), to: bpdu), at: 2) == [Sent(0)], "a guest's BPDU passes")
  }

  @Test func aFrameToItselfIsAHairpin() {
    let net = TestNetwork(vms: [vm()])
    #expect(net.send(frame(from: mac(2), to: mac(2)), at: 2) == [])
    #expect(net.drops(.hairpin, at: 2) == 1)
  }

  @Test func theTracerSeesEveryStep() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10)])
    var tracer = RecordingTracer()
    _ = net.send(frame(from: mac(2), to: mac(3)), at: 2, tracer: &tracer)
    #expect(
      tracer.events == [
        .received(port: PortIndex(2), byteCount: 60), .classified(vlan: 10),
        .admitted(port: PortIndex(2)), .found(port: PortIndex(3)), .leaving(port: PortIndex(3)),
        .delivered(port: PortIndex(3), tag: .none),
      ])
  }
}

@Suite struct AdmissionTests {
  @Test(arguments: [0, 1, 13]) func runtsAreNotFrames(byteCount: Int) {
    let net = TestNetwork(vms: [vm()])
    #expect(net.send([UInt8](repeating: 1, count: byteCount), at: 2) == [])
    #expect(net.drops(.runt, at: 2) == 1)
    #expect(net.counters(of: 2).ingress.packetsException == 1)
  }

  @Test func sourcesMustBeAddressesOfSomebody() {
    let net = TestNetwork(vms: [vm()])
    #expect(net.send(frame(from: .broadcast, to: outsider), at: 2) == [])
    #expect(net.send(frame(from: .zero, to: outsider), at: 2) == [])
    #expect(net.drops(.malformed, at: 2) == 2)
  }

  @Test func forgedTransmitsFollowThePolicy() {
    let net = TestNetwork(vms: [vm(), vm { $0.allowsForgedTransmits = true }])
    #expect(net.send(frame(from: outsider, to: .broadcast), at: 2) == [])
    #expect(net.drops(.forgedTransmit, at: 2) == 1)
    #expect(net.send(frame(from: outsider, to: .broadcast), at: 3) == [Sent(2), Sent(0)])
  }

  @Test func theMTUIsThePayload() {
    let net = TestNetwork(vms: [vm(), vm()])
    #expect(net.send(frame(from: mac(2), to: mac(3), payloadBytes: 1500), at: 2) == [Sent(3)])
    #expect(net.send(frame(from: mac(2), to: mac(3), payloadBytes: 1501), at: 2) == [])
    #expect(net.drops(.oversize, at: 2) == 1)
  }

  @Test func aSegmentedFrameIsJudgedByItsSegments() {
    let net = TestNetwork(vms: [vm(), vm()])
    var bytes = frame(from: mac(2), to: mac(3), etherType: 0x0800, payloadBytes: 40_000)
    bytes[14] = 0x45
    bytes[34 + 12] = 0x80
    var offload = Offload(
      flags: Offload.needsChecksumFlag, segmentation: .tcp4, segmentBytes: 1448,
      checksumStart: 34, checksumOffset: 16)
    #expect(net.send(bytes, at: 2, offload: offload) == [Sent(3)])
    offload.segmentBytes = 1449
    #expect(net.send(bytes, at: 2, offload: offload) == [])
    #expect(net.drops(.oversize, at: 2) == 1)
    offload.segmentBytes = 0
    #expect(net.send(bytes, at: 2, offload: offload) == [])
    #expect(net.drops(.malformed, at: 2) == 1)
  }

  /// As a nic gives it after GRO: no checksum is left to do, and a second tag is in the bytes.
  @Test(arguments: [0x8100, 0x88A8] as [UInt16]) func aSecondTagIsPartOfTheSegments(inner: UInt16) {
    let net = TestNetwork(vms: [trunk()], vlanSets: [.all])
    var bytes = frame(from: outsider, to: mac(2), etherType: inner, payloadBytes: 40_000)
    bytes[16] = 0x08
    bytes[18] = 0x45
    bytes[38 + 12] = 0x80
    let tag = VLANTag(vlan: 10)
    var offload = Offload(segmentation: .tcp4, segmentBytes: 1444)
    #expect(net.send(bytes, at: 0, tag: tag, offload: offload) == [Sent(2, tag)])
    offload.segmentBytes = 1445
    #expect(net.send(bytes, at: 0, tag: tag, offload: offload) == [])
    #expect(net.drops(.oversize, at: 0) == 1)
  }

  @Test func blockedFencedAndAbsentPortsPassNothing() {
    let net = TestNetwork(vms: [vm { $0.isBlocked = true }, vm { $0.isFenced = true }, vm()])
    #expect(net.send(frame(from: mac(2), to: mac(4)), at: 2) == [])
    #expect(net.send(frame(from: mac(3), to: mac(4)), at: 3) == [])
    #expect(net.send(frame(from: mac(4), to: mac(2)), at: 4) == [])
    #expect(net.send(frame(from: mac(4), to: mac(3)), at: 4) == [])
    #expect(net.send(frame(from: mac(4), to: mac(2)), at: 40) == [])
    #expect(net.drops(.portBlocked, at: 2) == 2)
    #expect(net.drops(.portFenced, at: 3) == 2)
    #expect(net.drops(.portDown, at: 40) == 1)
    net.network.setAttached(PortIndex(4), false, now: net.now)
    #expect(net.send(frame(from: outsider, to: mac(4)), at: 0) == [])
    #expect(net.drops(.portDown, at: 4) == 1)
  }
}
