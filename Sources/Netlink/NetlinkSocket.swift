// Requests to the kernel about devices and addresses, and their answers (rtnetlink(7)).
//
// Each function is one request with an acknowledgement: when it returns, the kernel has done it.

public import Base
internal import CNetlink
internal import Glibc
public import Linux

/// Makes, changes and lists network devices of one namespace.
///
/// - Thread: one at a time, any; it stays in the namespace in which it was made.
public struct NetlinkSocket: ~Copyable, Sendable {
  private let channel: Channel
  /// An answer takes microseconds, or as long as others hold the rtnl lock.
  private static let timeoutSeconds = 30

  /// For the calling thread's namespace.
  public init() throws(Failure) {
    do throws(Errno) { channel = try Channel() } catch {
      throw error.failure("cannot open a netlink socket")
    }
    channel.setReceiveTimeout(seconds: Self.timeoutSeconds)
  }

  /// For another namespace.
  public init(in namespace: NetworkNamespace) throws(Failure) {
    self = try namespace.run { () throws(Failure) in try NetlinkSocket() }
  }

  /// Sends a request and waits until it is done. `each` sees what comes before the acknowledgement.
  borrowing func perform(
    _ request: borrowing Request, each: (Reply) -> Void = { _ in }
  ) throws(KernelError) {
    var isDone = false
    var refusal: KernelError?
    do throws(Errno) {
      try channel.send(request)
      let sequence = request.sequence
      while !isDone {
        try channel.receive(waiting: true) { reply in
          // Answers to a request that was given up are passed over.
          guard reply.sequence == sequence, !isDone else { return }
          switch Int32(reply.type) {
          case NLMSG_ERROR:
            refusal = reply.error
            isDone = true
          case NLMSG_DONE:
            let status = reply.body(Int32.self) ?? 0
            if status < 0 { refusal = KernelError(number: Errno(rawValue: -status)) }
            isDone = true
          default:
            // The table changed while it was dumped: some rows may be missing.
            if reply.flags & NLM_F_DUMP_INTR != 0 { refusal = KernelError(number: .again) }
            each(reply)
          }
        }
      }
    } catch {
      throw KernelError(number: error == .again ? Errno(rawValue: ETIMEDOUT) : error)
    }
    if let refusal { throw refusal }
  }

  /// Dumps a table, again when it changed meanwhile; gives up after 16 times.
  borrowing func rows<Row>(
    _ request: borrowing Request, _ row: (Reply) -> Row?
  ) throws(KernelError) -> [Row] {
    var attempts = 0
    while true {
      var rows: [Row] = []
      do throws(KernelError) {
        try perform(request) { reply in
          if let found = row(reply) { rows.append(found) }
        }
        return rows
      } catch {
        attempts += 1
        guard error.number == .again, attempts < 16 else { throw error }
      }
    }
  }
}
