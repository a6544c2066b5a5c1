// What the file of a store survives.

import Base
import Linux
import Stores
import Testing

@Suite("SQLite store") struct SQLiteStoreTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }
  private var path: String { "\(folder.path)/store.db" }

  private func put(_ store: SQLiteStore, _ key: StoreKey, lease: StoreLease? = nil) throws {
    var transaction = StoreTransaction()
    transaction.put([1], for: key, lease: lease)
    _ = try store.commit(transaction)
  }

  @Test func whatWasPutIsThereAfterARestart() throws {
    do {
      let store = try SQLiteStore(path: path)
      try put(store, "/a")
      try put(store, "/leased", lease: try store.grantLease(seconds: 60))
    }
    let store = try SQLiteStore(path: path)
    #expect(try store.record(for: "/a")?.changed == StoreRevision(1))
    // Nobody is left who keeps the lease up.
    #expect(try store.record(for: "/leased") == nil)
    #expect(
      try store.changes(under: "/", after: .zero, limit: 9, waitingMilliseconds: 0).revision
        == StoreRevision(3))
  }

  @Test func aSecondControllerIsTurnedAway() throws {
    let first = try SQLiteStore(path: path)
    try put(first, "/a")
    let failure = #expect(throws: Failure.self) { try SQLiteStore(path: path) }
    #expect(failure?.remedy.contains("another controller") == true)
    try put(first, "/b")
  }

  @Test func aFileThatIsNoStoreIsRefused() throws {
    try AtomicFile.write([UInt8](repeating: 7, count: 10_000), to: path)
    let failure = #expect(throws: Failure.self) { try SQLiteStore(path: path) }
    #expect(failure?.remedy.contains("backup") == true)
  }

  @Test func aFolderThatIsNotThereIsSaid() throws {
    let failure = #expect(throws: Failure.self) { try SQLiteStore(path: "/no/such/store.db") }
    #expect(failure?.remedy.contains("folder") == true)
  }
}
