// What every benchmark of the report has in common: its options, its output, and its place in `all`.
//
// A benchmark is a function from its options to sections. Table, JSON and pictures are made here, from
// the sections alone, so that no figure is printed that is not in the JSON.

internal import Base
internal import BenchReport
internal import Glibc
internal import Linux
internal import Rig

/// A benchmark whose results are sections of the report.
struct ReportBenchmark: Sendable {
  var name: String
  /// One line for the list.
  var summary: String
  /// What `--help` prints; the options that all have are added to it.
  var help: String
  var needsRoot = true
  /// The options of a quick look, for `all --quick`.
  var quickWords: [String] = []
  var measure: @Sendable (inout Options, Progress) throws -> [ReportSection]

  /// Once for all benchmarks of a run.
  private static let cleanUp = Result { () throws(Failure) in try RigCleanup.cleanUpOnSignals() }

  private static let commonHelp = """
      --json     JSON instead of tables
      --svg      pictures too: PATH is a file that ends in .svg, or a folder
    """

  /// Runs it by itself. False when a promise was broken.
  func run(_ words: [String]) throws -> Bool {
    var options = Options(words, of: name)
    if options.flag("--help") {
      print(help)
      print(Self.commonHelp)
      return true
    }
    let asJSON = options.flag("--json")
    let pictures = try options.text("--svg")
    let surroundings = Surroundings.ofThisRun()
    try prepare()
    var report = Report(surroundings)
    let sections = try measure(&options, Progress())
    // It has said what it had to say by itself.
    guard !sections.isEmpty else { return true }
    for section in sections { report.add(section) }
    if asJSON {
      print(report.json.prettyText, terminator: "")
    } else {
      report.printHeading()
      for section in report.sections { section.printLines() }
    }
    if let pictures { try report.writePictures(to: pictures) }
    return report.keepsPromises
  }

  /// What must hold before anything is measured.
  func prepare() throws {
    guard needsRoot else { return }
    guard RigEnvironment.canBuild() else {
      throw Failure(
        "cannot measure `\(name)`", why: "namespaces, TAPs or veth pairs cannot be made here",
        remedy: "run as root, where the kernel has them")
    }
    RigCleanup.sweep()
    try Self.cleanUp.get()
  }
}

extension ReportSection {
  /// At once, also into a file: the next section takes minutes.
  func printLines() {
    for line in lines { print(line) }
    fflush(nil)
  }
}

extension Report {
  func printHeading() { for line in heading { print(line) } }

  /// One file with all pictures, or a folder with one each.
  func writePictures(to path: String) throws {
    if path.hasSuffix(".svg") {
      try AtomicFile.write(Array(picture.utf8), to: path)
      return
    }
    try makeDirectory(path)
    for picture in pictures {
      try AtomicFile.write(Array(picture.text.utf8), to: "\(path)/\(picture.name).svg")
    }
  }
}

extension Surroundings {
  /// Of this machine, now.
  static func ofThisRun() -> Surroundings {
    var surroundings = Surroundings()
    let memory = field("MemTotal", of: "/proc/meminfo").split(separator: " ").first
    let gibibytes = (memory.flatMap { Double($0) } ?? 0) / 1_048_576
    let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    surroundings.machine =
      "\(processors) × \(field("model name", of: "/proc/cpuinfo")), \(decimal(gibibytes, 0)) GiB"
    surroundings.kernel = text("/proc/sys/kernel/osrelease")
    surroundings.loadBefore = text("/proc/loadavg").split(separator: " ").prefix(3)
      .joined(separator: " ")
    let load = surroundings.loadBefore.split(separator: " ").first.flatMap { Double($0) } ?? 0
    surroundings.wasBusy = load > 0.5
    surroundings.date = UTCTime.text(seconds: WallClock.nowNanoseconds() / 1_000_000_000)
    let environment = ProcessIdentity.current.environment
    surroundings.commit = environment["MARTLET_COMMIT"] ?? ""
    surroundings.command = environment["MARTLET_COMMAND"] ?? ownCommand
    return surroundings
  }

  private static var ownCommand: String {
    (["martlet-bench"] + CommandLine.arguments.dropFirst()).joined(separator: " ")
  }

  private static func text(_ path: String) -> String {
    let bytes = (try? readFile(path, limitBytes: 1 << 20)) ?? []
    return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
  }

  /// The value behind `NAME:` in a file of /proc.
  private static func field(_ name: String, of path: String) -> String {
    let bytes = (try? readFile(path, limitBytes: 1 << 20)) ?? []
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: ":", maxSplits: 1)
      guard words.count == 2, words[0].hasPrefix(name) else { continue }
      return words[1].split(separator: " ").joined(separator: " ")
    }
    return "unknown"
  }
}
