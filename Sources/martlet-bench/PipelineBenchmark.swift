// Frames through the switch, in memory: what forwarding itself costs, without any I/O.
//
// Timed: copying each frame into the batch, `Switch.process` (port state, size, VLAN admission, source
// check or learning with its refresh, filter, shaper, both MAC table lookups, delivery, counters of both
// ports, conservation sums), and giving frames and deliveries back.
//
// The raw limit is the same loop without a switch: it copies the same frames, reads the same headers and
// appends the same number of deliveries. The ratio of the two is comparable between machines; the figures
// are not.

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
  /// Of the threads; differs from their number times the above where others had the processors.
  var processorNanoseconds: UInt64 = 0
  /// Frames for which the ring to another lane had no room, or the shaper behind it.
  var lostPerMille = 0.0

  var framesPerSecond: Double { Double(frames) * 1e9 / Double(max(1, nanoseconds)) }
}

/// Which policies the ports have.
enum PipelinePolicies: String, CaseIterable {
  /// No VLAN; what every port has: its state, MTU, the source check.
  case none
  /// An access VLAN.
  case vlan
  /// VLAN, promiscuous mode and MAC changes rejected, forged transmits judged, MAC learning, a filter
  /// rule, and every tenth port shaped both ways.
  case all
}

/// What one row of the grid is about.
struct PipelineScenario: Equatable {
  var macs = 2
  var policies = PipelinePolicies.none
  var rules = 0
  /// As RFC 2544 counts: with FCS.
  var frameBytes = 64
  var workers = 1

  /// `all` means at least one rule.
  var effectiveRules: Int { policies == .all ? max(rules, 1) : rules }
}

/// A switch with its addresses in place, and the traffic for it.
struct PipelineBenchmark: ~Copyable {
  /// Beyond this, addresses are learned behind the ports instead of being a port each.
  static let mostPorts = 256
  private static let checksumBytes = 4

  var network: Switch
  var traffic: PipelineTraffic
  var batch: FrameBatch
  var deliveries: DeliveryList

  init(_ scenario: PipelineScenario, batchFrames: Int, seed: UInt64) throws {
    let macs = scenario.macs
    let ports = min(macs, Self.mostPorts)
    network = Switch(limits: Self.limits(scenario, ports: ports), seed: seed)
    traffic = PipelineTraffic(
      macCount: macs, portCount: ports, frameBytes: scenario.frameBytes - Self.checksumBytes,
      seed: seed)
    batch = traffic.makeBatch(capacity: batchFrames)
    deliveries = DeliveryList(capacity: batchFrames + ports + 1, portCapacity: ports)
    let now = MonotonicClock.now()
    _ = network.apply(Self.plan(scenario, ports: ports), now: now)
    for port in 0..<ports { network.setAttached(PortIndex(port), true, now: now) }
    // One round and a bit: every address has been a source, so every destination is known.
    for _ in 0...macs / batchFrames + 1 { _ = turn(now: MonotonicClock.now()) }
    guard network.macCount == macs else {
      throw Failure(
        "cannot set up \(macs) addresses", why: "the table has \(network.macCount)",
        remedy: "report this: the MAC table refused an address below its limit")
    }
  }

  static func limits(_ scenario: PipelineScenario, ports: Int) -> SwitchLimits {
    var limits = SwitchLimits()
    limits.ports = ports
    limits.macEntries = max(scenario.macs, 1_024)
    // Each address is in two flows. The table of a larger switch grows with it, up to 8 MiB.
    while limits.cachedFlows < min(scenario.macs * 2, 262_144) { limits.cachedFlows *= 2 }
    return limits
  }

