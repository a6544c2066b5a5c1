// A steady stream of small UDP datagrams: the load under which failures are measured.
//
// Pacing: after each burst the thread sleeps until the next datagram is due, and sends all that are due
// when it wakes. A late wake-up is caught up, so the rate holds on a busy machine, but never by more than
// `burstFrames`: a TAP holds 1,000 frames, and a sender that was kept off its processor for longer would
// overflow it by itself. Then the schedule moves on, and the reported rate says so.

public import Base
internal import Glibc
public import Linux
internal import Synchronization
public import Wire

/// What a sender has done so far.
public struct SendReport: Hashable, Sendable {
  /// Numbers used; also those that the kernel refused.
  public var offered: UInt64 = 0
  /// Datagrams that the kernel did not take; they count as lost.
  public var refused: UInt64 = 0
  public var nanoseconds: UInt64 = 0

  public var framesPerSecond: Double {
    nanoseconds == 0 ? 0 : Double(offered) * 1e9 / Double(nanoseconds)
  }
}

/// Sends from its making until it is stopped, on a thread of its own.
public final class StreamSender: Sendable {
  public struct Options: Hashable, Sendable {
    public var destination: IPv4Address
    public var port: UInt16 = 9_000
    public var framesPerSecond = 10_000
    /// Of UDP; at least `leastPayloadBytes`.
    public var payloadBytes = 32
    /// Both ends agree on it.
    public var stream: UInt32 = 0

    /// The most that is sent at once to catch up.
    public static let burstFrames: UInt64 = 256
    public static let leastPayloadBytes = StreamRecord.byteCount

    public init(to destination: IPv4Address) { self.destination = destination }
  }

  private struct State {
    var report = SendReport()
    var isStopping = false
    var hasEnded = false
  }

  private let options: Options
  private let state = Mutex(State())

  /// Opens a socket, in `namespace` or where the caller is, and starts.
  public init(_ options: Options, in namespace: NetworkNamespace? = nil) throws(Failure) {
    self.options = options
    let socket = try datagramSocket(in: namespace)
    do throws(Errno) {
      let thread = try Thread(named: "sender", owning: socket) { [self] socket in
        run(socket)
        state.withLock { $0.hasEnded = true }
      }
      _ = consume thread
    } catch { throw error.failure("cannot start a sender") }
  }

  public var report: SendReport { state.withLock { $0.report } }

  /// Ends the stream and says what was offered.
  @discardableResult
  public func stop() -> SendReport {
    state.withLock { $0.isStopping = true }
    _ = MonotonicClock.wait(atMostNanoseconds: 5_000_000_000) { state.withLock { $0.hasEnded } }
    return report
  }

  private func run(_ socket: borrowing Descriptor) {
    var bytes = [UInt8](repeating: 0, count: max(options.payloadBytes, StreamRecord.byteCount))
    var address = socketAddress(options.destination, options.port)
    let start = MonotonicClock.now()
    // Frames that were due while this thread could not run, and are not made up for.
    var skipped: UInt64 = 0
    var report = SendReport()
    while true {
      let now = MonotonicClock.now()
      report.nanoseconds = now.nanoseconds(since: start)
      let isStopping = state.withLock { state in
        state.report = report
        return state.isStopping
      }
      if isStopping { return }
      var due = report.nanoseconds * UInt64(options.framesPerSecond) / 1_000_000_000 + 1 - skipped
      if due > report.offered + Options.burstFrames {
        skipped += due - report.offered - Options.burstFrames
        due = report.offered + Options.burstFrames
      }
      while report.offered < due {
        let record = StreamRecord(
          stream: options.stream, sequence: report.offered,
          sentNanoseconds: MonotonicClock.now().nanoseconds)
        record.write(to: &bytes)
        if !send(bytes, socket.number, &address) { report.refused += 1 }
        report.offered += 1
      }
      let next = (report.offered + skipped) * 1_000_000_000 / UInt64(options.framesPerSecond)
      pause(until: start.advanced(byNanoseconds: next))
    }
  }

  private func send(_ bytes: [UInt8], _ number: Int32, _ address: inout sockaddr_in) -> Bool {
    // SAFETY: bytes and address live for the call, and the lengths are theirs.
    let count = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        unsafe bytes.withUnsafeBytes {
          unsafe sendto(
            number, $0.baseAddress, $0.count, 0, pointer,
            socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
    return count == bytes.count
  }

  private func pause(until moment: MonotonicTime) {
    var time = timespec(
      tv_sec: Int(moment.nanoseconds / 1_000_000_000),
      tv_nsec: Int(moment.nanoseconds % 1_000_000_000))
    // SAFETY: `time` lives for the call; waking early only looks at the clock again.
    // check: allow sleep: the pace of the stream is what this thread is for
    unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil)
  }
}

/// A UDP socket that belongs to a namespace.
func datagramSocket(in namespace: NetworkNamespace?) throws(Failure) -> Descriptor {
  let open: @Sendable () throws(Failure) -> Descriptor = { () throws(Failure) in
    let number = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { throw Errno.current.failure("cannot open a UDP socket") }
    return Descriptor(owning: number)
  }
  guard let namespace else { return try open() }
  return try namespace.run(open)
}

func socketAddress(_ address: IPv4Address, _ port: UInt16) -> sockaddr_in {
  var result = sockaddr_in()
  result.sin_family = sa_family_t(AF_INET)
  result.sin_port = port.bigEndian
  result.sin_addr.s_addr = address.rawValue.bigEndian
  return result
}
