// Traffic shaping in the switch: both directions, what waits, and what happens to it when things change.

import Base
import Dataplane
import FrameMemory
import Tables
import Testing
import Wire

/// 1 Mbit/s, and a burst of two frames.
private let slow = TrafficShape(
  averageBitsPerSecond: 1_000_000, peakBitsPerSecond: 1_000_000, burstBytes: 2_000)

/// Ports 2 and 3 in VLAN 7; the first shape is `slow`.
private func shaped(_ change: @escaping (inout PortPlan) -> Void) -> TestNetwork {
  TestNetwork(vms: [vm(vlan: 7, change), vm(vlan: 7), vm(vlan: 7, change)], shapes: [slow])
}

private func state(_ net: TestNetwork, _ port: Int, _ direction: Direction) -> ShaperState? {
  net.network.shaperState(PortIndex(port), direction, now: net.now)
}

private func kilobyte(_ from: Int, _ to: Int) -> [UInt8] {
  frame(from: mac(from), to: mac(to), payloadBytes: 986)
}

/// A TCP frame of 1,460-byte segments, or others, as a guest hands it over to be cut.
private func large(_ from: Int, _ to: Int, segmentBytes: UInt16 = 1_460, payloadBytes: Int = 14_600)
  -> ([UInt8], Offload)
{
  var tcp = [UInt8](repeating: 0, count: 20)
  tcp[12] = 0x50
  let header = IPv4Header(
    source: IPv4Address(10, 0, 0, 1), destination: IPv4Address(10, 0, 0, 2), protocol: .tcp,
    payloadBytes: 20 + payloadBytes)
  var ip = [UInt8](repeating: 0, count: 20)
  ip.withMutableRawSpan { _ = header.emit(into: &$0) }
  let bytes =
    frame(from: mac(from), to: mac(to), etherType: 0x0800, payloadBytes: 0) + ip + tcp
    + [UInt8](repeating: 0, count: payloadBytes)
  let offload = Offload(
    flags: Offload.needsChecksumFlag, segmentation: .tcp4, headerBytes: 54,
    segmentBytes: segmentBytes, checksumStart: 34, checksumOffset: 16)
  return (bytes, offload)
}

/// Bytes on the wire that reach `port` while time passes in steps of 1 ms.
private func drain(_ net: TestNetwork, milliseconds: Int, to port: Int) -> Int {
  var count = 0
  for _ in 0..<milliseconds {
    net.advance(milliseconds: 1)
    var isMore = true
    while isMore {
      net.produced.removeAll()
      net.deliveries.removeAll()
      isMore = net.network.produce(into: &net.produced, &net.deliveries, now: net.now)
      var entry = net.deliveries.first(of: PortIndex(port))
      while let current = entry {
        count += net.produced.wireBytes(of: Int(net.deliveries[current].frame)) ?? 0
        entry = net.deliveries.next(after: current)
      }
    }
    let sums = net.sums
    #expect(sums.holds)
  }
  return count
}

@Suite struct ShapingTests {
  @Test(arguments: [Direction.ingress, .egress])
  func whatExceedsTheRateWaitsAndThenIsDropped(direction: Direction) {
    let net = shaped {
      if direction == .ingress { $0.ingressShape = 1 } else { $0.egressShape = 1 }
    }
    let (from, to, shapedPort) = direction == .ingress ? (2, 3, 2) : (3, 2, 2)
    for number in 0..<200 {
      let sent = net.send(kilobyte(from, to), at: from)
      #expect(sent == (number < 2 ? [Sent(to)] : []))
    }
    // Two frames of 1,000 bytes at once, 144 KiB wait.
    let reason: DropReason = direction == .ingress ? .ingressShaper : .egressShaper
    #expect(net.drops(reason, at: shapedPort) == 200 - 2 - 147)
    #expect(net.sums.queued == 147)
    #expect(state(net, 2, direction)?.queuedBytes == 147_000)
    let passed = drain(net, milliseconds: 800, to: to)
    #expect(abs(passed - 100_000) <= 2_000, "\(passed) bytes in 800 ms at 1 Mbit/s")
    #expect(net.counters(of: to).egress.bytes == UInt64(passed + 2_000))
    _ = drain(net, milliseconds: 500, to: to)
    #expect(net.sums.queued == 0)
  }

