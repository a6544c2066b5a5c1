// A connection to the QMP socket of one QEMU: asks what its nics receive, and hears when that changes.
//
// It never waits and has no thread: the caller polls the descriptor with all its others, and calls
// `advance` when it is readable and when the deadline has passed. After any error it is of no further
// use; whether and when to connect again is for the caller to say.

public import Base
internal import Glibc
internal import Linux

/// Talks to one QEMU (docs/interop/qmp-spec).
///
/// - Thread: one at a time.
public struct QMPClient: ~Copyable, Sendable {
  public let path: String
  private let socket: Descriptor
  private var session: QMPSession
  private static let readBytes = 64 << 10
  /// An answer has 24 KiB when a guest takes every VLAN; one call reads some of them.
  private static let readsMax = 8

  /// Connects to the path given with `-qmp unix:PATH,server=on,wait=off`.
  ///
  /// - Parameter answerMilliseconds: how long QEMU may take for the greeting and for each answer.
  public init(path: String, now: MonotonicTime, answerMilliseconds: UInt64 = 2000) throws(Failure) {
    do throws(Errno) { socket = try connectToUnixSocket(path) } catch {
      throw error.failure(
        "cannot connect to QEMU at \(path)",
        remedy: "check that QEMU runs with -qmp unix:\(path),server=on,wait=off")
    }
    self.path = path
    session = QMPSession(now: now, answerNanoseconds: answerMilliseconds * 1_000_000)
  }

  /// Readable when QEMU has said something, or is gone.
  public var descriptor: Int32 { socket.number }

  /// When `advance` must be called at the latest; `never` while nothing is waited for.
  public var deadline: MonotonicTime { session.deadline }

  /// Asks for the filter of a nic, by the id of its `-device`; `nil` for the only one it has.
  ///
  /// The answer is news of a later `advance`. It tells the filter as it is then, and makes QEMU tell the
  /// next change. Before `ready`, and while another answer is waited for, the question waits.
  public mutating func query(nic: String?, now: MonotonicTime) throws(Failure) {
    try session.query(nic: nic, now: now)
    try send()
  }

  /// Reads what QEMU said, and gives up on it when it is too late.
  ///
  /// - Errors: QEMU is gone, does not answer, or is not QEMU.
  public mutating func advance(now: MonotonicTime) throws(Failure) -> [QMPNews] {
    var news: [QMPNews] = []
    for _ in 0..<Self.readsMax {
      let bytes: [UInt8]
      do throws(Errno) { bytes = try socket.read(limitBytes: Self.readBytes) } catch .again {
        break
      } catch {
        throw error.failure("cannot read from QEMU at \(path)", remedy: "see whether it still runs")
      }
      guard !bytes.isEmpty else {
        throw Failure(
          "cannot read from QEMU at \(path)", why: "it closed the connection",
          remedy: "see whether it still runs")
      }
      news += try session.receive(bytes, now: now)
      try send()
    }
    // Also when there was news: events are no answer, however many come.
    try session.check(now: now)
    return news
  }

  /// Sends what is to be said: a hundred bytes, which always fit while QEMU reads at all.
  private mutating func send() throws(Failure) {
    guard !session.output.isEmpty else { return }
    let bytes = session.output
    session.output = []
    let number = socket.number
    do throws(Errno) {
      let sent = try retried {
        // SAFETY: the bytes live for the call, and the count is theirs.
        unsafe Glibc.send(number, bytes, bytes.count, Int32(MSG_NOSIGNAL))
      }
      guard sent == bytes.count else { throw .again }
    } catch {
      throw error.failure("cannot talk to QEMU at \(path)", remedy: "see whether it hangs")
    }
  }
}

extension QMPClient {
  /// Asks for a filter and waits for it: for tools and tests, not for a thread that serves others.
  ///
  /// - Returns: the filter, and what else was heard meanwhile.
  public mutating func rxFilter(nic: String?) throws(Failure) -> (filter: RxFilter, news: [QMPNews])
  {
    try query(nic: nic, now: MonotonicClock.now())
    var others: [QMPNews] = []
    while true {
      for heard in try wait() {
        switch heard {
        case .rxFilter(nic, let filter): return (filter, others)
        case .refused(nic, let failure): throw failure
        default: others.append(heard)
        }
      }
    }
  }

  /// Waits for news until the deadline; for ever when nothing is waited for.
  private mutating func wait() throws(Failure) -> [QMPNews] {
    let now = MonotonicClock.now()
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let left = Int32(clamping: deadline.nanoseconds(since: now) / 1_000_000 + 1)
    // SAFETY: one entry that lives for the call; an interrupted wait only looks again.
    _ = unsafe poll(&entry, 1, deadline == .never ? -1 : left)
    return try advance(now: MonotonicClock.now())
  }
}

/// A connected stream that does not block. EAGAIN when as many wait as QEMU lets wait.
private func connectToUnixSocket(_ path: String) throws(Errno) -> Descriptor {
  var address = sockaddr_un()
  let bytes = Array(path.utf8)
  let room = MemoryLayout.size(ofValue: address.sun_path) - 1
  guard !bytes.isEmpty, bytes.count <= room, !bytes.contains(0) else {
    throw Errno(rawValue: ENAMETOOLONG)
  }
  address.sun_family = sa_family_t(AF_UNIX)
  // SAFETY: the field holds `room` + 1 bytes, all zero before, and at most `room` are written.
  unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
  let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
  let number = Glibc.socket(AF_UNIX, Int32(kind), 0)
  guard number >= 0 else { throw .current }
  let socket = Descriptor(owning: number)
  // SAFETY: a sockaddr_un may be seen as the sockaddr that it begins with (unix(7)).
  let result = unsafe withUnsafePointer(to: address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
      unsafe connect(number, address, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
  guard result == 0 else { throw .current }
  return socket
}
