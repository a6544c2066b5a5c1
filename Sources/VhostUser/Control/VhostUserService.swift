// The thread that talks to the front ends of all vhost-user ports of a host: connecting, messages, mapping
// memory. The worker never waits for any of it.

public import Base
internal import Linux
internal import Synchronization

/// Opens vhost-user ports and serves their sockets until it is stopped.
///
/// - Thread: any thread opens and closes; the service has one of its own.
public final class VhostUserService: Sendable {
  private let core: ServiceCore
  private let thread: Mutex<Thread?>

  /// Starts the thread.
  public init() throws(Failure) {
    do throws(Errno) {
      let core = try ServiceCore()
      let thread = try Thread(named: "vhost-user") { core.run() }
      self.core = core
      self.thread = Mutex(thread)
    } catch { throw error.failure("cannot serve vhost-user ports") }
  }

  deinit { stop() }

  /// Opens a port; it closes when its attachment goes.
  ///
  /// - Errors: a path that cannot be listened on. A front end that is not there yet is none.
  public func open(_ settings: VhostUserSettings) throws(Failure) -> VhostUserAttachment {
    precondition((1...64).contains(settings.limits.queuePairs), "1 to 64 pairs of queues")
    precondition((8...256).contains(settings.limits.memoryRegions), "8 to 256 regions")
    let port: PortRings
    do throws(Errno) { port = try PortRings(ringCapacity: 2 * settings.limits.queuePairs) } catch {
      throw error.failure("cannot open vhost-user port \(settings.name)")
    }
    let board = StateBoard()
    let endpoint = try VhostEndpoint(settings, port, board)
    let number = try core.add(endpoint)
    return VhostUserAttachment(settings, port, board) { [core] in core.remove(number) }
  }

  /// Readable when the state of a port has changed since `clearChanges`.
  public var changesDescriptor: Int32 { core.changes.descriptor }

  /// To be called before the states are looked at.
  public func clearChanges() { core.changes.clear() }

  /// Ends the thread; ports that are still open lose their front ends.
  public func stop() {
    guard let thread = thread.withLock({ $0.take() }) else { return }
    core.stop()
    thread.join()
  }
}

/// What the service's thread and its callers share.
private final class ServiceCore: Sendable {
  private struct Table: ~Copyable {
    var endpoints: [UInt64: VhostEndpoint] = [:]
    var nextNumber: UInt64 = 1
  }

  private static let wakeupToken: UInt64 = 0

  private let table = Mutex(Table())
  private let poll: ControlPoll
  private let wakeup: WakeupSignal
  private let isStopping = Atomic<Bool>(false)
  let changes: WakeupSignal

  init() throws(Errno) {
    changes = try WakeupSignal()
    wakeup = try WakeupSignal()
    poll = try ControlPoll()
    try poll.add(wakeup.descriptor, token: Self.wakeupToken)
  }

  func add(_ endpoint: VhostEndpoint) throws(Failure) -> UInt64 {
    let (number, failure) = table.withLock { table -> (UInt64, Errno?) in
      let number = table.nextNumber
      for (descriptor, source) in endpoint.fixedDescriptors {
        do throws(Errno) { try poll.add(descriptor, token: Self.token(number, source)) } catch {
          return (number, error)
        }
      }
      table.nextNumber += 1
      table.endpoints[number] = endpoint
      return (number, nil)
    }
    if let failure { throw failure.failure("cannot poll the socket of \(endpoint.settings.name)") }
    // One that connects has its first attempt now.
    wakeup.ring()
    return number
  }

  func remove(_ number: UInt64) {
    let endpoint = table.withLock { $0.endpoints.removeValue(forKey: number) }
    endpoint?.close()
  }

  func stop() {
    isStopping.store(true, ordering: .relaxed)
    wakeup.ring()
  }

  private static func token(_ number: UInt64, _ source: VhostEndpoint.Source) -> UInt64 {
    number << 2 | source.rawValue
  }

  // MARK: - The thread

  func run() {
    var deadline: MonotonicTime?
    while !isStopping.load(ordering: .relaxed) {
      let before = MonotonicClock.now()
      let count = poll.wait(timeoutNanoseconds: deadline.map { $0.nanoseconds(since: before) })
      let now = MonotonicClock.now()
      table.withLock { table in
        for index in 0..<count { handle(poll.token(index), &table, now) }
        deadline = connectAll(&table, now)
      }
    }
    table.withLock { table in
      for endpoint in table.endpoints.values { endpoint.close() }
      table.endpoints = [:]
    }
  }

  private func handle(_ token: UInt64, _ table: inout Table, _ now: MonotonicTime) {
    if token == Self.wakeupToken {
      wakeup.clear()
      return
    }
    guard let endpoint = table.endpoints[token >> 2],
      let source = VhostEndpoint.Source(rawValue: token & 3)
    else { return }
    watch(endpoint, token >> 2) { endpoint.handle(source, now: now) }
  }

  /// Starts to poll a connection that came to be; closing one takes it out of the poll by itself.
  private func watch(_ endpoint: VhostEndpoint, _ number: UInt64, _ step: () -> Bool) {
    let before = endpoint.connectionDescriptor
    let connections = endpoint.board.current.connections
    if step() { changes.ring() }
    guard let descriptor = endpoint.connectionDescriptor,
      before != descriptor || endpoint.board.current.connections != connections
    else { return }
    // Refused only for a descriptor that is not open, or twice in the poll.
    try? poll.add(descriptor, token: Self.token(number, .connection))
  }

  /// Returns when the next attempt is due.
  private func connectAll(_ table: inout Table, _ now: MonotonicTime) -> MonotonicTime? {
    var deadline: MonotonicTime?
    for (number, endpoint) in table.endpoints where endpoint.nextAttempt != nil {
      watch(endpoint, number) { endpoint.connectIfDue(now: now) }
      if let due = endpoint.nextAttempt { deadline = min(deadline ?? due, due) }
    }
    return deadline
  }
}