  @Test func bothDirectionsOfOneFrame() {
    let net = TestNetwork(
      vms: [vm(vlan: 7) { $0.ingressShape = 1 }, vm(vlan: 7) { $0.egressShape = 1 }],
      shapes: [slow])
    for _ in 0..<50 { _ = net.send(kilobyte(2, 3), at: 2) }
    #expect(state(net, 2, .ingress)?.queuedFrames == 48)
    let passed = drain(net, milliseconds: 1_000, to: 3)
    #expect(passed == 48_000 && net.sums.queued == 0)
  }

  @Test(arguments: [Direction.ingress, .egress])
  func aLargeFrameIsCutAndKeepsTheRate(direction: Direction) {
    let net = shaped {
      if direction == .ingress { $0.ingressShape = 1 } else { $0.egressShape = 1 }
    }
    let (from, to) = direction == .ingress ? (2, 3) : (3, 2)
    let (bytes, offload) = large(from, to)
    #expect(net.send(bytes, at: from, offload: offload) == [], "larger than the burst")
    #expect(state(net, 2, direction)?.queuedFrames == 10)
    #expect(net.sums.queued == 10 && net.sums.replicated == 9)
    let early = drain(net, milliseconds: 60, to: to)
    #expect(early <= 2_000 + 7_500 + 1_514, "\(early) bytes in 60 ms")
    #expect(early + drain(net, milliseconds: 100, to: to) == 14_600 + 10 * 54)
  }

  @Test func withoutItsShapeWhatWaitsGoesOnAtOnce() {
    let net = shaped { $0.ingressShape = 1 }
    for _ in 0..<50 { _ = net.send(kilobyte(2, 3), at: 2) }
    for port in [2, 4] { net.ports[port].ingressShape = 0 }
    net.apply(revision: 2)
    #expect(drain(net, milliseconds: 1, to: 3) == 48_000)
    #expect(net.send(kilobyte(2, 3), at: 2) == [Sent(3)])
  }

  @Test func anotherRateCountsFromNowOn() {
    let net = shaped { $0.ingressShape = 1 }
    for _ in 0..<120 { _ = net.send(kilobyte(2, 3), at: 2) }
    net.shapes = [
      TrafficShape(
        averageBitsPerSecond: 4_000_000, peakBitsPerSecond: 4_000_000, burstBytes: 2_000)
    ]
    net.apply(revision: 2)
    let passed = drain(net, milliseconds: 100, to: 3)
    #expect(abs(passed - 50_000) <= 3_000, "\(passed) bytes in 100 ms at 4 Mbit/s")
  }

  @Test func whatWaitsAtAPortThatGoesIsDropped() {
    let net = shaped { $0.egressShape = 1 }
    for _ in 0..<10 { _ = net.send(kilobyte(3, 2), at: 3) }
    net.setAttached(2, false)
    #expect(net.sums.queued == 0 && net.drops(.portDown, at: 2) == 8)
    #expect(net.sums.holds)
    #expect(drain(net, milliseconds: 100, to: 2) == 0)
  }

  @Test func whatWaitsAtAPortThatIsBlockedIsDroppedInItsTurn() {
    let net = shaped { $0.ingressShape = 1 }
    for _ in 0..<10 { _ = net.send(kilobyte(2, 3), at: 2) }
    net.ports[2].isBlocked = true
    net.apply(revision: 2)
    #expect(drain(net, milliseconds: 200, to: 3) == 0)
    #expect(net.drops(.portBlocked, at: 2) == 8 && net.sums.queued == 0)
  }

  /// A batch smaller than what is due: the rest comes at once, not with the next wake-up.
  @Test func whatIsDueFillsAsManyBatchesAsItTakes() {
    let net = shaped { $0.ingressShape = 1 }
    for _ in 0..<120 { _ = net.send(kilobyte(2, 3), at: 2) }
    for port in [2, 4] { net.ports[port].ingressShape = 0 }
    net.apply(revision: 2)
    net.advance(milliseconds: 1)
    #expect(net.batch.capacity == 64)
    var counts: [Int] = []
    var isMore = true
    while isMore {
      net.batch.removeAll()
      net.deliveries.removeAll()
      isMore = net.network.produce(into: &net.batch, &net.deliveries, now: net.now)
      counts.append(net.batch.count)
    }
    #expect(counts == [64, 54])
  }

  @Test func uplinksAreShapedOnTheWayOutOnly() async {
    await #expect(processExitsWith: .failure) {
      var uplink = TestNetwork.uplinkPlans(1)[0]
      uplink.ingressShape = 1
      _ = SwitchPlan(
        revision: 1, mtu: 1_500, ports: [uplink], vlanSets: [.all], uplinks: [PortIndex(0)],
        shapes: [slow])
    }
  }
}
