// iperf3 between the nodes of a rig: somebody else's program says how fast it is.

public import Base
internal import HTTP
public import Linux

/// What an iperf3 client reported, of what it keeps in its JSON.
public struct IperfReport: Decodable, Sendable {
  public struct Sum: Decodable, Sendable {
    /// Since the start of the run.
    public var start: Double
    public var end: Double
    public var bytes: Double
    /// Payload.
    public var bitsPerSecond: Double

    private enum CodingKeys: String, CodingKey {
      case start, end, bytes
      case bitsPerSecond = "bits_per_second"
    }
  }

  public struct Interval: Decodable, Sendable { public var sum: Sum }

  private struct End: Decodable, Sendable {
    var sent: Sum
    var received: Sum

    private enum CodingKeys: String, CodingKey {
      case sent = "sum_sent"
      case received = "sum_received"
    }
  }

  /// As the client's side saw them.
  public var intervals: [Interval]
  private var end: End

  public var sent: Sum { end.sent }
  public var received: Sum { end.received }
}

/// An iperf3 server in a node, until it goes.
///
/// - Thread: one at a time.
public final class IperfServer {
  private var process: ChildProcess

  /// Returns when it listens.
  public convenience init(_ rig: Rig, _ node: String, port: Int = 5201) throws {
    try self.init(
      in: rig.namespace(node), log: "\(rig.folder)/iperf-\(node)-\(port).log", port: port)
  }

  /// In any namespace; `log` is a file that may be written.
  public init(in namespace: NetworkNamespace, log: String, port: Int = 5201) throws {
    var command = ChildProcess.Command(
      ["iperf3", "-s", "-p", "\(port)", "--forceflush"], in: namespace)
    command.output = .file(log)
    command.errors = .append(log)
    process = try ChildProcess(command)
    let isListening = try MonotonicClock.wait(
      atMostNanoseconds: 10_000_000_000, everyNanoseconds: 5_000_000
    ) {
      let text = try readFileIfPresent(log, limitBytes: 65_536) ?? []
      return String(decoding: text, as: UTF8.self).contains("listening")
    }
    guard isListening else {
      throw Failure("cannot start iperf3", why: "it does not listen", remedy: "look at \(log)")
    }
  }

  deinit { _ = process.terminate() }
}

/// An iperf3 client that runs.
///
/// - Thread: one at a time.
public final class IperfClient {
  private var process: ChildProcess
  private let path: String
  private let words: [String]

  /// Runs `iperf3 -c ADDRESS -J OPTION...`; its output goes to a file in `folder`.
  public init(
    to address: String, _ options: [String], in namespace: NetworkNamespace, folder: String
  ) throws(Failure) {
    words = ["iperf3", "-c", address, "-J"] + options
    path = "\(folder)/iperf-\(MonotonicClock.now().nanoseconds).json"
    var command = ChildProcess.Command(words, in: namespace)
    command.output = .file(path)
    command.errors = .append(path + ".log")
    process = try ChildProcess(command)
  }

  deinit { _ = process.terminate() }

  /// Waits for its end.
  public func report(timeoutNanoseconds: UInt64 = 120_000_000_000) throws(Failure) -> IperfReport {
    let ending = process.wait(timeoutNanoseconds: timeoutNanoseconds)
    let bytes = try readFile(path, limitBytes: 64 << 20)
    guard let ending, ending.isSuccess else {
      throw Failure(
        "cannot run \(words.joined(separator: " "))", why: String(decoding: bytes, as: UTF8.self),
        remedy: "run it by hand in the same namespace")
    }
    return try JSONText.decode(IperfReport.self, from: bytes, what: "cannot read iperf3's report")
  }
}

extension Rig {
  /// Starts an iperf3 client; give the rest of its options as one writes them.
  public func startIperf(_ node: String, to address: String, _ options: [String])
    throws(Failure) -> IperfClient
  {
    try IperfClient(to: address, options, in: namespace(node), folder: folder)
  }

  /// Runs an iperf3 client to its end.
  public func iperf(_ node: String, to address: String, _ options: String...) throws(Failure)
    -> IperfReport
  {
    try startIperf(node, to: address, options).report()
  }
}
