// `martlet-bench peers`: what people have, the raw limits, and Martlet, in turn and in one run.
//
// Every round builds each topology anew and measures it once, so that a machine that becomes slower
// becomes it for all, and so that the spread includes what differs from instance to instance.

internal import Base
internal import BenchReport
internal import Rig

enum PeersBenchmark {
  static let benchmark = ReportBenchmark(
    name: "peers", summary: "Martlet, other switches and raw cables between two containers",
    help: help, quickWords: ["--runs", "1", "--seconds", "1"], measure: measure)

  private static let help = """
    usage: martlet-bench peers [--runs N] [--seconds S] [--only A,B...]

    Two containers, and between them in turn: nothing, the Linux bridge, Open vSwitch (userspace), vde,
    raw cables written in C, and Martlet. Needs root. What is not installed is skipped by name.
      --runs     rounds over all of them; medians and spreads are over these (default 5)
      --seconds  of each measurement of throughput                          (default 2)
      --only     some of: \(PeerTopology.all.map(\.name).joined(separator: ", "))

    Method (RFC 8204 / VSPERF topologies veth2veth and tap2tap): TCP ×1 and ×4 are iperf3 over MTU 1500.
    UDP 64: 64-byte frames (with FCS) of one flow as fast as an AF_PACKET generator on processor 0 sends
    them: RFC2889.MaxForwardingRate, not zero loss (that is `loss`); counted by the receiver's stack.
    ns/frame: processor time of all processors ÷ frames that arrived, and that of the switch's processes
    alone (nothing for a switch in the kernel). Round trip: UDP ping-pong, client and echo on a processor each.
    A ratio (×) is the multiple of Martlet's row of the same kind of attachment. Generator, containers and
    switch share the processors: compare ns/frame and ratios, never a rate with that of another machine.
    """

  static let metrics = [
    Metric("tcp1GigabitsPerSecond", "TCP ×1", unit: "Gbit/s"),
    Metric("tcp4GigabitsPerSecond", "TCP ×4", unit: "Gbit/s"),
    Metric(
      "tcp1Cores", "TCP ×1, all processors", unit: "cores", isLowerBetter: true, isDrawn: false),
    Metric(
      "tcp1SwitchCores", "TCP ×1, switch", unit: "cores", isLowerBetter: true,
      isDrawn: false),
    Metric("udp64FramesPerSecond", "UDP 64", unit: "frames/s", places: 0),
    Metric(
      "udp64NanosecondsPerFrame", "UDP 64, all processors", unit: "ns/frame", places: 0,
      isLowerBetter: true),
    Metric(
      "udp64SwitchNanosecondsPerFrame", "UDP 64, switch", unit: "ns/frame", places: 0,
      isLowerBetter: true),
    Metric(
      "roundTripP50Microseconds", "Round trip p50", unit: "µs", places: 1, isLowerBetter: true),
    Metric(
      "roundTripP99Microseconds", "Round trip p99", unit: "µs", places: 1, isLowerBetter: true),
  ]

  private static func measure(_ options: inout Options, _ progress: Progress) throws
    -> [ReportSection]
  {
    let runs = try options.number("--runs", default: 5, in: 1...100)
    let seconds = try options.seconds("--seconds", default: 2)
    let topologies = try Self.topologies(&options, of: PeerTopology.all)
    try options.end()
    var section = ReportSection("peers", title: "Between two containers", metrics: metrics)
    section.method = help.split(separator: "\n").map(String.init)
    let rounds = PeerRounds(topologies, runs: runs, progress)
    try rounds.run(into: &section) { probe, name, section in
      for streams in [1, 4] {
        let bulk = try probe.bulk(streams: streams, seconds: seconds)
        section.record(bulk.gigabitsPerSecond, "tcp\(streams)GigabitsPerSecond", of: name)
        guard streams == 1 else { continue }
        section.record(bulk.cost.cores, "tcp1Cores", of: name)
        guard probe.hasSwitchProcess else { continue }
        section.record(bulk.cost.switchCores, "tcp1SwitchCores", of: name)
      }
      let frames = try probe.frames(bytes: 64, rate: 0, seconds: seconds)
      section.record(frames.arrivedPerSecond, "udp64FramesPerSecond", of: name)
      section.record(frames.nanosecondsPerFrame, "udp64NanosecondsPerFrame", of: name)
      if probe.hasSwitchProcess {
        section.record(
          frames.switchNanosecondsPerFrame, "udp64SwitchNanosecondsPerFrame", of: name)
      }
      let times = try probe.roundTrips(count: 20_000).times
      section.record(times.p50Microseconds, "roundTripP50Microseconds", of: name)
      section.record(times.p99Microseconds, "roundTripP99Microseconds", of: name)
    }
    promise(&section)
    return [section]
  }

  /// Those that `--only` names, or all.
  static func topologies(_ options: inout Options, of all: [PeerTopology]) throws
    -> [PeerTopology]
  {
    guard let text = try options.text("--only") else { return all }
    return try text.split(separator: ",").map { word in
      guard let found = all.first(where: { $0.name == word }) else {
        throw WrongUsage(
          text: "--only: `\(word)` is none of \(all.map(\.name).joined(separator: ", "))")
      }
      return found
    }
  }

  /// What the table must show.
  private static func promise(_ section: inout ReportSection) {
    for metric in ["tcp1GigabitsPerSecond", "tcp4GigabitsPerSecond"] {
      section.promise(
        "martletTap at least 0.95 of cableTap, \(metric)",
        section.ratio(metric, of: "martletTap", to: "cableTap"), atLeast: 0.95)
    }
    section.promise(
      "martletTap at most 1.10 of cableTap, udp64NanosecondsPerFrame",
      section.ratio("udp64NanosecondsPerFrame", of: "martletTap", to: "cableTap"), atMost: 1.1)
    section.promise(
      "martletTap not behind bridge, tcp1GigabitsPerSecond",
      section.ratio("tcp1GigabitsPerSecond", of: "martletTap", to: "bridge"), atLeast: 1)
    section.promise(
      "martletXdp at most ovsAfxdp, udp64NanosecondsPerFrame",
      section.ratio("udp64NanosecondsPerFrame", of: "martletXdp", to: "ovsAfxdp"), atMost: 1)
    for metric in ["roundTripP50Microseconds", "roundTripP99Microseconds"] {
      for ours in ["martletTap", "martletVeth"] {
        section.promise(
          "\(ours) not above bridge, \(metric)", section.ratio(metric, of: ours, to: "bridge"),
          atMost: 1)
      }
    }
    let rivals = [
      ("martletTap", "ovsTapTso"), ("martletTap", "vdeTap"), ("martletVeth", "ovsVethTso"),
    ]
    for (ours, rival) in rivals { promise(ours, aheadOf: rival, in: &section) }
  }

  /// Ahead in every column that is better one way.
  private static func promise(
    _ ours: String, aheadOf rival: String, in section: inout ReportSection
  ) {
    for metric in metrics where metric.isDrawn {
      let ratio = section.ratio(metric.name, of: ours, to: rival)
      let text = "\(ours) ahead of \(rival), \(metric.name)"
      if metric.isLowerBetter {
        section.promise(text, ratio, atMost: 1)
      } else {
        section.promise(text, ratio, atLeast: 1)
      }
    }
  }
}
