// `martlet-bench idle`: what a host agent costs while nobody sends. The promise is under 1 % of a core and
// under 64 MiB of resident memory.

internal import Base
internal import Linux

enum IdleReport {
  /// The promises, for the agent and the process that keeps its TAPs together.
  static let mostPercent = 1.0
  static let mostBytes = 64 << 20

  static let help = """
    usage: martlet-bench idle [--json] [--ports N,N...] [--seconds S] [--binary PATH]

    Starts a host agent in network namespaces of its own, waits until every port is up and announced,
    and measures processor time and resident memory while nothing is sent. Needs root. Exits 1 when the
    agent and its keeper together use 1 % of a core or more, or 64 MiB or more.
      --ports    VM ports, each a TAP in a namespace of its own (default 4,100)
      --seconds  how long to watch                              (default 30)
      --binary   the martlet program                            (default: beside martlet-bench)
      --json     JSON instead of a table
    """

  /// One line of the report.
  struct Row {
    var ports: Int
    var seconds: Double
    /// Of one core.
    var agentPercent: Double
    var keeperPercent: Double
    var agentBytes: Int
    var keeperBytes: Int

    var isWithin: Bool {
      agentPercent + keeperPercent < IdleReport.mostPercent
        && agentBytes + keeperBytes < IdleReport.mostBytes
    }

    var json: JSONValue {
      [
        "ports": .int(ports), "seconds": .double(seconds),
        "agentCorePercent": .double(agentPercent), "keeperCorePercent": .double(keeperPercent),
        "agentResidentBytes": .int(agentBytes), "keeperResidentBytes": .int(keeperBytes),
      ]
    }

    var cells: [String] {
      [
        "\(ports)", decimal(agentPercent, 2), decimal(keeperPercent, 2),
        decimal(Double(agentBytes) / 1_048_576, 1), decimal(Double(keeperBytes) / 1_048_576, 1),
        isWithin ? "yes" : "NO",
      ]
    }
  }

  /// False when a promise is broken.
  static func run(_ words: [String]) throws -> Bool {
    var options = Options(words, of: "idle")
    if options.flag("--help") {
      print(help)
      return true
    }
    let asJSON = options.flag("--json")
    let ports = try options.numbers("--ports", default: [4, 100], in: 1...1_000)
    let seconds = try options.seconds("--seconds", default: 30)
    let binary = try options.text("--binary") ?? besideThisProgram("martlet")
    try options.end()
    let rows = try ports.map { try measure(ports: $0, seconds: seconds, binary: binary) }
    if asJSON {
      print(JSONValue.array(rows.map(\.json)).prettyText, terminator: "")
    } else {
      printTable(
        ["ports", "agent %core", "keeper %core", "agent MiB", "keeper MiB", "within"],
        rows.map(\.cells))
    }
    return rows.allSatisfy(\.isWithin)
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
        ports: ports, seconds: elapsed, agentPercent: percent(before.agent, after.agent),
        keeperPercent: percent(before.keeper, after.keeper),
        agentBytes: after.agent.residentBytes, keeperBytes: after.keeper.residentBytes)
    } catch {
      host.end()
      throw error
    }
  }
}
