// `martlet-bench shaping`: how exactly a shaped port keeps to its numbers, and what that costs others.

internal import Base
internal import Glibc
internal import Linux
internal import Rig

enum ShapingReport {
  static let help = """
    usage: martlet-bench shaping [--json] [--runs N] [--seconds S] [--rates N,N...] [--binary PATH]

    Builds two hosts from namespaces, with an agent on each, and runs iperf3 through a shaped port: TCP and
    UDP, into and out of the switch, to a VM of the same host and over the uplink. Then measures how long
    a full bucket lasts, and the throughput of two unshaped VMs beside a shaped one. Needs root and iperf3.
    Exits 1 when a rate on the wire is more than 5 % off the average, or a burst more than 10 % off
    burst * 8 / (peak - average). UDP of which less than 105 % could be sent is not judged.
      --runs      of each measurement (default 3)
      --seconds   of each iperf3 run (default 4)
      --rates     averages in Mbit/s (default 1,10,100,1000)
      --only      one of rates, bursts, neighbours
      --binary    the program `martlet` (default: the one beside this program)
      --json      JSON instead of tables
    """

  /// One line: samples as a ratio of what they should be.
  struct Row {
    var words: [String]
    var samples: [Double] = []
    /// What the sender of a UDP stream managed, in percent of the average.
    var offered: [Double] = []

    /// Enough came to be shaped at all.
    var isJudged: Bool { offered.allSatisfy { $0 > 105 } }

    var spread: (low: Double, median: Double, high: Double) {
      let sorted = samples.sorted()
      return (sorted.first ?? 0, sorted[sorted.count / 2], sorted.last ?? 0)
    }
  }

  struct Figures {
    /// Payload, as percent of the average.
    var rates: [Row] = []
    /// Percent of the time that the formula gives.
    var bursts: [Row] = []
    /// Mbit/s.
    var neighbours: [Row] = []
  }

  /// The part of a full TCP frame that is payload; UDP's is set to nearly the same.
  static func payloadShare(_ transport: String) -> Double {
    transport == "tcp" ? 1_448 / 1_514 : 1_448 / 1_490
  }

  static func run(_ words: [String]) throws -> Bool {
    var options = Options(words, of: "shaping")
    if options.flag("--help") {
      print(help)
      return true
    }
    let asJSON = options.flag("--json")
    let runs = try options.number("--runs", default: 3, in: 1...100)
    let seconds = try options.number("--seconds", default: 4, in: 1...60)
    let rates = try options.numbers("--rates", default: [1, 10, 100, 1_000], in: 1...10_000)
    let only = try options.text("--only")
    let binary = try options.text("--binary") ?? besideThisProgram("martlet")
    try options.end()
    if let only, !["rates", "bursts", "neighbours"].contains(only) {
      throw WrongUsage(text: "--only: there is no measurement `\(only)`")
    }
    let rig = try Rig(ShapingTopology.text(), executable: binary, prefix: "ms\(getpid())-")
    defer { rig.close() }
    try rig.start()
    let servers = try ["near", "far", "pair2"].map { try IperfServer(rig, $0) }
    let run = try ShapingRun(rig: rig, seconds: seconds)
    var figures = Figures()
    if only == nil || only == "rates" { figures.rates = try self.rates(run, rates, runs) }
    if only == nil || only == "bursts" { figures.bursts = try bursts(run, runs) }
    if only == nil || only == "neighbours" { figures.neighbours = try neighbours(run, runs) }
    withExtendedLifetime(servers) {}
    if asJSON {
      print(json(figures).prettyText, terminator: "")
    } else {
      show(figures)
    }
    return isWithin(figures)
  }

  private static func rates(_ run: ShapingRun, _ rates: [Int], _ runs: Int) throws -> [Row] {
    try ShapedStream.all(rates).map { stream in
      var row = Row(words: [
        "\(stream.megabitsPerSecond)", stream.transport.rawValue, stream.direction.rawValue,
        stream.way.rawValue,
      ])
      for _ in 0..<runs {
        let report = try run.report(stream)
        let average = Double(stream.megabitsPerSecond) * 1e6
        row.samples.append(report.received.bitsPerSecond / average * 100)
        // TCP offers what it gets through; of UDP a machine may not be able to send enough.
        if stream.transport == .udp {
          row.offered.append(report.sent.bitsPerSecond / average * 100)
        }
      }
      return row
    }
  }

