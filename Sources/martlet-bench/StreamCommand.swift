// `martlet-bench stream`: a paced stream between two namespaces, for measuring by hand.

internal import Base
internal import Linux
internal import Rig
internal import Wire

enum StreamCommand {
  static let help = """
    usage: martlet-bench stream send ADDRESS [--rate N] [--bytes N] [--port N] [--seconds S] [--json]
           martlet-bench stream receive [--port N] [--seconds S] [--expect N] [--json]

    Sends small numbered UDP datagrams at a steady rate, or counts them: received, lost, duplicated,
    reordered, and the longest time without any. Run both inside namespaces (ip netns exec).
      --rate      frames a second (default 10000)
      --bytes     UDP payload (default 32)
      --port      UDP port (default 9000)
      --seconds   how long (default 10)
      --expect    how many were offered; without it, lost means missing before the last that came
    """

  static func run(_ words: [String]) throws -> Bool {
    var options = Options(Array(words.dropFirst()), of: "stream")
    switch words.first {
    case "send": return try send(Array(words.dropFirst()))
    case "receive": return try receive(&options)
    case "--help":
      print(help)
      return true
    default: throw WrongUsage(text: "martlet-bench stream send|receive; --help says more")
    }
  }

  private static func send(_ words: [String]) throws -> Bool {
    guard let text = words.first, let address = IPv4Address(text) else {
      throw WrongUsage(text: "send needs an IPv4 address")
    }
    var options = Options(Array(words.dropFirst()), of: "stream")
    var sending = StreamSender.Options(to: address)
    sending.framesPerSecond = try options.number("--rate", default: 10_000, in: 1...1_000_000)
    sending.payloadBytes = try options.number(
      "--bytes", default: 32, in: StreamSender.Options.leastPayloadBytes...65_000)
    sending.port = UInt16(try options.number("--port", default: 9_000, in: 1...65_535))
    let seconds = try options.seconds("--seconds", default: 10)
    let asJSON = options.flag("--json")
    try options.end()
    let sender = try StreamSender(sending)
    pause(seconds)
    let report = sender.stop()
    let rate = decimal(report.framesPerSecond, 1)
    if asJSON {
      let value: JSONValue = [
        "offered": .int(Int(report.offered)), "refused": .int(Int(report.refused)),
        "framesPerSecond": .double(report.framesPerSecond),
      ]
      print(value.prettyText, terminator: "")
    } else {
      print("offered \(report.offered) refused \(report.refused) framesPerSecond \(rate)")
    }
    return true
  }

  private static func receive(_ options: inout Options) throws -> Bool {
    let port = UInt16(try options.number("--port", default: 9_000, in: 1...65_535))
    let seconds = try options.seconds("--seconds", default: 10)
    let expected = try options.number("--expect", default: 0, in: 0...1_000_000_000)
    let asJSON = options.flag("--json")
    try options.end()
    let receiver = try StreamReceiver(port: port)
    pause(seconds)
    let report = receiver.stop()
    let end = max(UInt64(expected), report.end)
    let row: [(String, Int)] = [
      ("received", Int(report.received)), ("lost", Int(end - report.received)),
      ("duplicated", Int(report.duplicated)), ("reordered", Int(report.reordered)),
      ("longestGapMicroseconds", Int(report.longestGapNanoseconds / 1_000)),
      ("longestDelayMicroseconds", Int(report.longestDelayNanoseconds / 1_000)),
    ]
    if asJSON {
      let object = JSONObject(row.map { .init($0.0, .int($0.1)) })
      print(JSONValue.object(object).prettyText, terminator: "")
    } else {
      print(row.map { "\($0.0) \($0.1)" }.joined(separator: " "))
    }
    return true
  }

  private static func pause(_ seconds: Double) {
    _ = MonotonicClock.wait(atMostNanoseconds: UInt64(seconds * 1e9)) { false }
  }
}
