// Running a program to its end and keeping what it printed.

public import Base
internal import Glibc

extension ChildProcess {
  /// What a program printed, and how it ended.
  public struct Report: Hashable, Sendable {
    public var ending: Ending
    public var output: String
    public var errors: String

    public init(ending: Ending, output: String, errors: String) {
      self.ending = ending
      self.output = output
      self.errors = errors
    }
  }

  /// Starts a program, waits for its end and returns what it printed.
  ///
  /// - Errors: it does not start, it prints more than `limitBytes` on a stream, or the time is up;
  ///   in the last two cases it was killed.
  public static func run(
    _ command: Command, limitBytes: Int = 1 << 20, timeoutNanoseconds: UInt64 = 60_000_000_000
  ) throws(Failure) -> Report {
    var command = command
    command.output = .pipe
    command.errors = .pipe
    let deadline = MonotonicClock.now().advanced(byNanoseconds: timeoutNanoseconds)
    var process = try ChildProcess(command)
    var streams = Streams(process.output.take(), process.errors.take())
    let problem = streams.collect(
      until: process.descriptor, deadline: deadline, limitBytes: limitBytes)
    let left = deadline.nanoseconds(since: MonotonicClock.now())
    if problem == nil, let ending = process.wait(timeoutNanoseconds: left) {
      return Report(ending: ending, output: streams.text(0), errors: streams.text(1))
    }
    process.send(.kill)
    _ = process.wait(timeoutNanoseconds: 5_000_000_000)
    let name = command.arguments.first ?? ""
    if problem == .tooMuch {
      throw Failure(
        "cannot keep what \(name) prints", why: "it is more than \(limitBytes) bytes",
        remedy: "send its output to a file")
    }
    throw Failure(
      "cannot wait for \(name)", why: "it did not end in \(timeoutNanoseconds / 1_000_000) ms",
      remedy: "run it by hand to see what it waits for")
  }
}

private enum Problem { case tooMuch, timeUp }

/// Both output streams of a program, read as they fill.
private struct Streams: ~Copyable {
  private var first: Descriptor?
  private var second: Descriptor?
  private var bytes: [[UInt8]] = [[], []]

  init(_ first: consuming Descriptor?, _ second: consuming Descriptor?) {
    self.first = first
    self.second = second
  }

  func text(_ index: Int) -> String { String(decoding: bytes[index], as: UTF8.self) }

  /// Reads until both streams end, or until the program has ended and nothing more waits: a program
  /// that it left behind may hold the streams open for ever.
  mutating func collect(until pidfd: Int32, deadline: MonotonicTime, limitBytes: Int) -> Problem? {
    var hasEnded = false
    while first != nil || second != nil {
      let left = deadline.nanoseconds(since: MonotonicClock.now())
      let milliseconds = hasEnded ? 0 : Int32(clamping: (left + 999_999) / 1_000_000)
      var queries = [
        pollfd(fd: first?.number ?? -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: second?.number ?? -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: hasEnded ? -1 : pidfd, events: Int16(POLLIN), revents: 0),
      ]
      // SAFETY: three queries, alive for the call. A negative descriptor is passed over.
      let ready = unsafe poll(&queries, 3, milliseconds)
      if ready == 0 { return hasEnded ? nil : .timeUp }
      if queries[0].revents != 0 { Self.read(&first, into: &bytes[0], limitBytes) }
      if queries[1].revents != 0 { Self.read(&second, into: &bytes[1], limitBytes) }
      if bytes[0].count > limitBytes || bytes[1].count > limitBytes { return .tooMuch }
      if queries[2].revents != 0 { hasEnded = true }
    }
    return nil
  }

  private static func read(_ stream: inout Descriptor?, into bytes: inout [UInt8], _ limit: Int) {
    guard let open = stream.take() else { return }
    let part = (try? open.read(limitBytes: min(65_536, limit - bytes.count + 1))) ?? []
    bytes += part
    if !part.isEmpty { stream = consume open }
  }
}
