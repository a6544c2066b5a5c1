// `martlet-bench pipeline`: the grid of scenarios as a section of the report.

internal import Base
internal import BenchReport

enum PipelineReport {
  static let benchmark = ReportBenchmark(
    name: "pipeline", summary: "frames per second through the switch, in memory", help: help,
    needsRoot: false,
    quickWords: ["--macs", "100,10000", "--policies", "none,all", "--seconds", "0.1"],
    measure: measure)

  private static let help = """
    usage: martlet-bench pipeline [--macs N,N...] [--policies P,P...] [--rules N,N...] [--bytes N,N...]
                                  [--seconds S] [--runs N] [--batch N] [--frames N]

    Frames per second of one worker through the switch, in memory.
      --macs      addresses in the MAC table           (default 2,100,10000,100000,1000000)
      --policies  none, vlan, all                      (default none,vlan,all)
      --rules     filter rules at each port            (default 0; `all` has at least 1)
      --bytes     frame sizes with FCS, 64-1518        (default 64)
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
    """

  private static let metrics = [
    Metric("framesPerSecond", "forwarding", unit: "frames/s", places: 0),
    Metric("nanosecondsPerFrame", "cost", unit: "ns/frame", isLowerBetter: true, isDrawn: false),
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
      "pipeline", title: "One worker, in memory", metrics: metrics)
    section.method = help.split(separator: "\n").map(String.init)
    progress.begin(steps: scenarios.count)
    for scenario in scenarios {
      progress.step("pipeline \(name(scenario))")
      try measure(
        scenario, batchFrames: batchFrames, seconds: seconds, runs: runs, into: &section)
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
  }

  private static func subject(_ scenario: PipelineScenario, isRaw: Bool) -> Subject {
    Subject(
      name(scenario) + (isRaw ? ", raw" : ""),
      title: "\(scenario.policies.rawValue), \(scenario.effectiveRules) rules, "
        + "\(scenario.frameBytes) B" + (isRaw ? ": no switch" : ""), group: "\(scenario.macs) MACs",
      comparedWith: isRaw ? nil : name(scenario) + ", raw", isOurs: !isRaw,
      keys: [
        .init("kind", .string(isRaw ? "rawLimit" : "switch")), .init("macs", .int(scenario.macs)),
        .init("policies", .string(scenario.policies.rawValue)),
        .init("rules", .int(scenario.effectiveRules)),
        .init("frameBytes", .int(scenario.frameBytes)), .init("workers", 1),
      ])
  }

  /// The row of the switch and that of the raw limit, their runs taken in turns.
  private static func measure(
    _ scenario: PipelineScenario, batchFrames: Int, seconds: Double, runs: Int,
    into section: inout ReportSection
  ) throws {
    let network = subject(scenario, isRaw: false)
    let raw = subject(scenario, isRaw: true)
    section.add(network)
    section.add(raw)
    var benchmark = try PipelineBenchmark(scenario, batchFrames: batchFrames, seed: 1)
    let nanoseconds = UInt64(seconds * 1e9)
    _ = try benchmark.run(nanoseconds: nanoseconds / 10)
    for _ in 0..<runs {
      record(try benchmark.run(nanoseconds: nanoseconds), of: network, &section)
      record(benchmark.runRawLimit(nanoseconds: nanoseconds / 4), of: raw, &section)
    }
  }

  private static func record(
    _ run: PipelineRun, of subject: Subject, _ section: inout ReportSection
  ) {
    section.record(run.framesPerSecond, "framesPerSecond", of: subject.name)
    section.record(1e9 / run.framesPerSecond, "nanosecondsPerFrame", of: subject.name)
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
