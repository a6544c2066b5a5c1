// The pipeline with several workers: a lane of the switch each, on a processor of its own.
//
// Each lane takes the frames of the ports that are at home in it, to destinations anywhere, so that half of the
// frames of two lanes go to a port of the other. After each batch it does what a worker does: hands frames over
// to lanes that shape their port, exchanges notes, takes over what others have handed to it, and asks every
// 20 us what time has made due. What counts is what was delivered, all lanes together. One worker that is
// compared with several is a lane, too, in the same loop.
//
// The raw limit is the loop without a switch in as many threads: what the memory of the machine allows.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Synchronization
internal import Tables
internal import Wire

/// A lane with its traffic.
struct PipelineLane: ~Copyable {
  var network: Switch
  var traffic: PipelineTraffic
  var batch: FrameBatch
  var deliveries: DeliveryList
  let rings: LaneRings
  /// Frames of other lanes.
  private var handed: FrameBatch
  private var handedDeliveries: DeliveryList
  private var turns = 0
  private var lastTick = MonotonicTime.zero
  /// Frames for the other lane wait for so many batches, as in the agent.
  private static let turnsToWait = 8
  /// As the agent's worker does while it does not sleep.
  private static let tickNanoseconds: UInt64 = 20_000

  init(
    _ scenario: PipelineScenario, lane: Int, rings: LaneRings, batchFrames: Int, seed: UInt64,
    now: MonotonicTime
  ) {
    let ports = min(scenario.macs, PipelineBenchmark.mostPorts)
    var limits = PipelineBenchmark.limits(scenario, ports: ports)
    limits.lanes = scenario.workers
    network = Switch(limits: limits, seed: seed, lane: lane)
    traffic = PipelineTraffic(
      macCount: scenario.macs, portCount: ports, frameBytes: scenario.frameBytes - 4, seed: seed,
      lane: lane, lanes: scenario.workers)
    batch = traffic.makeBatch(capacity: batchFrames)
    deliveries = DeliveryList(capacity: batchFrames + ports + 1, portCapacity: ports)
    handed = traffic.makeBatch(capacity: batchFrames)
    handedDeliveries = DeliveryList(capacity: batchFrames + ports + 1, portCapacity: ports)
    self.rings = rings
    _ = network.apply(PipelineBenchmark.plan(scenario, ports: ports), now: now)
    for port in 0..<ports { network.setAttached(PortIndex(port), true, now: now) }
  }

  /// Takes one batch through, and does what is to be done for the other lanes.
  @inline(__always)
  mutating func turn(now: MonotonicTime) {
    traffic.fill(&batch)
    _ = network.process(batch, from: 0, into: &deliveries, now: now)
    _ = rings.handOver(from: &network, batch, mayWait: true)
    turns += 1
    if turns % Self.turnsToWait == 0 { _ = rings.showHandedOver() }
    deliveries.removeAll()
    batch.removeAll()
    _ = rings.exchange(with: &network, now: now)
    takeOver(now: now)
    guard now.nanoseconds(since: lastTick) >= Self.tickNanoseconds else { return }
    lastTick = now
    release(now: now)
  }

  /// What a shaper has held back, as another lane was not there for a while and then had much to hand over.
  private mutating func release(now: MonotonicTime) {
    _ = network.tick(now: now)
    var isMore = true
    while isMore {
      isMore = network.produce(into: &handed, &handedDeliveries, now: now)
      _ = rings.handOver(from: &network, handed)
      handedDeliveries.removeAll()
      handed.removeAll()
    }
  }

  mutating func takeOver(now: MonotonicTime) {
    var isMore = true
    while isMore {
      isMore = rings.takeOver(into: &handed, &handedDeliveries, &network, now: now)
      handedDeliveries.removeAll()
      handed.removeAll()
    }
  }

  /// Switches batches for about `nanoseconds`.
  mutating func run(nanoseconds: UInt64) -> PipelineRun {
    let before = network.conservation
    let startOfThread = MonotonicClock.threadNanoseconds()
    let start = MonotonicClock.now()
    let end = start.advanced(byNanoseconds: nanoseconds)
    var now = start
    while now < end {
      turn(now: now)
      now = MonotonicClock.now()
    }
    let after = network.conservation
    var run = PipelineRun()
    run.frames = Int(after.delivered - before.delivered)
    run.nanoseconds = now.nanoseconds(since: start)
    run.processorNanoseconds = MonotonicClock.threadNanoseconds() - startOfThread
    run.lostPerMille =
      Double(after.dropped - before.dropped) * 1_000
      / Double(max(1, after.received - before.received))
    return run
  }

