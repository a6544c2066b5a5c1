// `martlet-bench pipeline`: the grid of scenarios as a section of the report.

internal import Base
internal import BenchReport
internal import Dataplane

enum PipelineReport {
  static let benchmark = ReportBenchmark(
    name: "pipeline", summary: "frames per second through the switch, in memory", help: help,
    needsRoot: false,
    quickWords: ["--macs", "100,10000", "--policies", "none,all", "--seconds", "0.1"],
    measure: measure)

  private static let help = """
    usage: martlet-bench pipeline [--macs N,N...] [--policies P,P...] [--rules N,N...] [--bytes N,N...]
                                  [--workers N,N...] [--seconds S] [--runs N] [--batch N] [--frames N]

    Frames per second of one worker, or of several together, through the switch, in memory.
      --macs      addresses in the MAC table           (default 2,100,10000,100000,1000000)
      --policies  none, vlan, all                      (default none,vlan,all)
      --rules     filter rules at each port            (default 0; `all` has at least 1)
      --bytes     frame sizes with FCS, 64-1518        (default 64)
      --workers   threads, each with a lane of the switch and a processor  (default 1)
      --seconds   length of a run                      (default 0.5)
      --runs      runs of each row; the median counts  (default 5)
      --batch     frames of a batch                    (default 256)
      --frames    exactly so many frames, once, and nothing else: to count instructions

    Timed: copying each frame into the batch; the whole of Switch.process (port state, VLAN, MTU, source
    check or MAC learning with its refresh, filter, shaper, MAC table lookups, delivery, vSphere counters of
    both ports); giving frames and deliveries back. That is what DPDK's testpmd does with its pcap driver
    and `infinite_rx`, so that the figures can stand beside each other.
    Traffic: every address sends once a round, in shuffled order, to another port's address; up to 256
    addresses are a port each, more are learned behind 256 ports. Each pair of addresses is a flow of its
    own; no rule matches, so all are asked. `all`: access VLAN, the three security checks, MAC learning, one
    filter rule, every tenth port shaped both ways. A `raw` row is the same loop without a switch, and what
    the rows of the switch are compared with (VSPERF Scalability.Flows, without a device).
    Several workers: each takes the frames of its share of the ports, to ports anywhere; after each batch the
    lanes exchange notes, and hand frames for shaped ports of others over. What counts is what was delivered.
    These rows are compared with one worker's, where that is asked for; the runs of both are taken in turns,
    and both have the loop of a lane. `processor` is the time that the threads have run for, each frame's
    share: what others took of the processors is not in it. Lost are frames for the shaped port of a lane
    that did not run for some milliseconds: its ring holds 4,096 of the shortest.
    """

  private static let metrics = [
    Metric("framesPerSecond", "forwarding", unit: "frames/s", places: 0),
    Metric("nanosecondsPerFrame", "cost", unit: "ns/frame", isLowerBetter: true, isDrawn: false),
    Metric(
      "processorNanosecondsPerFrame", "processor", unit: "ns/frame", isLowerBetter: true,
      isDrawn: false),
    Metric("lostPerMille", "lost", unit: "per mille", isLowerBetter: true, isDrawn: false),
  ]

  private static func measure(_ options: inout Options, _ progress: Progress) throws
    -> [ReportSection]
  {
    let macs = try options.numbers(
      "--macs", default: [2, 100, 10_000, 100_000, 1_000_000], in: 2...1_040_000)
    let policies = try policyList(options.text("--policies") ?? "none,vlan,all")
    let rules = try options.numbers("--rules", default: [0], in: 0...10_000)
    let sizes = try options.numbers("--bytes", default: [64], in: 64...1_518)
    let seconds = try options.seconds("--seconds", default: 0.5)
    let workers = try options.numbers("--workers", default: [1], in: 1...SwitchLimits.lanesMax)
    let runs = try options.number("--runs", default: 5, in: 1...1_000)
    let batchFrames = try options.number("--batch", default: 256, in: 1...4_096)
    let frames = try options.number("--frames", default: 0, in: 0...1_000_000_000)
    try options.end()
    if frames > 0 {
      let scenario = PipelineScenario(
        macs: macs[0], policies: policies[0], rules: rules[0], frameBytes: sizes[0])
      var benchmark = try PipelineBenchmark(scenario, batchFrames: batchFrames, seed: 1)
      print(benchmark.countedFrames(frames))
      return []
    }
    let scenarios = macs.flatMap { macs in
      policies.flatMap { policies in
        rules.flatMap { rules in
          sizes.map {
            PipelineScenario(macs: macs, policies: policies, rules: rules, frameBytes: $0)
          }
        }
      }
    }
    var section = ReportSection(
      "pipeline", title: "The switch alone, in memory", metrics: metrics)
    section.method = help.split(separator: "\n").map(String.init)
    progress.begin(steps: scenarios.count)
    for scenario in scenarios {
      progress.step("pipeline \(name(scenario))")
      try measure(
        scenario, workers, batchFrames: batchFrames, seconds: seconds, runs: runs, into: &section)
    }
    progress.end()
    if macs.count > 1 { section.charts = [chart(scenarios, section)] }
    return [section]
  }

