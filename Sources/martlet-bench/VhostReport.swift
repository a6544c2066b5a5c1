// `martlet-bench vhost`: frames a second between two guests at memory speed, beside Open vSwitch with DPDK.
//
// Both guests are one dpdk-testpmd with two virtio-user ports in mac mode on core 0: each burst that arrives
// at one port leaves by the other, so the frames go round through the switch on core 1 for ever. Both
// directions are counted together, as RFC 8204 and ../shared/bench/dpdk_bench.py do. The switches have
// their turns one after the other, all of them in each round, so that a slow minute hits all.

internal import Base
internal import Glibc
internal import Linux

enum VhostReport {
  static let help = """
    usage: martlet-bench vhost [--json] [--runs N] [--seconds S] [--sizes A,B] [--peers A,B]

    Two virtio-user ports of dpdk-testpmd (core 0) with a switch between them (core 1). Needs root, 2.5 GiB of
    memory for huge pages, which are given back, and packages: dpdk, openvswitch-switch-dpdk. What is not
    installed is skipped by name.
      --runs      of each switch and size (default 3)
      --seconds   of each run (default 6)
      --sizes     of frames with their FCS (default 64,1500)
      --peers     some of: \(VhostPeer.allCases.map(\.rawValue).joined(separator: ", "))
      --json      JSON instead of a table
    """

  struct Row {
    var peer: VhostPeer
    var frameBytes: Int
    var megaframes: [Double] = []

    var sorted: [Double] { megaframes.sorted() }
    var median: Double { sorted.isEmpty ? 0 : sorted[sorted.count / 2] }
  }

  static func run(_ words: [String]) throws -> Bool {
    var options = Options(words, of: "vhost")
    if options.flag("--help") {
      print(help)
      return true
    }
    let asJSON = options.flag("--json")
    let runs = try options.number("--runs", default: 3, in: 1...100)
    let seconds = try options.seconds("--seconds", default: 6)
    let sizes = try options.numbers("--sizes", default: [64, 1_500], in: 64...1_518)
    let wanted = try peers(try options.text("--peers"))
    try options.end()
    guard (try? shell("command -v dpdk-testpmd")) != nil else {
      complain("vhost: skipped: dpdk-testpmd is not installed (apt: dpdk)")
      return true
    }
    var present: [VhostPeer] = []
    for peer in wanted {
      if let absence = peer.absence {
        complain("vhost: \(peer.rawValue) skipped: \(absence)")
      } else {
        present.append(peer)
      }
    }
    let rows = try measure(present, sizes, runs, seconds)
    if asJSON {
      print(JSONValue.array(rows.map { json($0, rows) }).prettyText, terminator: "")
    } else {
      printTable(
        ["switch", "bytes", "Mframes/s", "low", "high", "Gbit/s", "of OVS"],
        rows.map { cells($0, rows) })
    }
    return true
  }

  private static func peers(_ text: String?) throws -> [VhostPeer] {
    guard let text else { return VhostPeer.allCases }
    return try text.split(separator: ",").map { word in
      guard let peer = VhostPeer(rawValue: String(word)) else {
        throw WrongUsage(text: "--peers: no `\(word)`")
      }
      return peer
    }
  }

  private static func measure(
    _ peers: [VhostPeer], _ sizes: [Int], _ runs: Int, _ seconds: Double
  ) throws -> [Row] {
    let pages = try HugePages(megabytes: 2_560)
    defer { withExtendedLifetime(pages) {} }
    var rows = sizes.flatMap { size in peers.map { Row(peer: $0, frameBytes: size) } }
    for _ in 0..<runs {
      for index in rows.indices {
        rows[index].megaframes.append(
          try VhostRun(rows[index].peer, frameBytes: rows[index].frameBytes).run(seconds: seconds))
      }
    }
    return rows
  }

  /// The better of what Open vSwitch reached with frames of that size.
  private static func best(_ frameBytes: Int, _ rows: [Row]) -> Double {
    rows.filter { $0.peer != .martlet && $0.frameBytes == frameBytes }.map(\.median).max() ?? 0
  }

  private static func ratio(_ row: Row, _ rows: [Row]) -> Double? {
    let best = best(row.frameBytes, rows)
    return best > 0 ? row.median / best : nil
  }

  private static func cells(_ row: Row, _ rows: [Row]) -> [String] {
    [
      row.peer.rawValue, "\(row.frameBytes)", decimal(row.median, 2),
      decimal(row.sorted.first ?? 0, 2), decimal(row.sorted.last ?? 0, 2),
      decimal(row.median * Double(row.frameBytes) * 8 / 1_000, 2),
      ratio(row, rows).map { decimal($0, 2) } ?? "-",
    ]
  }

  private static func json(_ row: Row, _ rows: [Row]) -> JSONValue {
    .object([
      "switch": .string(row.peer.rawValue), "frameBytes": .int(row.frameBytes),
      "megaframesPerSecond": .double(row.median),
      "samples": .array(row.megaframes.map { .double($0) }),
      "ratioToOpenVSwitch": ratio(row, rows).map { .double($0) } ?? .null,
    ])
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