  /// The same batches without a switch.
  mutating func runRawLimit(nanoseconds: UInt64) -> PipelineRun {
    PipelineBenchmark.runRawLimit(&traffic, &batch, &deliveries, nanoseconds: nanoseconds)
  }
}

/// A lane in the hands of one thread at a time.
// SAFETY: the lane's thread has it from its start to its join, which order what comes before and after.
private final class PipelineWorker: @unchecked Sendable {
  var lane: PipelineLane
  var run = PipelineRun()

  init(_ lane: consuming PipelineLane) { self.lane = lane }
}

/// All lanes of a switch.
final class PipelineLanes {
  private let workers: [PipelineWorker]
  private let processors: [Int]

  /// The lanes, each of them knowing all addresses.
  init(_ scenario: PipelineScenario, batchFrames: Int, seed: UInt64) throws {
    processors = ProcessorAffinity.allowed
    guard processors.count >= scenario.workers else {
      throw Failure(
        "cannot run \(scenario.workers) workers", why: "there are \(processors.count) processors",
        remedy: "ask for fewer with --workers")
    }
    let rings = LaneRings.make(count: scenario.workers)
    // In the past, as what is lost is told again a second later; and time passes, for the shapers' sake.
    let end = MonotonicClock.now()
    let start = MonotonicTime(nanoseconds: end.nanoseconds - min(end.nanoseconds, 3_000_000_000))
    workers = (0..<scenario.workers).map {
      PipelineWorker(
        PipelineLane(
          scenario, lane: $0, rings: rings[$0], batchFrames: batchFrames, seed: seed, now: start))
    }
    // One round and a bit of every lane, notes taken as they come, and what was lost told again.
    for turn in 0...scenario.macs / batchFrames + 1 {
      let now = start.advanced(byNanoseconds: UInt64(turn) * 20_000)
      for worker in workers { worker.lane.turn(now: now) }
    }
    for _ in 0...scenario.macs / 512 + 2 {
      for worker in workers {
        _ = worker.lane.rings.showHandedOver()
        _ = worker.lane.rings.exchange(with: &worker.lane.network, now: end)
        worker.lane.takeOver(now: end)
      }
    }
    for worker in workers where worker.lane.network.macCount != scenario.macs {
      throw Failure(
        "cannot set up \(scenario.macs) addresses",
        why: "a lane has \(worker.lane.network.macCount)",
        remedy: "report this: the lanes should know the same addresses")
    }
  }

  /// What all lanes have delivered together.
  func run(nanoseconds: UInt64) throws -> PipelineRun {
    try inThreads { $0.run(nanoseconds: nanoseconds) }
    for worker in workers where !worker.lane.network.conservation.holds {
      throw Failure(
        "cannot trust this run", why: "frames are missing: \(worker.lane.network.conservation)",
        remedy: "report this: each frame of the benchmark has a known destination")
    }
    return sum
  }

  func runRawLimit(nanoseconds: UInt64) throws -> PipelineRun {
    try inThreads { $0.runRawLimit(nanoseconds: nanoseconds) }
    return sum
  }

  /// The frames of all, in a second of which each lane has had its own: rates add up.
  private var sum: PipelineRun {
    var sum = PipelineRun(nanoseconds: 1_000_000_000)
    for worker in workers {
      sum.frames += Int(worker.run.framesPerSecond)
      sum.processorNanoseconds +=
        worker.run.processorNanoseconds * 1_000_000_000 / max(1, worker.run.nanoseconds)
      sum.lostPerMille += worker.run.lostPerMille / Double(workers.count)
    }
    return sum
  }

  private func inThreads(_ body: @escaping @Sendable (inout PipelineLane) -> PipelineRun) throws {
    let start = PipelineStart(count: workers.count)
    var threads: [JoinedThread] = []
    for (index, worker) in workers.enumerated() {
      let processor = processors[index]
      threads.append(
        try JoinedThread(named: "lane \(index)") {
          ProcessorAffinity.pin(to: processor)
          start.wait()
          worker.run = body(&worker.lane)
        })
    }
    for thread in threads { thread.join() }
  }
}

/// Lets threads begin together.
private final class PipelineStart: Sendable {
  private let missing: Atomic<Int>

  init(count: Int) { missing = Atomic(count) }

  func wait() {
    missing.subtract(1, ordering: .acquiringAndReleasing)
    while missing.load(ordering: .acquiring) > 0 {}
  }
}

/// A thread in an array.
private final class JoinedThread {
  private var thread: Thread?

  init(named name: String, _ body: @escaping @Sendable () -> Void) throws {
    thread = try Thread(named: name, body)
  }

  func join() { thread.take()?.join() }
}
