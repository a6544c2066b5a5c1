// Waiting for many descriptors at once (epoll(7)).
//
// Invariant: `events` has room for `capacity` events; the first `count` are those of the last
// `wait`.

internal import CLinux
internal import Glibc

/// Tells which descriptors are ready. Sized once; a wait allocates nothing.
///
/// - Thread: `wait` from one thread; `add`, `modify` and `remove` from any (epoll allows it).
@safe
public struct Poller: ~Copyable {
  /// What to wait for, and what was found.
  public struct Readiness: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let readable = Readiness(rawValue: 0x001)
    /// Out-of-band data; sysfs and /proc files report a change this way.
    public static let priority = Readiness(rawValue: 0x002)
    public static let writable = Readiness(rawValue: 0x004)
    /// Always waited for.
    public static let failed = Readiness(rawValue: 0x008)
    /// Always waited for: the other end closed.
    public static let hungUp = Readiness(rawValue: 0x010)
    /// The other end will send no more.
    public static let peerFinished = Readiness(rawValue: 0x2000)
    /// Report a change once instead of a state as long as it lasts.
    public static let edgeTriggered = Readiness(rawValue: 1 << 31)
  }

  /// One ready descriptor, by the token that it was added with.
  public struct Event: Hashable, Sendable {
    public var token: UInt64
    public var readiness: Readiness

    public init(token: UInt64, readiness: Readiness) {
      self.token = token
      self.readiness = readiness
    }
  }

  private let epoll: Descriptor
  private let events: UnsafeMutablePointer<clinux_event>
  /// How many events one wait can bring; the rest come with the next.
  public let capacity: Int
  /// Events found by the last wait.
  public private(set) var count = 0

  /// - Parameter capacity: 1 to 256.
  public init(capacity: Int = 64) throws(Errno) {
    precondition((1...CLINUX_EVENTS_MAX).contains(capacity), "1 to 256 events")
    let number = clinux_epoll_create()
    guard number >= 0 else { throw .current }
    epoll = Descriptor(owning: number)
    self.capacity = capacity
    unsafe events = .allocate(capacity: capacity)
    // SAFETY: room for `capacity` events was just made.
    unsafe events.initialize(repeating: clinux_event(), count: capacity)
  }

  // SAFETY: allocated by `init`, and nothing points into it any more.
  deinit { unsafe events.deallocate() }

  /// Readable when any of its descriptors is ready, so a poller can be polled.
  public var descriptor: Int32 { epoll.number }

  /// Starts to watch an open descriptor. It is forgotten by itself when its file is closed.
  public func add(_ descriptor: Int32, token: UInt64, for interest: Readiness = .readable)
    throws(Errno)
  {
    try control(CLINUX_EPOLL_ADD, descriptor, token, interest)
  }

  public func modify(_ descriptor: Int32, token: UInt64, for interest: Readiness) throws(Errno) {
    try control(CLINUX_EPOLL_MODIFY, descriptor, token, interest)
  }

  public func remove(_ descriptor: Int32) throws(Errno) {
    try control(CLINUX_EPOLL_REMOVE, descriptor, 0, [])
  }

  private func control(
    _ operation: Int, _ descriptor: Int32, _ token: UInt64, _ interest: Readiness
  ) throws(Errno) {
    let result = clinux_epoll_control(
      epoll.number, Int32(operation), descriptor, interest.rawValue, token)
    guard result == 0 else { throw .current }
  }

  /// Waits until something is ready or the time is up; `nil` waits for ever, 0 only looks.
  ///
  /// - Returns: how many events there are, to be read by index; 0 when time is up or a signal came.
  /// - Cost: one system call, no allocation. Source: epoll_pwait2(2).
  @discardableResult
  public mutating func wait(timeoutNanoseconds: UInt64?) -> Int {
    let timeout = timeoutNanoseconds.map { Int64(clamping: $0) } ?? -1
    // SAFETY: `events` has room for `capacity` events.
    let found = unsafe clinux_epoll_wait(epoll.number, events, Int32(capacity), timeout)
    precondition(found >= 0 || errno == EINTR, "epoll_wait fails only by a mistake in this file")
    count = max(0, Int(found))
    return count
  }

  /// An event of the last wait; traps outside `0..<count`.
  public subscript(index: Int) -> Event {
    precondition(index >= 0 && index < count, "event index out of range")
    // SAFETY: checked above; `count` never exceeds `capacity`.
    let event = unsafe events[index]
    return Event(token: event.token, readiness: Readiness(rawValue: event.readiness))
  }
}

// SAFETY: the poller owns its memory and its descriptor alone.
extension Poller: @unchecked Sendable {}
