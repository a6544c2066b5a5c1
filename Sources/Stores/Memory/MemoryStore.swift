// The engine of the tests and of the simulator: nothing is on a disk.

public import Base
public import Linux
internal import Synchronization

/// A store that lives and ends with the process.
public final class MemoryStore: Store {
  private struct State {
    var history = StoreHistory()
    var leases = StoreLeases()
  }

  private let state = Mutex(State())
  private let newest = Watermark(0)
  private let clock: @Sendable () -> MonotonicTime

  /// - Parameter clock: what leases are timed with.
  public init(clock: @escaping @Sendable () -> MonotonicTime = MonotonicClock.now) {
    self.clock = clock
  }

  public func record(for key: StoreKey) throws(StoreError) -> StoreRecord? {
    perform { $0.history.record(for: key) }
  }

  public func records(
    under prefix: StoreKey, after: StoreKey?, limit: Int, at revision: StoreRevision?
  ) throws(StoreError) -> StorePage {
    try perform { state in
      outcome { () throws(StoreError) in
        try state.history.records(under: prefix, after: after, limit: limit, at: revision)
      }
    }.get()
  }

  public func commit(_ transaction: StoreTransaction) throws(StoreError) -> StoreOutcome {
    try transaction.check()
    return try perform { state in
      outcome { () throws(StoreError) in
        for case .put(_, .some(let lease)) in transaction.changes.values {
          guard state.leases.contains(lease) else { throw StoreError.leaseEnded }
        }
        return state.history.commit(transaction)
      }
    }.get()
  }

  public func changes(
    under prefix: StoreKey, after revision: StoreRevision, limit: Int, waitingMilliseconds: Int
  ) throws(StoreError) -> StoreChanges {
    let end = clock().advanced(byNanoseconds: UInt64(waitingMilliseconds) * 1_000_000)
    while true {
      let (found, nextEnd) = perform { state in
        (
          outcome { () throws(StoreError) in
            try state.history.changes(under: prefix, after: revision, limit: limit)
          }, state.leases.nextEnd
        )
      }
      let changes = try found.get()
      if !changes.events.isEmpty || clock() >= end { return changes }
      _ = newest.wait(above: changes.revision.rawValue, until: min(end, nextEnd))
    }
  }

  public func compact(to revision: StoreRevision) throws(StoreError) {
    perform { $0.history.compact(to: revision) }
  }

  public func grantLease(seconds: Int) throws(StoreError) -> StoreLease {
    let now = clock()
    return perform { $0.leases.grant(seconds: seconds, now: now) }
  }

  public func keepAlive(_ lease: StoreLease) throws(StoreError) -> Bool {
    let now = clock()
    return perform { $0.leases.keepAlive(lease, now: now) }
  }

  public func revoke(_ lease: StoreLease) throws(StoreError) {
    perform { state in
      state.leases.end(lease)
      Self.removeRecords(of: lease, &state)
    }
  }

  /// Ends the leases whose time is over, then does `body`, then tells whoever waits.
  private func perform<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
    let now = clock()
    let (value, revision) = state.withLock { state in
      for lease in state.leases.takeEnded(now: now) { Self.removeRecords(of: lease, &state) }
      let value = body(&state)
      return (value, state.history.revision)
    }
    newest.rise(to: revision.rawValue)
    return value
  }

  private static func removeRecords(of lease: StoreLease, _ state: inout State) {
    var removal = StoreTransaction()
    for key in state.history.keys(of: lease) { removal.remove(key) }
    _ = state.history.commit(removal)
  }

  private func outcome<Value>(_ body: () throws(StoreError) -> Value) -> Result<Value, StoreError> {
    do throws(StoreError) { return .success(try body()) } catch { return .failure(error) }
  }
}
