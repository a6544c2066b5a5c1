// What a port counts: the statistics of a vSphere distributed port, exact after known traffic.

import Base
import Dataplane
import FrameMemory
import Testing
import Wire

/// Counters of frames of one kind of destination each, given as packets and bytes.
private func traffic(
  unicast: (UInt64, UInt64) = (0, 0), multicast: (UInt64, UInt64) = (0, 0),
  broadcast: (UInt64, UInt64) = (0, 0), dropped: UInt64 = 0, exception: UInt64 = 0
) -> TrafficCounters {
  var counters = TrafficCounters()
  (counters.packetsUnicast, counters.bytesUnicast) = unicast
  (counters.packetsMulticast, counters.bytesMulticast) = multicast
  (counters.packetsBroadcast, counters.bytesBroadcast) = broadcast
  counters.packetsDropped = dropped
  counters.packetsException = exception
  return counters
}

@Suite struct CounterTests {
  private let group = MACAddress(rawValue: 0x0100_5E00_0001)

  @Test func everyStatisticIsExact() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10)])
    for _ in 0..<3 { _ = net.send(frame(from: mac(2), to: mac(3)), at: 2) }
    for _ in 0..<2 { _ = net.send(frame(from: mac(2), to: group, payloadBytes: 86), at: 2) }
    _ = net.send(frame(from: mac(2), to: .broadcast, payloadBytes: 186), at: 2)
    _ = net.send(frame(from: mac(2), to: mac(3), payloadBytes: 1_501), at: 2)
    _ = net.send(frame(from: group, to: mac(3)), at: 2)

    let replicated = traffic(multicast: (2, 200), broadcast: (1, 200))
    let all = traffic(unicast: (3, 180), multicast: (2, 200), broadcast: (1, 200))
    let sent = traffic(
      unicast: (5, 180 + 1_515 + 60), multicast: (2, 200), broadcast: (1, 200), dropped: 1,
      exception: 1)
    #expect(net.counters(of: 2).ingress == sent, "what came is counted, dropped or not")
    #expect(net.counters(of: 2).egress == TrafficCounters())
    #expect(net.counters(of: 3).ingress == TrafficCounters())
    #expect(net.counters(of: 3).egress == all)
    #expect(net.counters(of: 0).egress == replicated, "the tag is not counted")
    #expect(net.counters(of: 1) == PortCounters())
    #expect(net.drops(.oversize, at: 2) == 1 && net.drops(.malformed, at: 2) == 1)
  }

  @Test func aDropOnTheWayOutIsTheReceivers() {
    let net = TestNetwork(vms: [vm(), vm()])
    net.setAttached(3, false)
    #expect(net.send(frame(from: mac(2), to: mac(3)), at: 2) == [])
    #expect(net.counters(of: 2).ingress == traffic(unicast: (1, 60)))
    #expect(net.counters(of: 3).egress == traffic(dropped: 1))
    #expect(net.drops(.portDown, at: 3) == 1)
  }

  @Test(arguments: [0, 1]) func framesFromAnUplinkAreCountedThere(uplink: Int) {
    let net = TestNetwork(vms: [vm(vlan: 10)])
    let tag = VLANTag(vlan: 10)
    _ = net.send(frame(from: outsider, to: mac(2)), at: uplink, tag: tag)
    _ = net.send(frame(from: outsider, to: .broadcast, payloadBytes: 86), at: uplink, tag: tag)
    let isSelected = uplink == 0
    #expect(
      net.counters(of: uplink).ingress
        == traffic(unicast: (1, 60), broadcast: (1, 100), dropped: isSelected ? 0 : 1))
    #expect(
      net.counters(of: 2).egress
        == traffic(unicast: (1, 60), broadcast: isSelected ? (1, 100) : (0, 0)))
    #expect(net.drops(.reversePath, at: uplink) == (isSelected ? 0 : 1))
  }
}
