// The engine of one controller: a file, and nothing to set up.
//
// One connection, one caller at a time. Reads cost microseconds, a commit what the disk takes to sync. Leases
// are in memory: whoever kept them up was a client of this process, so their records go when it starts.

public import Base
internal import CSQLite
public import Linux
internal import Synchronization

/// A store in one SQLite file.
public final class SQLiteStore: Store {
  private struct State: ~Copyable {
    var tables: SQLiteTables
    var leases = StoreLeases()
  }

  private let state: Mutex<State>
  private let newest: Watermark
  private let clock: @Sendable () -> MonotonicTime
  private let path: String

  /// Opens the file, or makes it.
  ///
  /// - Parameter clock: what leases are timed with.
  public init(
    path: String, clock: @escaping @Sendable () -> MonotonicTime = MonotonicClock.now
  ) throws(Failure) {
    do throws(SQLiteFailure) {
      let tables = try SQLiteTables(path: path)
      newest = Watermark(tables.revision.rawValue)
      state = Mutex(State(tables: tables))
    } catch {
      throw Self.failure(error, "cannot open the store \(path)", path)
    }
    self.clock = clock
    self.path = path
    do throws(StoreError) {
      try perform { state throws(SQLiteFailure) in
        let keys = try state.tables.leasedKeys()
        try Self.remove(keys, &state)
      }
    } catch { throw error.failure }
  }

  public func record(for key: StoreKey) throws(StoreError) -> StoreRecord? {
    try perform { state throws(SQLiteFailure) in try state.tables.record(for: key) }
  }

  public func records(
    under prefix: StoreKey, after: StoreKey?, limit: Int, at revision: StoreRevision?
  ) throws(StoreError) -> StorePage {
    let count = min(limit, StoreLimits.pageRecords)
    return try performReading(revision) { state, revision throws(SQLiteFailure) in
      var records = try state.tables.records(
        under: prefix, after: after, limit: count + 1, at: revision)
      let hasMore = records.count > count
      if hasMore { records.removeLast() }
      return StorePage(records: records, revision: revision, hasMore: hasMore)
    }
  }

  public func commit(_ transaction: StoreTransaction) throws(StoreError) -> StoreOutcome {
    try transaction.check()
    let outcome = try perform { state throws(SQLiteFailure) -> StoreOutcome? in
      for case .put(_, .some(let lease)) in transaction.changes.values
      where !state.leases.contains(lease) { return nil }
      return try Self.commit(transaction, &state)
    }
    guard let outcome else { throw .leaseEnded }
    return outcome
  }

  private static func commit(
    _ transaction: StoreTransaction, _ state: inout State
  ) throws(SQLiteFailure) -> StoreOutcome {
    var broken: [StoreKey: StoreRevision] = [:]
    for (key, wanted) in transaction.conditions {
      let found = try state.tables.record(for: key)?.changed ?? .zero
      if found != wanted { broken[key] = found }
    }
    guard broken.isEmpty else { return .conflict(broken) }
    try change(&state) { tables throws(SQLiteFailure) in
      var hasChanged = false
      for (key, change) in transaction.changesInOrder {
        switch change {
        case .put(let value, let lease):
          try tables.put(value, for: key, lease: lease)
          hasChanged = true
        case .remove:
          if try tables.remove(key) { hasChanged = true }
        }
      }
      return hasChanged
    }
    return .committed(state.tables.revision)
  }

  private static func remove(_ keys: [StoreKey], _ state: inout State) throws(SQLiteFailure) {
    guard !keys.isEmpty else { return }
    try change(&state) { tables throws(SQLiteFailure) in
      for key in keys.sorted() { _ = try tables.remove(key) }
      return true
    }
  }

  /// One transaction of SQLite, undone when anything in it fails. `body` says whether it changed anything.
  private static func change(
    _ state: inout State, _ body: (borrowing SQLiteTables) throws(SQLiteFailure) -> Bool
  ) throws(SQLiteFailure) {
    try state.tables.database.run("BEGIN IMMEDIATE")
    var hasChanged = false
    do throws(SQLiteFailure) {
      hasChanged = try body(state.tables)
      if hasChanged { try state.tables.writeRevision() }
      try state.tables.database.run("COMMIT")
    } catch {
      // SQLite may have undone it already, and then has nothing to undo.
      try? state.tables.database.run("ROLLBACK")
      throw error
    }
    if hasChanged { state.tables.advance() }
  }

