// Where the controller keeps what is desired: keys with values and revisions, as etcd has them.
//
//   revision 41     /portgroup/web  put
//   revision 42     /portgroup/web  put        one transaction is one revision,
//                   /task/7         put        whatever it changes
//   revision 43     /portgroup/db   removed
//
// A transaction says what it was based on and what it changes; it happens as a whole or not at all. Whoever
// has seen everything up to a revision asks for what came after it, for ever, so that nothing is missed
// and nothing is read twice. Old revisions stay readable until they are compacted away.
//
// Two engines keep these promises, and one suite of tests holds both to them: SQLite in a file, for one
// controller, and etcd, for several. A third one in memory is the model that they are compared with, and the
// store of the simulator.

/// A store of desired state.
///
/// - Thread: any, several at once. Every call may wait for a disk or a network.
public protocol Store: Sendable {
  /// A key's record, or nothing when there is none.
  func record(for key: StoreKey) throws(StoreError) -> StoreRecord?

  /// The records whose keys begin with `prefix`, in order of their keys.
  ///
  /// - Parameter after: where the page before ended.
  /// - Parameter limit: at most so many, up to `StoreLimits.pageRecords`.
  /// - Parameter revision: as they were then; now, when there is none.
  func records(
    under prefix: StoreKey, after: StoreKey?, limit: Int, at revision: StoreRevision?
  ) throws(StoreError) -> StorePage

  /// Makes every change if all conditions hold, and none otherwise. What is answered is on disk.
  func commit(_ transaction: StoreTransaction) throws(StoreError) -> StoreOutcome

  /// What came after a revision, whole transactions in order; waits for something to come.
  ///
  /// - Parameter limit: no more transactions are begun after so many events.
  /// - Returns: no events when none came in time; `revision` is what to ask from next.
  func changes(
    under prefix: StoreKey, after revision: StoreRevision, limit: Int, waitingMilliseconds: Int
  ) throws(StoreError) -> StoreChanges

  /// Forgets what was before a revision: records as they were earlier, and the way to it.
  func compact(to revision: StoreRevision) throws(StoreError)

  /// A promise that has to be kept up: when it is not, for so many seconds, its records are removed.
  func grantLease(seconds: Int) throws(StoreError) -> StoreLease

  /// Keeps a lease for its seconds from now on. False when it has ended.
  func keepAlive(_ lease: StoreLease) throws(StoreError) -> Bool

  /// Ends a lease, and removes its records.
  func revoke(_ lease: StoreLease) throws(StoreError)
}

extension Store {
  /// Every record under a prefix, read in pages of one revision.
  public func allRecords(
    under prefix: StoreKey, at revision: StoreRevision? = nil
  ) throws(StoreError) -> StorePage {
    var all = try records(
      under: prefix, after: nil, limit: StoreLimits.pageRecords, at: revision)
    while all.hasMore, let last = all.records.last {
      let next = try records(
        under: prefix, after: last.key, limit: StoreLimits.pageRecords, at: all.revision)
      all.records += next.records
      all.hasMore = next.hasMore
    }
    return all
  }
}

/// The bounds of every engine. etcd's own are the narrowest (its `--max-txn-ops` and
/// `--max-request-bytes`), so what one engine takes, the others take too.
public enum StoreLimits {
  public static let keyBytes = 512
  public static let valueBytes = 1 << 20
  /// Conditions, and changes, of a transaction.
  public static let operations = 128
  public static let transactionBytes = 5 << 18
  public static let pageRecords = 1_000
}
