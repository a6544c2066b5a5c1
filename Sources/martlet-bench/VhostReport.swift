// `martlet-bench vhost`: frames a second between two guests at memory speed, beside Open vSwitch with DPDK.
//
// Both guests are one dpdk-testpmd with two virtio-user ports in mac mode on core 0: each burst that arrives
// at one port leaves by the other, so the frames go round through the switch on core 1 for ever. Both
// directions are counted together, as RFC 8204 and ../shared/bench/dpdk_bench.py do. The switches have
// their turns one after the other, all of them in each round, so that a slow minute hits all.

internal import Base
internal import BenchReport
internal import Glibc
internal import Linux

enum VhostReport {
  static let benchmark = ReportBenchmark(
    name: "vhost", summary: "two vhost-user ports and DPDK at both ends, beside Open vSwitch",
    help: help, quickWords: ["--runs", "1", "--seconds", "3"], measure: measure)

  private static let help = """
    usage: martlet-bench vhost [--runs N] [--seconds S] [--sizes A,B...] [--peers A,B...]

    Two virtio-user ports of one dpdk-testpmd (core 0, mode mac) with a switch between them (core 1): frames
    go round for ever. Both directions are counted together. Needs root, 2.5 GiB of memory for huge pages,
    which are given back, and the packages dpdk and openvswitch-switch-dpdk.
      --runs      of each switch and size (default 5)
      --seconds   of each run (default 6)
      --sizes     of frames with their FCS (default 64,1500)
      --peers     some of: \(VhostPeer.allCases.map(\.rawValue).joined(separator: ", "))

    Method: throughput of VSPERF (RFC 8204) without loss search: queues of 1,024 entries, bursts of 512 frames
    in flight, the median of the seconds of each run; the switches have their turns in each round.
    """

  private static let frameRate = "megaframesPerSecond"

  private static func measure(_ options: inout Options, _ progress: Progress) throws
    -> [ReportSection]
  {
    let runs = try options.number("--runs", default: 5, in: 1...100)
    let seconds = try options.seconds("--seconds", default: 6)
    let sizes = try options.numbers("--sizes", default: [64, 1_500], in: 64...1_518)
    let wanted = try peers(try options.text("--peers"))
    try options.end()
    var section = ReportSection(
      "vhost", title: "Two guests at memory speed (vhost-user)",
      metrics: [
        Metric(frameRate, "throughput", unit: "Mframes/s"),
        Metric("gigabitsPerSecond", "throughput", unit: "Gbit/s", isDrawn: false),
      ])
    section.method = help.split(separator: "\n").map(String.init)
    guard (try? shell("command -v dpdk-testpmd")) != nil else {
      section.skip("vhost", because: "dpdk-testpmd is not installed; apt-get install dpdk")
      return [section]
    }
    var lines: [(peer: VhostPeer, frameBytes: Int)] = []
    for peer in wanted {
      if let absence = peer.absence { section.skip(peer.rawValue, because: absence) }
    }
    for size in sizes {
      for peer in wanted where peer.absence == nil {
        section.add(subject(peer, size, wanted))
        lines.append((peer, size))
      }
    }
    let pages = try HugePages(megabytes: 2_560)
    defer { withExtendedLifetime(pages) {} }
    progress.begin(steps: runs * lines.count)
    for round in 1...runs {
      for line in lines {
        let name = name(line.peer, line.frameBytes)
        progress.step("round \(round)/\(runs): vhost \(name)")
        let rate = try VhostRun(line.peer, frameBytes: line.frameBytes).run(seconds: seconds)
        section.record(rate, frameRate, of: name)
        section.record(
          rate * Double(line.frameBytes) * 8 / 1_000, "gigabitsPerSecond", of: name)
      }
    }
    progress.end()
    promise(sizes, &section)
    return [section]
  }

  private static func name(_ peer: VhostPeer, _ frameBytes: Int) -> String {
    "\(peer.rawValue) \(frameBytes)"
  }

  private static func subject(_ peer: VhostPeer, _ frameBytes: Int, _ all: [VhostPeer]) -> Subject {
    let base = all.first { $0 != .martlet && $0.absence == nil }
    return Subject(
      name(peer, frameBytes), title: peer.title, group: "\(frameBytes) bytes",
      comparedWith: base.map { name($0, frameBytes) }, isOurs: peer == .martlet,
      keys: [
        .init("switch", .string(peer.rawValue)), .init("frameBytes", .int(frameBytes)),
      ])
  }

