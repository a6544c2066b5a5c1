// What the control thread sleeps on (epoll(7)). `Poller` of Linux would do, were it not owned by one thread
// alone: here others add descriptors while the thread sleeps.

internal import CLinux
internal import Linux

/// Descriptors of all endpoints.
///
/// - Thread: `wait` and `token` belong to the control thread; `add` to any (epoll allows it).
@safe
// SAFETY: the events belong to the waiting thread; epoll itself may be used by all.
final class ControlPoll: @unchecked Sendable {
  private static let capacity = 64

  private let epoll: Descriptor
  private let events: UnsafeMutablePointer<clinux_event>

  init() throws(Errno) {
    let number = clinux_epoll_create()
    guard number >= 0 else { throw .current }
    epoll = Descriptor(owning: number)
    // SAFETY: sized and filled here, freed in `deinit`.
    unsafe events = .allocate(capacity: Self.capacity)
    unsafe events.initialize(repeating: clinux_event(), count: Self.capacity)
  }

  // SAFETY: allocated by `init`.
  deinit { unsafe events.deallocate() }

  func add(_ descriptor: Int32, token: UInt64) throws(Errno) {
    let interest = Poller.Readiness.readable.rawValue
    guard
      clinux_epoll_control(epoll.number, Int32(CLINUX_EPOLL_ADD), descriptor, interest, token) == 0
    else { throw .current }
  }

  /// How many are ready; nil waits for ever.
  func wait(timeoutNanoseconds: UInt64?) -> Int {
    let timeout = timeoutNanoseconds.map { Int64(clamping: $0) } ?? -1
    // SAFETY: room for `capacity` events.
    return max(
      0, Int(unsafe clinux_epoll_wait(epoll.number, events, Int32(Self.capacity), timeout)))
  }

  /// Of the last wait; `index` is below its result.
  func token(_ index: Int) -> UInt64 {
    precondition(index >= 0 && index < Self.capacity, "no such event")
    // SAFETY: checked.
    return unsafe events[index].token
  }
}
