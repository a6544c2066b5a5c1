// `martlet-bench blocked`: how long a failure or a change blocks traffic, between real agents.

internal import Base
internal import Glibc
internal import Linux
internal import Rig

enum BlockedReport {
  static let help = """
    usage: martlet-bench blocked [--json] [--runs N] [--rate N] [--events A,B] [--binary PATH]

    Builds two hosts with a nic on each of two linked physical switches, from namespaces, with an agent on
    each host; sends a stream in both directions between two VMs; and counts what each event loses.
    Blocked time is lost frames ÷ offered rate. Needs root. Exits 1 when more is lost than promised:
    10 ms for an uplink failure, nothing for failback and for changes that do not concern the stream.
      --runs      of each event (default 5)
      --rate      frames a second in each direction (default 10000)
      --events    some of: \(BlockedEvent.allCases.map(\.rawValue).joined(separator: ", "))
      --binary    the program `martlet` (default: the one beside this program)
      --json      JSON instead of a table
    """

  struct Row {
    var event: BlockedEvent
    var direction: BlockedRun.Direction
    var samples: [BlockedSample] = []
    var settledNanoseconds: [UInt64] = []

    func spread(_ value: (BlockedSample) -> Double) -> (low: Double, median: Double, high: Double) {
      let sorted = samples.map(value).sorted()
      return (sorted.first ?? 0, sorted[sorted.count / 2], sorted.last ?? 0)
    }

    var keepsPromise: Bool {
      guard let limit = event.limitMilliseconds else { return true }
      return samples.allSatisfy { $0.blockedMilliseconds <= limit }
    }
  }

  /// False when an event lost more than promised.
  static func run(_ words: [String]) throws -> Bool {
    var options = Options(words, of: "blocked")
    if options.flag("--help") {
      print(help)
      return true
    }
    let asJSON = options.flag("--json")
    let runs = try options.number("--runs", default: 5, in: 1...1_000)
    let rate = try options.number("--rate", default: 10_000, in: 100...200_000)
    let events = try events(try options.text("--events"))
    let binary = try options.text("--binary") ?? besideThisProgram("martlet")
    try options.end()
    // Behind the agents, before everything else: a stream that stutters by itself measures little.
    ThreadPriority.raise(to: -5)
    let rows = try measure(events, runs: runs, rate: rate, binary)
    print(asJSON ? json(rows) : "", terminator: "")
    if !asJSON { printTable(headings, rows.map(cells)) }
    return rows.allSatisfy(\.keepsPromise)
  }

  private static func events(_ text: String?) throws -> [BlockedEvent] {
    guard let text else { return BlockedEvent.allCases }
    return try text.split(separator: ",").map { word in
      guard let event = BlockedEvent(rawValue: String(word)) else {
        throw WrongUsage(text: "--events: there is no event `\(word)`")
      }
      return event
    }
  }

  private static func measure(
    _ events: [BlockedEvent], runs: Int, rate: Int, _ binary: String
  ) throws -> [Row] {
    let rig = try Rig(
      BlockedTopology.text(), executable: binary, prefix: RigEnvironment.uniquePrefix())
    defer { rig.close() }
    try rig.start()
    try rig.addNode("late")
    let run = BlockedRun(rig: rig, framesPerSecond: rate)
    // The first stream waits for address resolution; it is not counted.
    _ = try run.measure(.steady)
    var rows: [Row] = []
    for event in events {
      for direction in BlockedRun.Direction.allCases {
        rows.append(Row(event: event, direction: direction))
      }
    }
    for _ in 0..<runs {
      for event in events {
        let result = try run.measure(event)
        for index in rows.indices where rows[index].event == event {
          rows[index].samples.append(result.samples[rows[index].direction]!)
          rows[index].settledNanoseconds.append(result.settledNanoseconds)
        }
      }
    }
    return rows
  }

  private static let headings = [
    "event", "direction", "lost", "blockedMs", "min", "max", "reordered", "duplicated",
    "longestGapMs", "settledMs", "framesPerSecond",
  ]

  private static func cells(_ row: Row) -> [String] {
    let blocked = row.spread(\.blockedMilliseconds)
    return [
      row.event.rawValue, row.direction.rawValue, decimal(row.spread { Double($0.lost) }.median, 0),
      decimal(blocked.median, 2), decimal(blocked.low, 2), decimal(blocked.high, 2),
      decimal(row.spread { Double($0.reordered) }.median, 0),
      decimal(row.spread { Double($0.duplicated) }.median, 0),
      decimal(row.spread { Double($0.longestGapNanoseconds) / 1e6 }.median, 1),
      decimal(Double(row.settledNanoseconds.sorted()[row.samples.count / 2]) / 1e6, 1),
      decimal(row.spread(\.framesPerSecond).median, 0),
    ]
  }

  private static func json(_ rows: [Row]) -> String {
    let values = rows.map { row -> JSONValue in
      let blocked = row.spread(\.blockedMilliseconds)
      let lost = row.spread { Double($0.lost) }
      return [
        "event": .string(row.event.rawValue), "direction": .string(row.direction.rawValue),
        "runs": .int(row.samples.count),
        "framesPerSecond": .double(row.spread(\.framesPerSecond).median),
        "lost": .int(Int(lost.median)), "lostMin": .int(Int(lost.low)),
        "lostMax": .int(Int(lost.high)),
        "blockedMilliseconds": .double(blocked.median),
        "blockedMillisecondsMin": .double(blocked.low),
        "blockedMillisecondsMax": .double(blocked.high),
        "reordered": .int(Int(row.spread { Double($0.reordered) }.median)),
        "duplicated": .int(Int(row.spread { Double($0.duplicated) }.median)),
        "settledMilliseconds": .double(
          Double(row.settledNanoseconds.sorted()[row.samples.count / 2]) / 1e6),
        "keepsPromise": .bool(row.keepsPromise),
      ]
    }
    return JSONValue.array(values).prettyText
  }
}