  private static func bursts(_ run: ShapingRun, _ runs: Int) throws -> [Row] {
    try [(1, 10, 1), (10, 50, 4), (100, 200, 16), (100, 400, 32)].map {
      average, peak, mebibytes in
      let numbers = ShapingNumbers(
        averageBitsPerSecond: average * 1_000_000, peakBitsPerSecond: peak * 1_000_000,
        burstBytes: mebibytes << 20)
      var row = Row(words: [
        "\(average)", "\(peak)", "\(mebibytes)", decimal(numbers.burstSeconds, 3),
      ])
      for _ in 0..<runs {
        row.samples.append(try run.burst(numbers) / numbers.burstSeconds * 100)
      }
      return row
    }
  }

  private static func neighbours(_ run: ShapingRun, _ runs: Int) throws -> [Row] {
    var rows = NeighbourLoad.allCases.map { Row(words: [$0.rawValue]) }
    // In turns, so that a machine that slows down slows all of them.
    for _ in 0..<runs {
      for (index, load) in NeighbourLoad.allCases.enumerated() {
        rows[index].samples.append(try run.neighbours(load) / 1e6)
      }
    }
    return rows
  }

  private static func isWithin(_ figures: Figures) -> Bool {
    figures.rates.filter(\.isJudged).allSatisfy {
      abs($0.spread.median / payloadShare($0.words[1]) - 100) <= 5
    } && figures.bursts.allSatisfy { abs($0.spread.median - 100) <= 10 }
  }

  private static let headings: [(title: String, names: [String])] = [
    ("rates", ["averageMbps", "transport", "direction", "way"]),
    ("bursts", ["averageMbps", "peakMbps", "burstMiB", "seconds"]),
    ("neighbours", ["shapedPort"]),
  ]

  private static func show(_ figures: Figures) {
    func cells(_ row: Row) -> [String] {
      [row.spread.median, row.spread.low, row.spread.high].map { decimal($0, 1) }
    }
    if !figures.rates.isEmpty {
      printTable(
        headings[0].names + ["payload%", "min", "max", "wire%", "offered%"],
        figures.rates.map {
          $0.words + cells($0) + [
            decimal($0.spread.median / payloadShare($0.words[1]), 1),
            $0.offered.min().map { decimal($0, 0) } ?? "",
          ]
        })
    }
    if !figures.bursts.isEmpty {
      printTable(
        headings[1].names + ["ofFormula%", "min", "max"],
        figures.bursts.map { $0.words + cells($0) })
    }
    if !figures.neighbours.isEmpty {
      printTable(
        headings[2].names + ["neighboursMbps", "min", "max"],
        figures.neighbours.map { $0.words + cells($0) })
    }
  }

  private static func json(_ figures: Figures) -> JSONValue {
    func rows(_ rows: [Row], _ names: [String], _ value: String) -> JSONValue {
      .array(
        rows.map { row in
          var object = JSONObject(
            zip(names, row.words).map { name, word in
              .init(name, Double(word).map { .double($0) } ?? .string(word))
            })
          object["runs"] = .int(row.samples.count)
          object[value] = .double(row.spread.median)
          object["\(value)Min"] = .double(row.spread.low)
          object["\(value)Max"] = .double(row.spread.high)
          if value == "payloadPercent" {
            object["wirePercent"] = .double(row.spread.median / payloadShare(row.words[1]))
            if let offered = row.offered.min() { object["offeredPercentMin"] = .double(offered) }
          }
          return .object(object)
        })
    }
    return [
      "rates": rows(figures.rates, headings[0].names, "payloadPercent"),
      "bursts": rows(figures.bursts, headings[1].names, "percentOfFormula"),
      "neighbours": rows(figures.neighbours, headings[2].names, "megabitsPerSecond"),
    ]
  }
}
