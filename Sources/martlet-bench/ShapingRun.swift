// The measurements of `martlet-bench shaping`: iperf3 through a shaped port, how long a full bucket lasts,
// and what all of it costs VMs that have nothing to do with it.

internal import Base
internal import HTTP
internal import Linux
internal import Rig
internal import Wire

/// A stream through the shaped port.
struct ShapedStream: Hashable {
  enum Transport: String, CaseIterable { case tcp, udp }
  /// As vSphere counts: into the switch is what the VM sends.
  enum Direction: String, CaseIterable { case `in`, out }
  enum Way: String, CaseIterable {
    /// The other end is on the same host.
    case local
    /// It is behind both hosts' uplinks.
    case uplink
  }

  var megabitsPerSecond: Int
  var transport: Transport
  var direction: Direction
  var way: Way

  static func all(_ rates: [Int]) -> [ShapedStream] {
    rates.flatMap { rate in
      Transport.allCases.flatMap { transport in
        Way.allCases.flatMap { way in
          Direction.allCases.map {
            ShapedStream(megabitsPerSecond: rate, transport: transport, direction: $0, way: way)
          }
        }
      }
    }
  }
}

struct ShapingRun {
  /// Of a UDP datagram: the frame is as large as one of TCP.
  static let payloadBytes = 1_448
  let rig: Rig
  let seconds: Int

  init(rig: Rig, seconds: Int) throws {
    self.rig = rig
    self.seconds = seconds
  }

  /// Replaces the numbers of the shaped port; the shaper begins with full buckets.
  func apply(inward: ShapingNumbers? = nil, outward: ShapingNumbers? = nil) throws {
    for text in [
      ShapingTopology.text(), ShapingTopology.text(inward: inward, outward: outward),
    ] {
      try rig.write(text)
      let reply = try rig.reload("host1")
      guard reply.status == 200 else {
        throw Failure(
          "cannot change the configuration", why: String(decoding: reply.body, as: UTF8.self),
          remedy: "report this with the command that you ran")
      }
    }
  }

  /// A report with a bucket so small that it does not matter.
  func report(_ stream: ShapedStream) throws -> IperfReport {
    let average = stream.megabitsPerSecond * 1_000_000
    let numbers = ShapingNumbers(
      averageBitsPerSecond: average, peakBitsPerSecond: average,
      burstBytes: max(32_768, average / 8 / 50))
    try apply(
      inward: stream.direction == .in ? numbers : nil,
      outward: stream.direction == .out ? numbers : nil)
    let peer = stream.way == .local ? ShapingTopology.near : ShapingTopology.far
    // A slow stream has few frames: it is watched for longer.
    let time = stream.megabitsPerSecond < 10 ? seconds * 2 : seconds
    var words = ["-t", "\(time)", "-O", "1"]
    if stream.direction == .out { words.append("-R") }
    if stream.transport == .udp {
      words += ["-u", "-l", "\(Self.payloadBytes)", "-b", "\(average * 3 / 2)"]
    }
    return try rig.startIperf("shaped", to: peer, words).report()
  }

  /// Seconds that a full bucket lasted: what passed beyond the average, over what may pass at the peak.
  func burst(_ numbers: ShapingNumbers) throws -> Double {
    try apply(inward: numbers)
    var options = StreamSender.Options(to: IPv4Address(10, 0, 10, 3))
    options.payloadBytes = 1_400
    let wireBits = Double((options.payloadBytes + 42) * 8)
    options.framesPerSecond = Int(Double(numbers.peakBitsPerSecond) * 1.25 / wireBits)
    options.stream = UInt32(truncatingIfNeeded: MonotonicClock.now().nanoseconds)
    let receiver = try StreamReceiver(stream: options.stream, in: rig.namespace("far"))
    let sender = try StreamSender(options, in: rig.namespace("shaped"))
    defer {
      sender.stop()
      receiver.stop()
    }
    guard receiver.wait(for: 0, timeoutNanoseconds: 5_000_000_000) else {
      throw Failure("cannot measure", why: "no frame comes", remedy: "look into the logs")
    }
    let start = MonotonicClock.now()
    _ = MonotonicClock.wait(
      atMostNanoseconds: UInt64(numbers.burstSeconds * 1.5e9), everyNanoseconds: 200_000
    ) { false }
    let bits = Double(receiver.report.received) * wireBits
    let elapsed = Double(MonotonicClock.now().nanoseconds(since: start)) / 1e9
    let average = Double(numbers.averageBitsPerSecond)
    return (bits - average * elapsed) / (Double(numbers.peakBitsPerSecond) - average)
  }

  /// Bits per second between two VMs of the host, while the VM `shaped` sends to a third one.
  func neighbours(_ load: NeighbourLoad) throws -> Double {
    let rate = NeighbourLoad.bitsPerSecond
    let numbers = ShapingNumbers(
      averageBitsPerSecond: rate, peakBitsPerSecond: rate, burstBytes: 262_144)
    try apply(inward: load == .shaped ? numbers : nil)
    var other: IperfClient?
    switch load {
    case .none: break
    case .paced:
      other = try rig.startIperf(
        "shaped", to: ShapingTopology.far, ["-b", "\(rate)", "-t", "\(seconds + 2)"])
    case .shaped:
      other = try rig.startIperf("shaped", to: ShapingTopology.far, ["-t", "\(seconds + 2)"])
    }
    let report = try rig.startIperf(
      "pair1", to: ShapingTopology.neighbour, ["-t", "\(seconds)", "-O", "1"]
    ).report()
    _ = try other?.report()
    return report.received.bitsPerSecond
  }
}

/// What else happens while two neighbours talk.
enum NeighbourLoad: String, CaseIterable {
  static let bitsPerSecond = 100_000_000
  /// Nothing.
  case none
  /// A TCP stream that its sender keeps to a rate.
  case paced
  /// One that the switch keeps to the same rate.
  case shaped
}