  public func changes(
    under prefix: StoreKey, after revision: StoreRevision, limit: Int, waitingMilliseconds: Int
  ) throws(StoreError) -> StoreChanges {
    let end = clock().advanced(byNanoseconds: UInt64(waitingMilliseconds) * 1_000_000)
    while true {
      let (changes, nextEnd) = try performReading(revision) {
        state, revision throws(SQLiteFailure) in
        (
          try state.tables.changes(under: prefix, after: revision, limit: limit),
          state.leases.nextEnd
        )
      }
      if !changes.events.isEmpty || clock() >= end { return changes }
      _ = newest.wait(above: changes.revision.rawValue, until: min(end, nextEnd))
    }
  }

  public func compact(to revision: StoreRevision) throws(StoreError) {
    try perform { state throws(SQLiteFailure) in
      guard revision > state.tables.compacted, revision <= state.tables.revision else { return }
      try state.tables.database.run("BEGIN IMMEDIATE")
      do throws(SQLiteFailure) {
        try state.tables.compact(to: revision)
        try state.tables.database.run("COMMIT")
      } catch {
        try? state.tables.database.run("ROLLBACK")
        throw error
      }
    }
  }

  public func grantLease(seconds: Int) throws(StoreError) -> StoreLease {
    let now = clock()
    return try perform { state in state.leases.grant(seconds: seconds, now: now) }
  }

  public func keepAlive(_ lease: StoreLease) throws(StoreError) -> Bool {
    let now = clock()
    return try perform { state in state.leases.keepAlive(lease, now: now) }
  }

  public func revoke(_ lease: StoreLease) throws(StoreError) {
    try perform { state throws(SQLiteFailure) in
      state.leases.end(lease)
      try Self.remove(try state.tables.keys(of: lease), &state)
    }
  }

  // MARK: One caller at a time

  /// As `perform`, for a revision that can be read.
  private func performReading<Value: Sendable>(
    _ wanted: StoreRevision?,
    _ body: (inout State, StoreRevision) throws(SQLiteFailure) -> Value
  ) throws(StoreError) -> Value {
    let found = try perform { state throws(SQLiteFailure) -> Result<Value, StoreError> in
      let (compacted, newest) = (state.tables.compacted, state.tables.revision)
      let revision = wanted ?? newest
      if revision < compacted { return .failure(.compacted(oldest: compacted)) }
      if revision > newest { return .failure(.notYet(revision, newest: newest)) }
      return .success(try body(&state, revision))
    }
    return try found.get()
  }

  /// Ends the leases whose time is over, then does `body`, then tells whoever waits.
  private func perform<Value: Sendable>(
    _ body: (inout State) throws(SQLiteFailure) -> Value
  ) throws(StoreError) -> Value {
    let now = clock()
    do throws(SQLiteFailure) {
      let (value, revision) = try state.withLock { state throws(SQLiteFailure) in
        for lease in state.leases.takeEnded(now: now) {
          try Self.remove(try state.tables.keys(of: lease), &state)
        }
        let value = try body(&state)
        return (value, state.tables.revision)
      }
      newest.rise(to: revision.rawValue)
      return value
    } catch { throw .unavailable(Self.failure(error, "cannot use the store \(path)", path)) }
  }

  private static func failure(_ error: SQLiteFailure, _ what: String, _ path: String) -> Failure {
    let remedy =
      switch error.code & 0xFF {
      case SQLITE_BUSY, SQLITE_LOCKED:
        "another controller has it open: end that one, or give this one a file of its own"
      case SQLITE_FULL: "free some disk space"
      case SQLITE_CANTOPEN: "check that the folder exists and can be written"
      case SQLITE_READONLY, SQLITE_PERM: "check who owns the file and its folder"
      case SQLITE_CORRUPT, SQLITE_NOTADB: "restore \(path) from a backup"
      default: "check the disk, and the kernel log (dmesg)"
      }
    return Failure(what, why: error.words, remedy: remedy)
  }
}