  /// At least the better of what Open vSwitch reaches with frames of that size.
  private static func promise(_ sizes: [Int], _ section: inout ReportSection) {
    for size in sizes {
      let peers = VhostPeer.allCases.filter { $0 != .martlet }
      let best = peers.compactMap { section[frameRate, of: name($0, size)]?.median }.max()
      guard let best, best > 0, let ours = section[frameRate, of: name(.martlet, size)] else {
        continue
      }
      section.promise(
        "\(size) bytes: at least Open vSwitch with DPDK", ours.median / best, atLeast: 1)
    }
  }

  private static func peers(_ text: String?) throws -> [VhostPeer] {
    guard let text else { return VhostPeer.allCases }
    return try text.split(separator: ",").map { word in
      guard let peer = VhostPeer(rawValue: String(word)) else {
        throw WrongUsage(text: "--peers: there is no `\(word)`")
      }
      return peer
    }
  }
}

/// One switch and one testpmd.
struct VhostRun {
  private let peer: VhostPeer
  private let frameBytes: Int
  private let folder = "/tmp/martlet-vhost-\(ProcessIdentity.current.number)"

  init(_ peer: VhostPeer, frameBytes: Int) {
    self.peer = peer
    self.frameBytes = frameBytes
  }

  private var sockets: [String] { (0...1).map { "\(folder)/vh\($0)" } }

  /// Frames that start before both guests run are lost; then there is nothing to go round.
  private static let attempts = 3

  /// Millions of frames a second, both directions together: the median of the seconds.
  func run(seconds: Double) throws -> Double {
    for _ in 1..<Self.attempts {
      if let rate = try? measure(seconds: seconds) { return rate }
    }
    return try measure(seconds: seconds)
  }

  private func measure(seconds: Double) throws -> Double {
    try makeDirectory(folder)
    defer { try? removeTree(folder) }
    let running = try RunningSwitch(peer, folder: folder, sockets: sockets)
    defer { withExtendedLifetime(running) {} }
    var guests = try ChildProcess(command)
    _ = MonotonicClock.wait(atMostNanoseconds: UInt64((seconds + 4) * 1e9)) { false }
    guests.send(.interrupt)
    if guests.wait(timeoutNanoseconds: 10_000_000_000) == nil { _ = guests.terminate() }
    let log = String(decoding: try readFile(logPath, limitBytes: 8 << 20), as: UTF8.self)
    // The first seconds are for warming up.
    let rates = Self.rates(log).dropFirst(2).sorted()
    guard let median = rates.isEmpty ? nil : rates[rates.count / 2], median > 0 else {
      throw Failure(
        "cannot measure \(peer.rawValue)", why: "testpmd forwarded nothing: \(log.suffix(600))",
        remedy: "look into \(folder)")
    }
    return median / 1e6
  }

  private var logPath: String { "\(folder)/testpmd.log" }

  private var command: ChildProcess.Command {
    let addresses = (0...1).map { "\(VhostLoop.address($0))" }
    let devices = (0...1).map {
      "--vdev=net_virtio_user\($0),path=\(sockets[$0]),server=1,queues=1,queue_size=1024,mac=\(addresses[$0])"
    }
    var command = ChildProcess.Command(
      [
        "dpdk-testpmd", "--lcores=0@0,1@0", "--no-pci", "--no-telemetry", "-m", "1024",
        "--single-file-segments", "--file-prefix=mb\(ProcessIdentity.current.number)",
      ] + devices + [
        "--", "--no-lsc-interrupt", "--forward-mode=mac", "--stats-period=1", "--tx-first",
        "--burst=512", "--txpkts=\(frameBytes - 4)", "--eth-peer=0,\(addresses[1])",
        "--eth-peer=1,\(addresses[0])", "--txd=1024", "--rxd=1024",
      ])
    command.output = .file(logPath)
    command.errors = .append(logPath)
    command.diesWithParent = true
    return command
  }

  /// `Rx-pps:` of the two ports, summed, for each second.
  static func rates(_ log: String) -> [Double] {
    let single = log.split(separator: "\n").compactMap { line -> Double? in
      guard let start = line.firstRange(of: "Rx-pps:") else { return nil }
      return Double(line[start.upperBound...].drop { $0 == " " }.prefix { $0.isNumber })
    }
    return stride(from: 0, to: single.count - 1, by: 2).map { single[$0] + single[$0 + 1] }
  }
}
