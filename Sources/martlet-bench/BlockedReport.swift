// `martlet-bench blocked`: how long a failure or a change blocks traffic, between real agents.

internal import Base
internal import BenchReport
internal import Linux
internal import Rig

enum BlockedReport {
  static let benchmark = ReportBenchmark(
    name: "blocked", summary: "how long failures and changes block a stream", help: help,
    quickWords: ["--runs", "1"], measure: measure)

  private static let help = """
    usage: martlet-bench blocked [--runs N] [--rate N] [--events A,B...] [--binary PATH]

    Builds two hosts with a nic on each of two linked physical switches, from namespaces, with an agent on
    each host; sends a stream in both directions between two VMs; and counts what each event loses. Needs
    root. Exits 1 when more is lost than promised: 10 ms for an uplink failure, 200 ms for an agent that is
    killed and started again, nothing for failback and for changes that do not concern the stream.
      --runs      of each event (default 5)
      --rate      frames a second in each direction (default 10000)
      --events    some of: \(BlockedEvent.allCases.map(\.rawValue).joined(separator: ", "))
      --binary    the program `martlet` (default: the one beside this program)

    Method: effective blocked time = lost frames ÷ offered rate, as the reconfiguration tests of FD.io CSIT
    have it; agentKill is RFC 6201 ResetTime. Lost is told by sequence numbers, `reordered` by a higher one
    that came before; `settled` is the time from the event until its effect was complete everywhere.
    """

  private static let metrics = [
    Metric("blockedMilliseconds", "blocked", unit: "ms", isLowerBetter: true),
    Metric("lost", "lost", unit: "frames", places: 0, isLowerBetter: true, isDrawn: false),
    Metric(
      "longestGapMilliseconds", "longest gap", unit: "ms", places: 1, isLowerBetter: true,
      isDrawn: false),
    Metric(
      "reordered", "reordered", unit: "frames", places: 0, isLowerBetter: true, isDrawn: false),
    Metric(
      "duplicated", "duplicated", unit: "frames", places: 0, isLowerBetter: true, isDrawn: false),
    Metric(
      "settledMilliseconds", "settled", unit: "ms", places: 1, isLowerBetter: true,
      isDrawn: false),
    Metric("framesPerSecond", "offered", unit: "frames/s", places: 0, isDrawn: false),
  ]

  private static func measure(_ options: inout Options, _ progress: Progress) throws
    -> [ReportSection]
  {
    let runs = try options.number("--runs", default: 5, in: 1...1_000)
    let rate = try options.number("--rate", default: 10_000, in: 100...200_000)
    let events = try events(try options.text("--events"))
    let binary = try options.text("--binary") ?? besideThisProgram("martlet")
    try options.end()
    // Behind the agents, before everything else: a stream that stutters by itself measures little.
    ThreadPriority.raise(to: -5)
    var section = ReportSection(
      "blocked", title: "Traffic blocked by failures and changes", metrics: metrics)
    section.method = help.split(separator: "\n").map(String.init)
    for event in events {
      for direction in BlockedRun.Direction.allCases {
        section.add(
          Subject(
            name(event, direction), title: "\(event.title), \(direction.rawValue)",
            isOurs: true,
            keys: [
              .init("event", .string(event.rawValue)),
              .init("direction", .string(direction.rawValue)),
            ]))
      }
    }
    try measure(events, runs: runs, rate: rate, binary, progress, &section)
    promise(events, &section)
    return [section]
  }

  private static func name(_ event: BlockedEvent, _ direction: BlockedRun.Direction) -> String {
    "\(event.rawValue) \(direction.rawValue)"
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
    _ events: [BlockedEvent], runs: Int, rate: Int, _ binary: String, _ progress: Progress,
    _ section: inout ReportSection
  ) throws {
    let rig = try Rig(
      BlockedTopology.text(), executable: binary, prefix: RigEnvironment.uniquePrefix())
    defer { rig.close() }
    try rig.start()
    try rig.addNode("late")
    let run = BlockedRun(rig: rig, framesPerSecond: rate)
    // The first stream waits for address resolution; it is not counted.
    _ = try run.measure(.steady)
    progress.begin(steps: runs * events.count)
    for round in 1...runs {
      for event in events {
        progress.step("round \(round)/\(runs): blocked \(event.rawValue)")
        let result = try run.measure(event)
        for (direction, sample) in result.samples {
          record(sample, settled: result.settledNanoseconds, name(event, direction), &section)
        }
      }
    }
    progress.end()
  }

  private static func record(
    _ sample: BlockedSample, settled nanoseconds: UInt64, _ name: String,
    _ section: inout ReportSection
  ) {
    section.record(sample.blockedMilliseconds, "blockedMilliseconds", of: name)
    section.record(Double(sample.lost), "lost", of: name)
    section.record(
      Double(sample.longestGapNanoseconds) / 1e6, "longestGapMilliseconds", of: name)
    section.record(Double(sample.reordered), "reordered", of: name)
    section.record(Double(sample.duplicated), "duplicated", of: name)
    section.record(Double(nanoseconds) / 1e6, "settledMilliseconds", of: name)
    section.record(sample.framesPerSecond, "framesPerSecond", of: name)
  }

  /// Every run, not the median: a change that loses a frame now and then loses frames.
  private static func promise(_ events: [BlockedEvent], _ section: inout ReportSection) {
    for event in events {
      guard let limit = event.limitMilliseconds else { continue }
      for direction in BlockedRun.Direction.allCases {
        let name = name(event, direction)
        section.promise(
          "\(name): at most \(decimal(limit, 0)) ms in every run",
          section["blockedMilliseconds", of: name]?.high, atMost: limit)
      }
    }
  }
}
