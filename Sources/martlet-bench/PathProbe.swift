// What is measured on a path between two containers, whatever the path is.
//
//   TCP          iperf3, one or four streams; processor time of the whole machine and of the switch
//   frames       UDP frames from a generator on processor 0 to a socket that refuses
//                them; counted is what reached the receiver's UDP (InDatagrams and InErrors)
//   round trips  UDP, client on processor 0 and echo on processor 1: unpinned, a wake-up sometimes
//                crosses processors and sometimes does not, and the figure has two values

internal import Base
internal import BenchReport
internal import Glibc
internal import HTTP
internal import Linux
internal import Rig

/// A settled pair of containers, ready to be measured.
struct PathProbe {
  static let sinkPort = "9"
  static let echoPort = "7"

  let pair: ContainerPair
  /// Where the far end runs; the near end is on processor 0.
  private let farProcessor = "\(min(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)) - 1))"

  init(_ pair: ContainerPair) { self.pair = pair }

  /// False for a switch in the kernel, whose work is done in other names.
  var hasSwitchProcess: Bool { pair.hasSwitchProcess }

  /// Processor time over a span of work.
  struct Cost {
    var seconds: Double
    /// Of all processors together.
    var busySeconds: Double
    var switchSeconds: Double

    var cores: Double { busySeconds / seconds }
    var switchCores: Double { switchSeconds / seconds }
  }

  private func timed<Value>(_ body: () throws -> Value) throws -> (value: Value, cost: Cost) {
    let start = MonotonicClock.now()
    let busy = try ProcessorTime.busySeconds()
    let own = pair.switchProcessorSeconds()
    let value = try body()
    let cost = Cost(
      seconds: Double(MonotonicClock.now().nanoseconds(since: start)) / 1e9,
      busySeconds: try ProcessorTime.busySeconds() - busy,
      switchSeconds: pair.switchProcessorSeconds() - own)
    return (value, cost)
  }

  // MARK: - TCP

  struct Bulk {
    var gigabitsPerSecond: Double
    var cost: Cost
  }

  func bulk(streams: Int, seconds: Double) throws -> Bulk {
    let server = try IperfServer(in: pair.second, log: "\(pair.folder)/iperf.log")
    defer { withExtendedLifetime(server) {} }
    let measured = try timed {
      try IperfClient(
        to: ContainerPair.secondAddress, ["-t", decimal(seconds, 1), "-P", "\(streams)"],
        in: pair.first, folder: pair.folder
      ).report()
    }
    return Bulk(
      gigabitsPerSecond: measured.value.received.bitsPerSecond / 1e9, cost: measured.cost)
  }

  // MARK: - Frames

  private struct Sent: Decodable {
    var frames: Int
    var refusals: Int
    var seconds: Double
  }

  struct Frames {
    var offered: Int
    var arrived: Int
    /// Of the generator.
    var seconds: Double
    var cost: Cost

    var arrivedPerSecond: Double { Double(arrived) / seconds }
    var offeredPerSecond: Double { Double(offered) / seconds }
    /// Processor time of the machine for a frame that arrived.
    var nanosecondsPerFrame: Double { cost.busySeconds / Double(max(1, arrived)) * 1e9 }
    var switchNanosecondsPerFrame: Double { cost.switchSeconds / Double(max(1, arrived)) * 1e9 }
    var isLossless: Bool { arrived == offered }
  }

  /// - Parameters:
  ///   - bytes: with FCS, as RFC 2544 counts.
  ///   - rate: frames a second; 0 as fast as the generator goes.
  func frames(bytes: Int, rate: Double, seconds: Double, flows: Int = 1) throws -> Frames {
    let position = pair.programCount
    defer { pair.endPrograms(from: position) }
    try pair.start(tool("sink", Self.sinkPort), in: pair.second)
    try require(pair.reachesSecond(), "the path is dead")
    let before = try DatagramCount.arrived(in: pair.second)
    let measured = try timed {
      let sent: Sent = try run(generator(bytes: bytes, rate: rate, seconds: seconds, flows: flows))
      try waitUntilQuiet()
      return sent
    }
    let arrived = try DatagramCount.arrived(in: pair.second) - before
    return Frames(
      offered: measured.value.frames, arrived: Int(arrived), seconds: measured.value.seconds,
      cost: measured.cost)
  }

  /// Frames in the background until the returned position's programs end.
  func startLoad(bytes: Int, rate: Double) throws {
    try pair.start(tool("sink", Self.sinkPort), in: pair.second)
    try pair.start(generator(bytes: bytes, rate: rate, seconds: 3_600, flows: 1), in: pair.first)
  }

  private func generator(bytes: Int, rate: Double, seconds: Double, flows: Int) -> [String] {
    [
      ownProgram, "tool", "generate", "--device", "eth0", "--source", ContainerPair.firstMAC,
      "--destination", ContainerPair.secondMAC, "--bytes", "\(bytes - 4)", "--rate",
      "\(Int(rate))", "--flows", "\(flows)", "--seconds", decimal(seconds, 3), "--processor", "0",
    ]
  }

  /// What still waits in queues arrives, or does not: RFC 2544 waits two seconds, here until nothing has
  /// come for 20 ms.
  private func waitUntilQuiet() throws {
    var last = try DatagramCount.arrived(in: pair.second)
    _ = try MonotonicClock.wait(
      atMostNanoseconds: 2_000_000_000, everyNanoseconds: 20_000_000
    ) {
      let now = try DatagramCount.arrived(in: pair.second)
      defer { last = now }
      return now == last
    }
  }

  // MARK: - Round trips

  func roundTrips(count: Int, seconds: Double = 10) throws -> (times: RoundTripTimes, cost: Cost) {
    let position = pair.programCount
    defer { pair.endPrograms(from: position) }
    try pair.start(tool("echo", Self.echoPort) + ["--processor", farProcessor], in: pair.second)
    try require(pair.reachesSecond(), "the path is dead")
    let measured: (value: RoundTripTimes, cost: Cost) = try timed {
      try run([
        ownProgram, "tool", "round-trips", ContainerPair.secondAddress, Self.echoPort, "--count",
        "\(count)", "--seconds", decimal(seconds, 3), "--processor", "0",
      ])
    }
    try require(measured.value.measured > 0, "no round trip came back")
    return (measured.value, measured.cost)
  }

  /// Processor time of the switch while nobody sends, as a share of a core.
  func idleSwitchCores(seconds: Double) throws -> Double {
    try timed {
      _ = MonotonicClock.wait(
        atMostNanoseconds: UInt64(seconds * 1e9), everyNanoseconds: 100_000_000
      ) { false }
    }.cost.switchCores
  }

  // MARK: - Programs

  private func tool(_ name: String, _ port: String) -> [String] {
    [ownProgram, "tool", name, port]
  }

  /// Runs a tool in the first container and reads its line.
  private func run<Row: Decodable>(_ words: [String]) throws -> Row {
    let text = try pair.run(words, in: pair.first)
    return try JSONText.decode(Row.self, from: Array(text.utf8), what: "cannot read a tool's line")
  }

  private func require(_ condition: Bool, _ why: String) throws {
    guard !condition else { return }
    throw Failure("cannot measure this path", why: why, remedy: "run it with fewer others at once")
  }
}
