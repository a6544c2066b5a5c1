// `martlet-bench all`: the benchmarks of the report one after the other, and one report of them.
//
// A benchmark that fails does not take the others with it: it is said in its place, and the exit status
// tells. What was measured is written after each, so that an end by a signal loses one benchmark at most.

internal import Base
internal import BenchReport
internal import Linux
internal import Rig

enum AllCommand {
  static let help = """
    usage: martlet-bench all [--quick] [--json FILE] [--svg DIR|FILE.svg] [SECTION...]

    Runs the benchmarks of the report and prints one report. Exit 1 when a promise is broken or a
    benchmark failed.
      --quick    a short look at each; its figures prove nothing
      --json     the report as JSON into this file
      --svg      its pictures into this folder, or all of them into this file
      SECTION    some of: \(reportBenchmarks.map(\.name).joined(separator: ", "))
    """

  static func run(_ words: [String]) throws -> Bool {
    var options = Options(words, of: "all")
    if options.flag("--help") {
      print(help)
      return true
    }
    let isQuick = options.flag("--quick")
    let json = try options.text("--json")
    let pictures = try options.text("--svg")
    let chosen = try sections(&options)
    try options.end()
    var report = Report(.ofThisRun())
    report.printHeading()
    let progress = Progress()
    var failed: [String] = []
    for benchmark in chosen {
      do {
        try benchmark.prepare()
        var own = Options(isQuick ? benchmark.quickWords : [], of: benchmark.name)
        for section in try benchmark.measure(&own, progress) {
          report.add(section)
          section.printLines()
        }
        if let json { try AtomicFile.write(Array(report.json.prettyText.utf8), to: json) }
        if let pictures { try report.writePictures(to: pictures) }
      } catch let failure as Failure {
        RigCleanup.waitIfInterrupted()
        progress.end()
        failed.append(benchmark.name)
        print("\n\(benchmark.name): not measured: \(failure.what): \(failure.why)")
      }
    }
    return failed.isEmpty && report.keepsPromises
  }

  private static func sections(_ options: inout Options) throws -> [ReportBenchmark] {
    var chosen: [ReportBenchmark] = []
    while let word = options.word() {
      guard let found = reportBenchmarks.first(where: { $0.name == word }) else {
        let names = reportBenchmarks.map(\.name).joined(separator: ", ")
        throw WrongUsage(text: "`\(word)` is no section of the report; there are \(names)")
      }
      chosen.append(found)
    }
    return chosen.isEmpty ? reportBenchmarks : chosen
  }
}