  /// VM ports without uplinks.
  static func plan(_ scenario: PipelineScenario, ports: Int) -> SwitchPlan {
    let hasMany = scenario.macs > ports
    let rules = scenario.effectiveRules
    let plans = (0..<ports).map { index in
      var port = PortPlan()
      port.kind = .vm
      port.id = UInt32(index)
      port.mac = PipelineTraffic.address(index)
      if scenario.policies != .none {
        port.vlanMode = .access
        port.vlan = 10
      }
      port.learnsMACs = hasMany || scenario.policies == .all
      // Who learns other addresses lets them send (vSphere: MAC learning needs both).
      port.allowsForgedTransmits = hasMany
      port.ingressRules = rules > 0 ? 1 : 0
      if scenario.policies == .all, index % 10 == 9 {
        port.ingressShape = 1
        port.egressShape = 1
      }
      return port
    }
    // More than the traffic, so that every frame passes: what is measured is asking.
    let shape = TrafficShape(
      averageBitsPerSecond: 10_000_000_000, peakBitsPerSecond: 20_000_000_000,
      burstBytes: 10_000_000)
    return SwitchPlan(
      revision: 1, mtu: 1500, ports: plans,
      teams: [TeamPlan(policy: .originatingPortID, active: [])],
      ruleSets: rules > 0 ? [PipelineRules.list(rules)] : [], shapes: [shape])
  }

  /// Takes one batch through: copied in, switched, given back. Returns how many frames it had.
  @inline(__always)
  private mutating func turn(now: MonotonicTime) -> Int {
    traffic.fill(&batch)
    let done = network.process(batch, from: 0, into: &deliveries, now: now)
    deliveries.removeAll()
    batch.removeAll()
    return done
  }

  /// Switches exactly so many batches in made-up time, after a round to warm up: for tools that slow the
  /// machine down. Returns how many frames were counted.
  mutating func countedFrames(_ frames: Int) -> Int {
    // From the beginning of a second, as some things are done once in each.
    let second: UInt64 = 1_000_000_000
    let start = MonotonicTime(
      nanoseconds: (MonotonicClock.now().nanoseconds / second + 1) * second)
    let warm = 3 * traffic.macCount / batch.capacity + 1_000
    for batch in 0..<warm { _ = turn(now: Self.time(ofBatch: batch, from: start)) }
    let before = network.conservation.delivered
    let counted = run(
      batches: (frames + batch.capacity - 1) / batch.capacity,
      from: Self.time(ofBatch: warm, from: start))
    precondition(
      network.conservation.delivered - before == UInt64(counted), "a frame was not delivered")
    return counted
  }

  private static func time(ofBatch batch: Int, from start: MonotonicTime) -> MonotonicTime {
    start.advanced(byNanoseconds: UInt64(batch) * 5_000)
  }

  /// Batches one after the other. Not inlined: this is what the tools look at.
  @inline(never)
  private mutating func run(batches: Int, from start: MonotonicTime) -> Int {
    var frames = 0
    for batch in 0..<batches {
      frames += turn(now: Self.time(ofBatch: batch, from: start))
    }
    return frames
  }

  /// Switches batches for about `nanoseconds`.
  mutating func run(nanoseconds: UInt64) throws -> PipelineRun {
    let before = network.conservation
    var run = PipelineRun()
    let startOfThread = MonotonicClock.threadNanoseconds()
    let start = MonotonicClock.now()
    let end = start.advanced(byNanoseconds: nanoseconds)
    var now = start
    while now < end {
      run.frames += turn(now: now)
      now = MonotonicClock.now()
    }
    run.nanoseconds = now.nanoseconds(since: start)
    run.processorNanoseconds = MonotonicClock.threadNanoseconds() - startOfThread
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
    Self.runRawLimit(&traffic, &batch, &deliveries, nanoseconds: nanoseconds)
  }

  static func runRawLimit(
    _ traffic: inout PipelineTraffic, _ batch: inout FrameBatch,
    _ deliveries: inout DeliveryList, nanoseconds: UInt64
  ) -> PipelineRun {
    var run = PipelineRun()
    let startOfThread = MonotonicClock.threadNanoseconds()
    let start = MonotonicClock.now()
    let end = start.advanced(byNanoseconds: nanoseconds)
    var now = start
    while now < end {
      traffic.fill(&batch)
      for index in 0..<batch.count {
        relay(index, of: batch, portCount: traffic.portCount, into: &deliveries)
      }
      run.frames += batch.count
      deliveries.removeAll()
      batch.removeAll()
      now = MonotonicClock.now()
    }
    run.nanoseconds = now.nanoseconds(since: start)
    run.processorNanoseconds = MonotonicClock.threadNanoseconds() - startOfThread
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
