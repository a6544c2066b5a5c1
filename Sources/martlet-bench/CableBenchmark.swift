// `martlet-bench cable`: our attachments back to back, without a switch, beside cables in C.

internal import Base
internal import BenchReport
internal import Rig

enum CableBenchmark {
  static let benchmark = ReportBenchmark(
    name: "cable", summary: "our attachments without a switch, beside raw cables in C", help: help,
    quickWords: ["--runs", "1", "--seconds", "1"], measure: measure)

  private static let help = """
    usage: martlet-bench cable [--runs N] [--seconds S] [--only A,B...]

    What Martlet's attachments cost without the switch: frames are received into a batch from one and
    sent by the other, in the loop of the C cables that they are compared with. Measured as `peers`
    measures, whose --help has the method. Needs root.
      --runs     rounds over all of them (default 5)
      --seconds  of each measurement     (default 2)
      --only     some of: \(topologies.map(\.name).joined(separator: ", "))
    """

  private static let pairs = [
    ("cableTap", "ourTap"), ("cablePacket", "ourPacket"), ("cableXsk", "ourXdp"),
  ]

  private static let topologies: [PeerTopology] =
    ["cableTap", "cableTapUring", "cablePacket", "cableXsk", "cableXskSpin"].compactMap { name in
      var topology = PeerTopology.named(name)
      topology?.comparedWith = name == "cableTapUring" ? "cableTap" : nil
      if name == "cableXskSpin" { topology?.comparedWith = "cableXsk" }
      return topology
    } + [
      PeerTopology.cable(
        "ourTap", "TapAttachment", "TAP", "cableTap", "tap", tool: "attachments", isOurs: true),
      PeerTopology.cable(
        "ourPacket", "PacketAttachment", "veth, offloads passed on", "cablePacket", "packet",
        tool: "attachments", isOurs: true),
      PeerTopology.cable(
        "ourXdp", "XDPAttachment", "veth, AF_XDP", "cableXsk", "xdp", tool: "attachments",
        isOurs: true),
    ]

  private static func measure(_ options: inout Options, _ progress: Progress) throws
    -> [ReportSection]
  {
    let runs = try options.number("--runs", default: 5, in: 1...100)
    let seconds = try options.seconds("--seconds", default: 2)
    let chosen = try PeersBenchmark.topologies(&options, of: topologies)
    try options.end()
    let kept = ["tcp1GigabitsPerSecond", "tcp1SwitchCores"]
    var section = ReportSection(
      "cable", title: "Attachments without a switch",
      metrics: PeersBenchmark.metrics.filter {
        kept.contains($0.name) || $0.name.hasPrefix("udp64")
      })
    section.method = help.split(separator: "\n").map(String.init)
    try PeerRounds(chosen, runs: runs, progress).run(into: &section) { probe, name, section in
      let bulk = try probe.bulk(streams: 1, seconds: seconds)
      section.record(bulk.gigabitsPerSecond, "tcp1GigabitsPerSecond", of: name)
      section.record(bulk.cost.switchCores, "tcp1SwitchCores", of: name)
      let frames = try probe.frames(bytes: 64, rate: 0, seconds: seconds)
      section.record(frames.arrivedPerSecond, "udp64FramesPerSecond", of: name)
      section.record(frames.nanosecondsPerFrame, "udp64NanosecondsPerFrame", of: name)
      section.record(frames.switchNanosecondsPerFrame, "udp64SwitchNanosecondsPerFrame", of: name)
    }
    for (cable, ours) in pairs {
      section.promise(
        "\(ours) at most 1.10 of \(cable), udp64SwitchNanosecondsPerFrame",
        section.ratio("udp64SwitchNanosecondsPerFrame", of: ours, to: cable), atMost: 1.1)
    }
    return [section]
  }
}
