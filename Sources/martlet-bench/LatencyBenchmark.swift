// `martlet-bench latency`: round trips at idle and under load, and what the switch costs when nobody sends.

internal import Base
internal import BenchReport
internal import Linux
internal import Rig

enum LatencyBenchmark {
  static let benchmark = ReportBenchmark(
    name: "latency", summary: "round trips at idle and under load, and the cost of being idle",
    help: help,
    quickWords: ["--runs", "1", "--seconds", "0.5", "--loads", "0,50", "--idle", "1"],
    measure: measure)

  private static let help = """
    usage: martlet-bench latency [--runs N] [--seconds S] [--loads N,N...] [--idle S] [--only A,B...]

    Round trips over UDP between two containers, alone and with a load of 64-byte frames beside them, and
    the processor time of the switch while nobody sends. Needs root.
      --runs     rounds, each on new instances                 (default 5)
      --seconds  of each measurement of round trips            (default 3)
      --loads    shares of the lossless rate in percent, 0 is idle (default 0,10,50,90)
      --idle     seconds for which an idle switch is watched   (default 5)
      --only     some of: \(topologies.map(\.name).joined(separator: ", "))

    Method: VSPERF PacketLatency / RFC 2544 section 26.2: at shares of the path's own highest lossless rate,
    which is found first (as `loss` does, with short trials). The round trip is client (processor 0), path,
    echo (processor 1), path; on two processors the load's generator shares the client's, so that figures
    under load hold the scheduler's turns too: compare with the bridge in the same run.
    """

  private static let topologies: [PeerTopology] =
    (["martletTap", "martletVeth", "bridge", "ovsTapTso", "ovsVethTso", "cableTap"]
    .compactMap { PeerTopology.named($0) } + [
      PeerTopology.martletTap("martletTapBusy", poll: "busy"),
      PeerTopology.martletTap("martletTapSleep", poll: "sleep"),
    ]).map { topology in
      var topology = topology
      topology.comparedWith = "bridge"
      return topology
    }

  private static let percentiles = ["P50", "P99", "P999"]

  private static func measure(_ options: inout Options, _ progress: Progress) throws
    -> [ReportSection]
  {
    let runs = try options.number("--runs", default: 5, in: 1...100)
    let seconds = try options.seconds("--seconds", default: 3)
    let loads = try options.numbers("--loads", default: [0, 10, 50, 90], in: 0...100)
    let idleSeconds = try options.seconds("--idle", default: 5)
    let chosen = try PeersBenchmark.topologies(&options, of: topologies)
    try options.end()
    var section = ReportSection(
      "latency", title: "Round trips", metrics: metrics(loads))
    section.method = help.split(separator: "\n").map(String.init)
    try PeerRounds(chosen, runs: runs, progress).run(into: &section) { probe, name, section in
      if probe.hasSwitchProcess {
        let cores = try probe.idleSwitchCores(seconds: idleSeconds)
        section.record(cores * 100, "idleSwitchCorePercent", of: name)
      }
      var lossless = 0.0
      if loads.contains(where: { $0 > 0 }) {
        lossless = try LossBenchmark.highestRate(
          probe, bytes: 64, seconds: min(seconds, 0.5), verifications: 1
        ).highestPassed
        section.record(lossless, "lossless64FramesPerSecond", of: name)
      }
      for load in loads {
        let times = try roundTrips(
          probe, seconds: seconds, rate: lossless * Double(load) / 100)
        for (percentile, value) in zip(
          percentiles, [times.p50Microseconds, times.p99Microseconds, times.p999Microseconds])
        {
          section.record(value, key(load, percentile), of: name)
        }
      }
    }
    section.charts = percentiles.map { chart($0, loads, section) }
    promise(&section)
    return [section]
  }

  private static func roundTrips(_ probe: PathProbe, seconds: Double, rate: Double) throws
    -> RoundTripTimes
  {
    let position = probe.pair.programCount
    defer { probe.pair.endPrograms(from: position) }
    if rate >= 1 { try probe.startLoad(bytes: 64, rate: rate) }
    return try probe.roundTrips(count: 1_000_000, seconds: seconds).times
  }

  private static func key(_ load: Int, _ percentile: String) -> String {
    "\(load == 0 ? "idle" : "load\(load)")\(percentile)Microseconds"
  }

  private static func metrics(_ loads: [Int]) -> [Metric] {
    loads.flatMap { load in
      percentiles.map { percentile in
        let name = percentile == "P999" ? "p99.9" : percentile.lowercased()
        return Metric(
          key(load, percentile), "\(load == 0 ? "idle" : "\(load) % load") \(name)", unit: "µs",
          places: 1, isLowerBetter: true, isDrawn: load == 0 && percentile != "P999")
      }
    } + [
      Metric(
        "idleSwitchCorePercent", "idle switch", unit: "% of a core", isLowerBetter: true),
      Metric(
        "lossless64FramesPerSecond", "lossless", unit: "frames/s", places: 0, isDrawn: false),
    ]
  }

  private static func chart(_ percentile: String, _ loads: [Int], _ section: ReportSection)
    -> LineChart
  {
    let name = percentile == "P999" ? "p99.9" : percentile.lowercased()
    var chart = LineChart(
      "load\(percentile)", title: "Round trip \(name) under load",
      x: "load, % of the path's lossless rate", y: "µs")
    chart.isLogarithmicY = true
    for subject in section.subjects {
      chart.add(
        LineChart.Series(
          "\(subject.title) (\(subject.group.prefix { $0 != "," }))",
          loads.sorted().compactMap { load in
            section[key(load, percentile), of: subject.name].map {
              LineChart.Point(Double(load), $0)
            }
          }))
    }
    return chart
  }

  private static func promise(_ section: inout ReportSection) {
    for ours in ["martletTap", "martletVeth"] {
      for percentile in ["P50", "P99"] {
        section.promise(
          "\(ours) not above bridge at idle, \(percentile.lowercased())",
          section.ratio(key(0, percentile), of: ours, to: "bridge"), atMost: 1)
      }
      section.promise(
        "\(ours) idle, % of a core", section["idleSwitchCorePercent", of: ours]?.median, atMost: 1)
    }
  }
}
