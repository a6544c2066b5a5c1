// `martlet-bench memory`: what one more port, address or flow costs, against what is written down.

internal import Base
internal import BenchReport
internal import HTTP
internal import Linux
internal import Rig

enum MemoryBenchmark {
  static let benchmark = ReportBenchmark(
    name: "memory", summary: "memory of one more port, MAC address or flow", help: help,
    quickWords: ["--runs", "1"], measure: measure)

  private static let help = """
    usage: martlet-bench memory [--runs N]

    Resident memory of one more port, MAC address, flow and TAP port: two processes of different size, the
    difference of their resident memory ÷ the difference in number. `written` is the same difference of
    SwitchLimits.memoryBytes, the sum from which the tables are sized at the start, and of a plan's ports. Needs root, for TAPs.
      --runs     pairs of processes for each line (default 3)

    Method: RFC 8204 scalability, VSPERF Scalability.*; every port has sent, every address was learned,
    every flow has its verdict. Pages count once they are touched, and a table that is sized at the start is
    touched by being made, so its cost is there before its entries are.
    """

  private static func measure(_ options: inout Options, _ progress: Progress) throws
    -> [ReportSection]
  {
    let runs = try options.number("--runs", default: 3, in: 1...100)
    try options.end()
    var section = ReportSection(
      "memory", title: "Memory of one more",
      metrics: [
        Metric("residentBytes", "resident", unit: "bytes", places: 0, isLowerBetter: true),
        Metric(
          "writtenBytes", "written", unit: "bytes", places: 0, isLowerBetter: true, isDrawn: false),
        Metric("residentToWritten", "resident ÷ written", unit: "", isDrawn: false),
      ])
    section.method = help.split(separator: "\n").map(String.init)
    for kind in MemoryKind.allCases {
      section.add(
        Subject(
          kind.rawValue, isOurs: true,
          keys: [
            .init("smallCount", .int(kind.counts.small)),
            .init("largeCount", .int(kind.counts.large)),
          ]))
    }
    progress.begin(steps: runs * MemoryKind.allCases.count)
    for run in 1...runs {
      for kind in MemoryKind.allCases {
        progress.step("run \(run)/\(runs): memory \(kind.rawValue)")
        let small = try point(kind, kind.counts.small)
        let large = try point(kind, kind.counts.large)
        let more = Double(kind.counts.large - kind.counts.small)
        let resident = Double(large.residentBytes - small.residentBytes) / more
        section.record(resident, "residentBytes", of: kind.rawValue)
        guard large.writtenBytes > 0 else { continue }
        let written = Double(large.writtenBytes - small.writtenBytes) / more
        section.record(written, "writtenBytes", of: kind.rawValue)
        section.record(resident / written, "residentToWritten", of: kind.rawValue)
      }
    }
    progress.end()
    for kind in [MemoryKind.port, .mac, .flow] {
      section.promise(
        "\(kind.rawValue): resident at most 1.10 of what is written",
        section["residentToWritten", of: kind.rawValue]?.median, atMost: 1.1)
    }
    return [section]
  }

  /// A process of one size, in a namespace of its own.
  private static func point(_ kind: MemoryKind, _ count: Int) throws -> MemoryPoint {
    let name = RigEnvironment.uniquePrefix() + "memory"
    let namespace = try NetworkNamespace.create(named: name)
    defer { try? NetworkNamespace.delete(named: name) }
    let words = [ownProgram, "tool", "memory-point", kind.rawValue, "\(count)"]
    let report = try ChildProcess.run(.init(words, in: namespace))
    guard report.ending.isSuccess else {
      throw Failure(
        "cannot measure \(count) × \(kind.rawValue)", why: report.errors, remedy: "run it by hand")
    }
    return try JSONText.decode(
      MemoryPoint.self, from: Array(report.output.utf8), what: "cannot read a tool's line")
  }
}