  private static func policyList(_ text: String) throws -> [PipelinePolicies] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
      guard let policies = PipelinePolicies(rawValue: String(word)) else {
        throw WrongUsage(text: "--policies: `\(word)` is none of none, vlan, all")
      }
      return policies
    }
  }

  private static func name(_ scenario: PipelineScenario) -> String {
    "\(scenario.macs) MACs, \(scenario.policies.rawValue), "
      + "\(scenario.effectiveRules) rules, \(scenario.frameBytes) B"
      + (scenario.workers > 1 ? ", \(scenario.workers) workers" : "")
  }

  /// Several workers are compared with one, one with the loop without a switch.
  private static func subject(_ scenario: PipelineScenario, isRaw: Bool, hasOne: Bool) -> Subject {
    var one = scenario
    one.workers = 1
    let raw = ", raw"
    let other =
      scenario.workers > 1 && hasOne
      ? name(one) + (isRaw ? raw : "") : isRaw ? nil : name(scenario) + raw
    return Subject(
      name(scenario) + (isRaw ? raw : ""),
      title: "\(scenario.policies.rawValue), \(scenario.effectiveRules) rules, "
        + "\(scenario.frameBytes) B"
        + (scenario.workers > 1 ? ", \(scenario.workers) workers" : "")
        + (isRaw ? ": no switch" : ""), group: "\(scenario.macs) MACs",
      comparedWith: other, isOurs: !isRaw,
      keys: [
        .init("kind", .string(isRaw ? "rawLimit" : "switch")), .init("macs", .int(scenario.macs)),
        .init("policies", .string(scenario.policies.rawValue)),
        .init("rules", .int(scenario.effectiveRules)),
        .init("frameBytes", .int(scenario.frameBytes)), .init("workers", .int(scenario.workers)),
      ])
  }

  /// For each number of workers the row of the switch and that of the raw limit, all runs taken in turns.
  private static func measure(
    _ base: PipelineScenario, _ workers: [Int], batchFrames: Int, seconds: Double, runs: Int,
    into section: inout ReportSection
  ) throws {
    let nanoseconds = UInt64(seconds * 1e9)
    let rigs = try workers.map { count in
      var scenario = base
      scenario.workers = count
      return try PipelineRig(
        scenario, batchFrames: batchFrames, asLanes: workers.contains { $0 > 1 })
    }
    let hasOne = workers.contains(1)
    for rig in rigs {
      section.add(subject(rig.scenario, isRaw: false, hasOne: hasOne))
      section.add(subject(rig.scenario, isRaw: true, hasOne: hasOne))
      _ = try rig.run(nanoseconds: nanoseconds / 10)
    }
    for _ in 0..<runs {
      for rig in rigs {
        let own = name(rig.scenario)
        record(try rig.run(nanoseconds: nanoseconds), of: own, &section)
        record(try rig.runRawLimit(nanoseconds: nanoseconds / 4), of: own + ", raw", &section)
      }
    }
  }

  private static func record(
    _ run: PipelineRun, of subject: String, _ section: inout ReportSection
  ) {
    section.record(run.framesPerSecond, "framesPerSecond", of: subject)
    section.record(1e9 / run.framesPerSecond, "nanosecondsPerFrame", of: subject)
    section.record(
      Double(run.processorNanoseconds) / Double(max(1, run.frames)),
      "processorNanosecondsPerFrame", of: subject)
    section.record(run.lostPerMille, "lostPerMille", of: subject)
  }

  /// Frames per second over the size of the MAC table, a line for each set of policies.
  private static func chart(_ scenarios: [PipelineScenario], _ section: ReportSection)
    -> LineChart
  {
    var chart = LineChart(
      "macs", title: "One worker, in memory", x: "MAC addresses", y: "million frames/s")
    chart.isLogarithmicX = true
    for first in scenarios where first.macs == scenarios[0].macs {
      let line = scenarios.filter {
        $0.policies == first.policies && $0.rules == first.rules
          && $0.frameBytes == first.frameBytes
      }
      chart.add(
        LineChart.Series(
          "\(first.policies.rawValue), \(first.effectiveRules) rules, \(first.frameBytes) B",
          line.sorted { $0.macs < $1.macs }.compactMap { scenario in
            section["framesPerSecond", of: name(scenario)].map { samples in
              LineChart.Point(
                Double(scenario.macs), Samples(samples.sorted.map { $0 / 1e6 }))
            }
          }))
    }
    return chart
  }
}
