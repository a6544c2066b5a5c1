// The other end of a stream: sees every datagram, and knows which are missing.

public import Base
internal import Glibc
public import Linux
internal import Synchronization
internal import Wire

/// Counts a stream from its making until it is stopped, on a thread of its own.
public final class StreamReceiver: Sendable {
  fileprivate struct State {
    var report = StreamReport()
    var seen = SequenceSet()
    var lastArrival: MonotonicTime?
    var isStopping = false
    var hasEnded = false
  }

  private let stream: UInt32
  private let state = Mutex(State())

  /// Listens on a UDP port, in `namespace` or where the caller is, and starts.
  public init(port: UInt16 = 9_000, stream: UInt32 = 0, in namespace: NetworkNamespace? = nil)
    throws(Failure)
  {
    self.stream = stream
    let socket = try datagramSocket(in: namespace)
    try Self.prepare(socket.number, port)
    do throws(Errno) {
      let thread = try Thread(named: "receiver", owning: socket) { [self] socket in
        run(socket)
        state.withLock { $0.hasEnded = true }
      }
      _ = consume thread
    } catch { throw error.failure("cannot start a receiver") }
  }

  private static func prepare(_ number: Int32, _ port: UInt16) throws(Failure) {
    // Over the system's limit, for root: a second of frames waits while the machine is busy.
    var bytes: Int32 = 16 << 20
    var limit = timeval(tv_sec: 0, tv_usec: 10_000)
    var address = socketAddress(.init(0, 0, 0, 0), port)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    // SAFETY: values that live for the calls, with their sizes.
    unsafe setsockopt(number, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, 4)
    unsafe setsockopt(
      number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let result = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(number, $0, size)
      }
    }
    guard result == 0 else { throw Errno.current.failure("cannot listen on UDP port \(port)") }
  }

  public var report: StreamReport { state.withLock { $0.report } }

  /// What is missing among the numbers of a range.
  public func losses(in range: Range<UInt64>) -> [StreamLoss] {
    state.withLock { $0.seen.losses(in: range) }
  }

  /// Waits until a number, or a higher one, has come.
  public func wait(for sequence: UInt64, timeoutNanoseconds: UInt64) -> Bool {
    MonotonicClock.wait(atMostNanoseconds: timeoutNanoseconds) { report.end > sequence }
  }

  /// Ends, when nothing has come for 100 ms or after two seconds, and says what came.
  @discardableResult
  public func stop() -> StreamReport {
    let quiet: UInt64 = 100_000_000
    _ = MonotonicClock.wait(atMostNanoseconds: 2_000_000_000) {
      let last = state.withLock { $0.lastArrival } ?? .zero
      return MonotonicClock.now().nanoseconds(since: last) > quiet
    }
    state.withLock { $0.isStopping = true }
    _ = MonotonicClock.wait(atMostNanoseconds: 5_000_000_000) { state.withLock { $0.hasEnded } }
    return report
  }

  private func run(_ socket: borrowing Descriptor) {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while !state.withLock({ $0.isStopping }) {
      // SAFETY: the kernel writes at most the buffer's length.
      let count = unsafe bytes.withUnsafeMutableBytes {
        unsafe recv(socket.number, $0.baseAddress, $0.count, 0)
      }
      guard count > 0 else { continue }
      let record = StreamRecord(bytes.rawSpan.extracting(0..<count))
      guard let record, record.stream == stream else { continue }
      state.withLock { $0.count(record, at: MonotonicClock.now()) }
    }
  }
}

extension StreamReceiver.State {
  fileprivate mutating func count(_ record: StreamRecord, at now: MonotonicTime) {
    if let last = lastArrival {
      report.longestGapNanoseconds = max(
        report.longestGapNanoseconds, now.nanoseconds(since: last))
    }
    lastArrival = now
    let sent = MonotonicTime(nanoseconds: record.sentNanoseconds)
    report.longestDelayNanoseconds = max(
      report.longestDelayNanoseconds, now.nanoseconds(since: sent))
    guard seen.insert(record.sequence) else {
      report.duplicated += 1
      return
    }
    report.received += 1
    if record.sequence < report.end { report.reordered += 1 }
    report.end = max(report.end, record.sequence + 1)
  }
}
