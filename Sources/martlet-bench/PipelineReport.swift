// `martlet-bench pipeline`: the rows, as a table and as JSON.

internal import Base

/// One line of the report.
struct PipelineRow {
  /// `switch`, or `rawLimit` for the loop without one.
  var kind: String
  var macs: Int
  /// Policies beyond the defaults at each port.
  var policies: Int
  /// Filter rules at each port, on the way in.
  var rules: Int
  /// Frames per second of each run, sorted.
  var runs: [Double]

  var median: Double { runs[runs.count / 2] }

  var json: JSONValue {
    [
      "kind": .string(kind), "macs": .int(macs), "policies": .int(policies), "rules": .int(rules),
      "frameBytes": 64, "workers": 1, "framesPerSecond": .int(Int(median.rounded())),
      "nanosecondsPerFrame": .double((1e11 / median).rounded() / 100),
      "slowestFramesPerSecond": .int(Int(runs[0].rounded())),
      "fastestFramesPerSecond": .int(Int(runs[runs.count - 1].rounded())),
    ]
  }

  /// Cells of the table; `limit` is the raw limit of the same traffic.
  func cells(limit: Double) -> [String] {
    [
      kind == "switch" ? "\(macs)" : "\(macs) raw", "\(policies)", "\(rules)", "64",
      decimal(median / 1e6, 1),
      "\(decimal(runs[0] / 1e6, 1))-\(decimal(runs[runs.count - 1] / 1e6, 1))",
      decimal(1e9 / median, 2), kind == "switch" ? decimal(limit / median, 1) : "1",
    ]
  }
}

enum PipelineReport {
  static let help = """
    usage: martlet-bench pipeline [--json] [--macs N,N...] [--rules N,N...] [--seconds S] [--runs N] [--batch N]

    Frames per second of one worker through the switch, in memory, with 64-byte frames (60 without FCS).
      --macs     addresses in the MAC table          (default 2,100,10000,100000,1000000)
      --rules    filter rules at each port           (default 0)
      --seconds  length of a run                     (default 1)
      --runs     runs of each row; the median counts (default 5)
      --batch    frames of a batch                   (default 256)
      --json     JSON instead of a table

    Timed: the whole of Switch.process (port state, VLAN, MTU, source check or MAC learning with its
    refresh, both MAC table lookups, delivery, vSphere counters of both ports) and emptying the
    delivery list. Not timed: writing the next addresses into the frames, which a device would do; so
    the frames are in the cache and the tables are not, unless they are small.
    Traffic: every address sends once a round, in shuffled order, to another port's address; up to 256
    addresses are a port each, more are learned behind 256 ports (two policies: forged transmits and MAC
    learning). Each pair of addresses is a flow of its own; no rule matches, so all are asked. A `raw` row is the same loop without a switch: read the header, append a delivery.
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
    let rules = try options.numbers("--rules", default: [0], in: 0...10_000)
    let seconds = try options.seconds("--seconds", default: 1)
    let runs = try options.number("--runs", default: 5, in: 1...1_000)
    let batchFrames = try options.number("--batch", default: 256, in: 1...4_096)
    try options.end()
    let rows = try macs.flatMap { macs in
      try rules.flatMap { rules in
        try measure(
          macs: macs, rules: rules, batchFrames: batchFrames, seconds: seconds, runs: runs)
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

  /// The row of the switch and that of the raw limit, their runs taken in turns.
  private static func measure(
    macs: Int, rules: Int, batchFrames: Int, seconds: Double, runs: Int
  ) throws -> [PipelineRow] {
    var benchmark = try PipelineBenchmark(
      macCount: macs, ruleCount: rules, batchFrames: batchFrames, seed: 1)
    let nanoseconds = UInt64(seconds * 1e9)
    _ = try benchmark.run(nanoseconds: nanoseconds / 10)
    var network: [Double] = []
    var raw: [Double] = []
    for _ in 0..<runs {
      network.append(try benchmark.run(nanoseconds: nanoseconds).framesPerSecond)
      raw.append(benchmark.runRawLimit(nanoseconds: nanoseconds / 4).framesPerSecond)
    }
    let policies = benchmark.learns ? 2 : 0
    return [
      PipelineRow(
        kind: "switch", macs: macs, policies: policies, rules: rules, runs: network.sorted()),
      PipelineRow(
        kind: "rawLimit", macs: macs, policies: policies, rules: rules, runs: raw.sorted()),
    ]
  }
}
