// What the worker sleeps on: the kicks of all rings and a wakeup of our own behind one descriptor that
// stays the same for the life of the port (epoll(7), nested).
//
// Kicks are watched for their edges, so looking at the set takes them back; an eventfd of the front end is
// never read, because a read could be made to block.

internal import CLinux
internal import Linux

/// Descriptors to wake up for.
///
/// - Thread: `drain` belongs to the worker; adding, removing and waking to any (epoll allows it).
@safe
// SAFETY: the events belong to the waiting thread; epoll itself may be used by all.
final class EventSet: @unchecked Sendable {
  private let epoll: Descriptor
  private let wakeup: WakeupSignal
  private let events: UnsafeMutablePointer<clinux_event>
  private let capacity: Int32

  init(capacity: Int) throws(Errno) {
    let number = clinux_epoll_create()
    guard number >= 0 else { throw .current }
    let epoll = Descriptor(owning: number)
    let wakeup = try WakeupSignal()
    guard
      clinux_epoll_control(
        number, Int32(CLINUX_EPOLL_ADD), wakeup.descriptor, Self.interest, 0) == 0
    else { throw .current }
    self.epoll = epoll
    self.wakeup = wakeup
    self.capacity = Int32(min(capacity, CLINUX_EVENTS_MAX))
    // SAFETY: sized and filled here, freed in `deinit`.
    unsafe events = .allocate(capacity: Int(self.capacity))
    unsafe events.initialize(repeating: clinux_event(), count: Int(self.capacity))
  }

  // SAFETY: allocated by `init`.
  deinit { unsafe events.deallocate() }

  private static var interest: UInt32 {
    Poller.Readiness([.readable, .edgeTriggered]).rawValue
  }

  /// Readable when something was kicked.
  var descriptor: Int32 { epoll.number }

  func add(_ kick: borrowing Descriptor) -> Bool {
    clinux_epoll_control(
      epoll.number, Int32(CLINUX_EPOLL_ADD), kick.number, Self.interest, 1) == 0
  }

  /// Before a kick is closed: the front end has the same file open, so it would stay in the set.
  func remove(_ kick: borrowing Descriptor) {
    _ = clinux_epoll_control(epoll.number, Int32(CLINUX_EPOLL_REMOVE), kick.number, 0, 0)
  }

  /// Wakes the worker.
  func wake() { wakeup.ring() }

  /// Takes back what made the set readable: one system call.
  func drain() {
    // SAFETY: room for `capacity` events.
    _ = unsafe clinux_epoll_wait(epoll.number, events, capacity, 0)
  }
}
