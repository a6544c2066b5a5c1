// `martlet-bench pipeline`: the rows, as a table and as JSON.

internal import Base

/// One line of the report.
struct PipelineRow {
  /// `switch`, or `rawLimit` for the loop without one.
  var kind: String
  var scenario: PipelineScenario
  /// Frames per second of each run, sorted.
  var runs: [Double]

  var median: Double { runs[runs.count / 2] }

  var json: JSONValue {
    [
      "kind": .string(kind), "macs": .int(scenario.macs),
      "policies": .string(scenario.policies.rawValue), "rules": .int(scenario.effectiveRules),
      "frameBytes": .int(scenario.frameBytes), "workers": 1,
      "framesPerSecond": .int(Int(median.rounded())),
      "nanosecondsPerFrame": .double((1e11 / median).rounded() / 100),
      "slowestFramesPerSecond": .int(Int(runs[0].rounded())),
      "fastestFramesPerSecond": .int(Int(runs[runs.count - 1].rounded())),
    ]
  }

  /// Cells of the table; `limit` is the raw limit of the same traffic.
  func cells(limit: Double) -> [String] {
    [
      kind == "switch" ? "\(scenario.macs)" : "\(scenario.macs) raw", scenario.policies.rawValue,
      "\(scenario.effectiveRules)", "\(scenario.frameBytes)", decimal(median / 1e6, 1),
      "\(decimal(runs[0] / 1e6, 1))-\(decimal(runs[runs.count - 1] / 1e6, 1))",
      decimal(1e9 / median, 2), kind == "switch" ? decimal(limit / median, 1) : "1",
    ]
  }
}

enum PipelineReport {
  static let help = """
    usage: martlet-bench pipeline [--json] [--macs N,N...] [--policies P,P...] [--rules N,N...] [--bytes N,N...] [--seconds S] [--runs N] [--batch N] [--frames N]

    Frames per second of one worker through the switch, in memory.
      --macs      addresses in the MAC table           (default 2,100,10000,100000,1000000)
      --policies  none, vlan, all                      (default none,vlan,all)
      --rules     filter rules at each port            (default 0; `all` has at least 1)
      --bytes     frame sizes with FCS, 64-1518        (default 64)
      --seconds   length of a run                      (default 0.5)
      --runs      runs of each row; the median counts  (default 5)
      --batch     frames of a batch                    (default 256)
      --frames    exactly so many frames, once, and nothing else: to count instructions
      --json      JSON instead of a table

    Timed: copying each frame into the batch; the whole of Switch.process (port state, VLAN, MTU, source
    check or MAC learning with its refresh, filter, shaper, MAC table lookups, delivery, vSphere counters of
    both ports); giving frames and deliveries back. That is what DPDK's testpmd does with its pcap driver
    and `infinite_rx`, so that the figures can stand beside each other.
    Traffic: every address sends once a round, in shuffled order, to another port's address; up to 256
    addresses are a port each, more are learned behind 256 ports. Each pair of addresses is a flow of its
    own; no rule matches, so all are asked. `all`: access VLAN, the three security checks, MAC learning, one
    filter rule, every tenth port shaped both ways. A `raw` row is the same loop without a switch.
    """

  /// Runs the benchmark; false when it broke a promise.
  static func run(_ words: [String]) throws -> Bool {
    var options = Options(words, of: "pipeline")
    if options.flag("--help") {
      print(help)
      return true
    }
    let asJSON = options.flag("--json")
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
      return true
    }
    var rows: [PipelineRow] = []
    for macs in macs {
      for policies in policies {
        for rules in rules {
          for size in sizes {
            let scenario = PipelineScenario(
              macs: macs, policies: policies, rules: rules, frameBytes: size)
            rows += try measure(scenario, batchFrames: batchFrames, seconds: seconds, runs: runs)
          }
        }
      }
    }
    if asJSON {
      print(JSONValue.array(rows.map(\.json)).prettyText, terminator: "")
    } else {
      printTable(
        ["macs", "policies", "rules", "bytes", "Mframes/s", "range", "ns/frame", "x raw"],
        rows.enumerated().map { index, row in row.cells(limit: rows[index / 2 * 2 + 1].median) })
    }
    return true
  }

  private static func policyList(_ text: String) throws -> [PipelinePolicies] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
      guard let policies = PipelinePolicies(rawValue: String(word)) else {
        throw WrongUsage(text: "--policies: `\(word)` is none of none, vlan, all")
      }
      return policies
    }
  }

  /// The row of the switch and that of the raw limit, their runs taken in turns.
  private static func measure(
    _ scenario: PipelineScenario, batchFrames: Int, seconds: Double, runs: Int
  ) throws -> [PipelineRow] {
    var benchmark = try PipelineBenchmark(scenario, batchFrames: batchFrames, seed: 1)
    let nanoseconds = UInt64(seconds * 1e9)
    _ = try benchmark.run(nanoseconds: nanoseconds / 10)
    var network: [Double] = []
    var raw: [Double] = []
    for _ in 0..<runs {
      network.append(try benchmark.run(nanoseconds: nanoseconds).framesPerSecond)
      raw.append(benchmark.runRawLimit(nanoseconds: nanoseconds / 4).framesPerSecond)
    }
    return [
      PipelineRow(kind: "switch", scenario: scenario, runs: network.sorted()),
      PipelineRow(kind: "rawLimit", scenario: scenario, runs: raw.sorted()),
    ]
  }
}
