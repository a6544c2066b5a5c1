// `martlet-bench idle`: what a host agent costs while nobody sends. The promise is under 1 % of a core and
// under 64 MiB of resident memory.

internal import Base
internal import BenchReport
internal import Linux

enum IdleReport {
  /// The promises, for the agent and the process that keeps its TAPs together.
  private static let mostPercent = 1.0
  private static let mostMebibytes = 64.0

  static let benchmark = ReportBenchmark(
    name: "idle", summary: "processor time and memory of a host agent while nobody sends",
    help: help, quickWords: ["--ports", "4", "--seconds", "5"], measure: measure)

  private static let help = """
    usage: martlet-bench idle [--ports N,N...] [--seconds S] [--binary PATH]

    Starts a host agent in network namespaces of its own, waits until every port is up and announced,
    and measures processor time and resident memory while nothing is sent. Needs root. Exits 1 when the
    agent and its keeper together use 1 % of a core or more, or 64 MiB or more.
      --ports    VM ports, each a TAP in a namespace of its own (default 4,100)
      --seconds  how long to watch                              (default 30)
      --binary   the martlet program                            (default: beside martlet-bench)
    """

  private struct Row {
    var agentPercent: Double
    var keeperPercent: Double
    var agentBytes: Int
    var keeperBytes: Int
  }

  private static let metrics = [
    Metric("agentCorePercent", "agent", unit: "% of a core", isLowerBetter: true),
    Metric(
      "keeperCorePercent", "keeper", unit: "% of a core", isLowerBetter: true, isDrawn: false),
    Metric("agentResidentMebibytes", "agent", unit: "MiB", places: 1, isLowerBetter: true),
    Metric(
      "keeperResidentMebibytes", "keeper", unit: "MiB", places: 1, isLowerBetter: true,
      isDrawn: false),
  ]

  private static func measure(_ options: inout Options, _ progress: Progress) throws
    -> [ReportSection]
  {
    let ports = try options.numbers("--ports", default: [4, 100], in: 1...1_000)
    let seconds = try options.seconds("--seconds", default: 30)
    let binary = try options.text("--binary") ?? besideThisProgram("martlet")
    try options.end()
    var section = ReportSection("idle", title: "A host agent, idle", metrics: metrics)
    section.method = help.split(separator: "\n").map(String.init)
    progress.begin(steps: ports.count)
    for count in ports {
      progress.step("idle with \(count) ports")
      let name = "\(count) ports"
      let row = try measure(ports: count, seconds: seconds, binary: binary)
      section.add(Subject(name, isOurs: true, keys: [.init("ports", .int(count))]))
      section.record(row.agentPercent, "agentCorePercent", of: name)
      section.record(row.keeperPercent, "keeperCorePercent", of: name)
      section.record(Double(row.agentBytes) / 1_048_576, "agentResidentMebibytes", of: name)
      section.record(Double(row.keeperBytes) / 1_048_576, "keeperResidentMebibytes", of: name)
      section.promise(
        "\(name): % of a core", row.agentPercent + row.keeperPercent, atMost: mostPercent)
      section.promise(
        "\(name): MiB resident", Double(row.agentBytes + row.keeperBytes) / 1_048_576,
        atMost: mostMebibytes)
    }
    progress.end()
    return [section]
  }

  private static func measure(ports: Int, seconds: Double, binary: String) throws -> Row {
    let host = try IdleHost(ports: ports, binary: binary)
    do {
      try host.start()
      let before = try host.use()
      let start = MonotonicClock.now()
      _ = MonotonicClock.wait(
        atMostNanoseconds: UInt64(seconds * 1e9), everyNanoseconds: 500_000_000
      ) { false }
      let after = try host.use()
      let elapsed = Double(MonotonicClock.now().nanoseconds(since: start)) / 1e9
      host.end()
      func percent(_ early: ResourceUse, _ late: ResourceUse) -> Double {
        (late.processorSeconds - early.processorSeconds) / elapsed * 100
      }
      return Row(
        agentPercent: percent(before.agent, after.agent),
        keeperPercent: percent(before.keeper, after.keeper),
        agentBytes: after.agent.residentBytes, keeperBytes: after.keeper.residentBytes)
    } catch {
      host.end()
      throw error
    }
  }
}
