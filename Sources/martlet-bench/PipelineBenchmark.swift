// Frames through the switch, in memory: what forwarding itself costs, without any I/O.
//
// Timed: `Switch.process` on a batch (port state, size, VLAN admission, source check or learning with its
// refresh, both MAC table lookups, delivery, counters of both ports, conservation sums) and emptying the
// delivery list. Not timed: writing the addresses into the frames, which is what a device or the kernel
// would do; it leaves the bytes of the batch in the cache, as a read(2) or a NIC would.
//
// The raw limit is the same loop without a switch: it reads the same headers and appends the same number
// of deliveries. The ratio of the two is comparable between machines; the figures are not.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Tables
internal import Wire

/// What one run measured.
struct PipelineRun {
  var frames = 0
  var nanoseconds: UInt64 = 0

  var framesPerSecond: Double { Double(frames) * 1e9 / Double(max(1, nanoseconds)) }
}

/// A switch with its addresses in place, and the traffic for it.
struct PipelineBenchmark: ~Copyable {
  /// Beyond this, addresses are learned behind the ports instead of being a port each.
  static let mostPorts = 256

  var network: Switch
  var traffic: PipelineTraffic
  var batch: FrameBatch
  var deliveries: DeliveryList
  let learns: Bool

  init(macCount: Int, ruleCount: Int, batchFrames: Int, seed: UInt64) throws {
    let ports = min(macCount, Self.mostPorts)
    learns = macCount > ports
    var limits = SwitchLimits()
    limits.ports = ports
    limits.macEntries = max(macCount, 1_024)
    network = Switch(limits: limits, seed: seed)
    traffic = PipelineTraffic(macCount: macCount, portCount: ports, seed: seed)
    batch = PipelineTraffic.makeBatch(capacity: batchFrames)
    deliveries = DeliveryList(capacity: batchFrames + ports + 1, portCapacity: ports)
    let now = MonotonicClock.now()
    _ = network.apply(Self.plan(ports: ports, learns: learns, ruleCount: ruleCount), now: now)
    for port in 0..<ports { network.setAttached(PortIndex(port), true, now: now) }
    // One round and a bit: every address has been a source, so every destination is known.
    for _ in 0...macCount / batchFrames + 1 {
      traffic.fill(&batch)
      let end = network.process(batch, from: 0, into: &deliveries, now: now)
      precondition(end == batch.count, "the delivery list holds a batch")
      deliveries.removeAll()
    }
    guard network.macCount == macCount else {
      throw Failure(
        "cannot set up \(macCount) addresses", why: "the table has \(network.macCount)",
        remedy: "report this: the MAC table refused an address below its limit")
    }
  }

  /// VM ports in VLAN 10, without uplinks.
  static func plan(ports: Int, learns: Bool, ruleCount: Int) -> SwitchPlan {
    let plans = (0..<ports).map { index in
      var port = PortPlan()
      port.kind = .vm
      port.vlanMode = .access
      port.vlan = 10
      port.id = UInt32(index)
      port.mac = PipelineTraffic.address(index)
      port.learnsMACs = learns
      port.allowsForgedTransmits = learns
      port.ingressRules = ruleCount > 0 ? 1 : 0
      return port
    }
    return SwitchPlan(
      revision: 1, mtu: 1500, ports: plans,
      teams: [TeamPlan(policy: .originatingPortID, active: [])],
      ruleSets: ruleCount > 0 ? [PipelineRules.list(ruleCount)] : [])
  }

  /// Switches batches for about `nanoseconds` of wall time.
  mutating func run(nanoseconds: UInt64) throws -> PipelineRun {
    let before = network.conservation
    var run = PipelineRun()
    let end = MonotonicClock.now().advanced(byNanoseconds: nanoseconds)
    var now = MonotonicClock.now()
    while now < end {
      traffic.fill(&batch)
      let start = MonotonicClock.now()
      let done = network.process(batch, from: 0, into: &deliveries, now: start)
      deliveries.removeAll()
      now = MonotonicClock.now()
      run.nanoseconds += now.nanoseconds(since: start)
      run.frames += done
    }
    let after = network.conservation
    guard after.holds, after.delivered - before.delivered == UInt64(run.frames) else {
      throw Failure(
        "cannot trust this run", why: "not every frame was delivered: \(after)",
        remedy: "report this: each frame of the benchmark has a known destination")
    }
    return run
  }

  /// The same batches without a switch.
  mutating func runRawLimit(nanoseconds: UInt64) -> PipelineRun {
    var run = PipelineRun()
    let end = MonotonicClock.now().advanced(byNanoseconds: nanoseconds)
    var now = MonotonicClock.now()
    while now < end {
      traffic.fill(&batch)
      let start = MonotonicClock.now()
      for index in 0..<batch.count {
        Self.relay(index, of: batch, portCount: traffic.portCount, into: &deliveries)
      }
      deliveries.removeAll()
      now = MonotonicClock.now()
      run.nanoseconds += now.nanoseconds(since: start)
      run.frames += batch.count
    }
    return run
  }

  /// Reads the header, and hands the frame to a port that depends on it.
  @inline(__always)
  private static func relay(
    _ index: Int, of batch: borrowing FrameBatch, portCount: Int,
    into deliveries: inout DeliveryList
  ) {
    let bytes = batch.bytes(of: index)
    let addresses = bytes.big48(0) &+ bytes.big48(6) &+ UInt64(bytes.big16(12))
    let mixed = Int(truncatingIfNeeded: addresses) & 0xFF
    let port = mixed < portCount ? mixed : mixed % portCount
    deliveries.append(
      frame: UInt16(truncatingIfNeeded: index), to: PortIndex(port), tag: .none)
  }
}
