// Which process: its number and the moment it started (proc(5), pidfd_open(2)).
//
// A number alone is recycled by the kernel. Invariant: a signal is sent through a pidfd opened
// before the start time was compared, so it reaches the process that was meant or none.

internal import Base
internal import CLinux
internal import Glibc

/// A process that cannot be taken for another one, also when read back from a file.
public struct ProcessIdentity: Hashable, Sendable, Codable {
  public let number: Int32
  /// Clock ticks after boot.
  public let startTicks: UInt64

  /// A process that was written down; it may have ended.
  public init(number: Int32, startTicks: UInt64) {
    self.number = number
    self.startTicks = startTicks
  }

  /// The living process with this number, if any.
  public init?(process number: Int32) {
    guard let statistics = ProcessStatistics(process: number) else { return nil }
    self.number = number
    startTicks = statistics.startTicks
  }

  /// This process.
  public static var current: ProcessIdentity {
    guard let identity = ProcessIdentity(process: getpid()) else {
      preconditionFailure("/proc is not mounted")
    }
    return identity
  }

  /// False once it has ended, also while its parent has not looked yet (a zombie).
  public var isAlive: Bool {
    guard let now = ProcessStatistics(process: number) else { return false }
    return now.startTicks == startTicks && !now.hasEnded
  }

  /// The words it was started with; empty when it has ended.
  public var arguments: [String] { zeroSeparated(readKernelFile("/proc/\(number)/cmdline")) }

  /// The variables it was started with; empty when it has ended or may not be read.
  public var environment: [String: String] {
    var variables: [String: String] = [:]
    for entry in zeroSeparated(readKernelFile("/proc/\(number)/environ")) {
      let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
    }
    return variables
  }

  /// Every process that may be seen, those that ended but were not waited for left out.
  public static func all() -> [ProcessIdentity] {
    let names = (try? directoryEntries("/proc")) ?? []
    return names.compactMap { Int32($0) }.sorted().compactMap { number in
      ProcessIdentity(process: number).flatMap { $0.isAlive ? $0 : nil }
    }
  }

  /// Processes that were started with this variable: how a lab finds what it left behind.
  public static func all(withVariable name: String, equalTo value: String) -> [ProcessIdentity] {
    all().filter { $0.environment[name] == value }
  }

  /// Sends a signal. False when the process has ended.
  @discardableResult
  public func send(_ signal: Signal) throws(Errno) -> Bool {
    guard let handle = try open() else { return false }
    return try Self.send(signal, to: handle.number)
  }

  static func send(_ signal: Signal, to pidfd: Int32) throws(Errno) -> Bool {
    if clinux_pidfd_send_signal(pidfd, signal.rawValue) == 0 { return true }
    let error = Errno.current
    if error == .noProcess { return false }
    throw error
  }

  /// Asks it to end, waits, then kills it and waits again. False when it still lives: a process in
  /// an uninterruptible call ends when the kernel lets it.
  @discardableResult
  public func terminate(graceNanoseconds: UInt64 = 2_000_000_000) throws(Errno) -> Bool {
    guard let handle = try open() else { return true }
    guard try Self.send(.terminate, to: handle.number) else { return true }
    if Linux.waitForEnd(handle.number, timeoutNanoseconds: graceNanoseconds) { return true }
    guard try Self.send(.kill, to: handle.number) else { return true }
    return Linux.waitForEnd(handle.number, timeoutNanoseconds: 2_000_000_000)
  }

  /// Kills it at once, and waits at most two seconds for its end.
  @discardableResult
  public func kill() throws(Errno) -> Bool {
    guard let handle = try open() else { return true }
    guard try Self.send(.kill, to: handle.number) else { return true }
    return Linux.waitForEnd(handle.number, timeoutNanoseconds: 2_000_000_000)
  }

  /// Waits for the end of any process, child or not. False when the time is up.
  public func waitForEnd(timeoutNanoseconds: UInt64) throws(Errno) -> Bool {
    guard let handle = try open() else { return true }
    return Linux.waitForEnd(handle.number, timeoutNanoseconds: timeoutNanoseconds)
  }

  /// A pidfd of exactly this process; `nil` when it has ended.
  func open() throws(Errno) -> Descriptor? {
    let number = clinux_pidfd_open(self.number)
    if number < 0 {
      let error = Errno.current
      if error == .noProcess { return nil }
      throw error
    }
    let handle = Descriptor(owning: number)
    return isAlive ? consume handle : nil
  }
}

/// A pidfd is readable once its process has ended. False when the time is up.
func waitForEnd(_ pidfd: Int32, timeoutNanoseconds: UInt64?) -> Bool {
  let deadline = timeoutNanoseconds.map { MonotonicClock.now().advanced(byNanoseconds: $0) }
  while true {
    var query = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
    let left = deadline.map { $0.nanoseconds(since: MonotonicClock.now()) }
    let milliseconds = left.map { Int32(clamping: ($0 + 999_999) / 1_000_000) } ?? -1
    // SAFETY: one `pollfd`, alive for the call.
    let count = unsafe poll(&query, 1, milliseconds)
    if count > 0 { return true }
    if count == 0, left != nil { return false }
  }
}

/// The fields of /proc/PID/stat that are used here.
struct ProcessStatistics {
  var hasEnded: Bool
  var processorTicks: UInt64
  var startTicks: UInt64

  init?(process: Int32) {
    // The name in parentheses may hold anything, so the fields are counted from the last one.
    guard let text = readKernelText("/proc/\(process)/stat"), let end = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    // Field 3 of proc(5) is `fields[0]`.
    guard fields.count > 19, let user = UInt64(fields[11]), let system = UInt64(fields[12]),
      let start = UInt64(fields[19])
    else { return nil }
    hasEnded = fields[0] == "Z" || fields[0] == "X"
    processorTicks = user + system
    startTicks = start
  }
}

private func zeroSeparated(_ bytes: [UInt8]?) -> [String] {
  (bytes ?? []).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
}
