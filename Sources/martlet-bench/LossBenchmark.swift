// `martlet-bench loss`: the highest rate at which nothing is lost.

internal import Base
internal import BenchReport
internal import Rig

enum LossBenchmark {
  static let benchmark = ReportBenchmark(
    name: "loss", summary: "the highest rate without loss, Martlet and others", help: help,
    quickWords: ["--seconds", "0.3", "--sizes", "64", "--verify", "1"], measure: measure)

  private static let chosen = [
    "martletTap", "martletVeth", "bridge", "ovsTapTso", "ovsVethTso", "vdeTap", "cableTap",
    "cablePacket",
  ]

  private static let help = """
    usage: martlet-bench loss [--sizes N,N...] [--seconds S] [--runs N] [--verify N] [--only A,B...]

    The highest rate of UDP frames, one flow, at which every frame arrives. Needs root.
      --sizes    bytes of a frame, with FCS               (default 64,570,1518)
      --seconds  of each trial                            (default 1)
      --runs     searches for each line, each on a new instance (default 3)
      --verify   repetitions of a trial that lost         (default 2)
      --only     some of: \(PeerTopology.all.map(\.name).joined(separator: ", "))

    Method: RFC 2544 section 26.1 (VSPERF RFC2544.PacketLossRatio at X = 0 %) by the binary search with
    loss verification of ETSI TST 009: a trial that lost is repeated, and the rate counts as too high only
    when every repetition lost, for on a shared machine something else may take a frame. The search ends
    when the two sides are within 3 %. It starts at what the generator could send as fast as it goes, so a
    result at that rate is the generator's limit (`atLimit` in the note). Trials are short: RFC 2544 asks
    for 60 s, which finds what happens once a minute.
    """

  private static func measure(_ options: inout Options, _ progress: Progress) throws
    -> [ReportSection]
  {
    let sizes = try options.numbers("--sizes", default: [64, 570, 1_518], in: 64...1_518)
    let seconds = try options.seconds("--seconds", default: 1)
    let runs = try options.number("--runs", default: 3, in: 1...100)
    let verifications = try options.number("--verify", default: 2, in: 0...10)
    var topologies = try PeersBenchmark.topologies(&options, of: PeerTopology.all)
    try options.end()
    if topologies.count == PeerTopology.all.count {
      topologies = topologies.filter { chosen.contains($0.name) }
    }
    var section = ReportSection(
      "loss", title: "Highest rate without loss",
      metrics: sizes.flatMap { size in
        [
          Metric(
            "lossless\(size)FramesPerSecond", "\(size) bytes", unit: "frames/s", places: 0),
          Metric(
            "lossless\(size)ChanceLosses", "\(size): trials lost by chance", unit: "", places: 0,
            isLowerBetter: true, isDrawn: false),
        ]
      })
    section.method = help.split(separator: "\n").map(String.init)
    try PeerRounds(topologies, runs: runs, progress).run(into: &section) { probe, name, section in
      for size in sizes {
        let search = try highestRate(
          probe, bytes: size, seconds: seconds, verifications: verifications)
        section.record(search.highestPassed, "lossless\(size)FramesPerSecond", of: name)
        section.record(
          Double(search.chanceLosses), "lossless\(size)ChanceLosses", of: name)
      }
    }
    return [section]
  }

  /// The finished search of one path and size.
  static func highestRate(
    _ probe: PathProbe, bytes: Int, seconds: Double, verifications: Int
  ) throws -> RateSearch {
    let fastest = try probe.frames(bytes: bytes, rate: 0, seconds: min(seconds, 0.5))
    var search = RateSearch(
      from: 1_000, to: max(1_000, fastest.offeredPerSecond), resolution: 0.03,
      verifications: verifications)
    while let rate = search.nextRate {
      let trial = try probe.frames(bytes: bytes, rate: rate, seconds: seconds)
      // A generator that was kept off its processor did not offer the rate: no verdict is too harsh.
      let isOffered = trial.offeredPerSecond > 0.95 * rate
      search.record(isLossless: trial.isLossless && isOffered)
    }
    return search
  }
}
