// The tables of a store's file, and the statements over them.
//
//   record   every key as it is now
//   change   every change since the last compaction; of each key also the newest change before it, so
//            that every revision from there on can be read
//   state    the newest revision, and the compacted one
//
// A transaction of the store is one of SQLite. The file is in WAL mode with every commit synced, so what was
// answered survives a loss of power (https://sqlite.org/pragma.html#pragma_synchronous), and it is locked
// for this process alone: two controllers over one file would each think that they know the revision.

internal import Base
internal import CSQLite

/// The store's rules as SQL. One call is one step of a transaction that the caller has begun.
@safe
struct SQLiteTables: ~Copyable {
  /// Kept in the file's header (PRAGMA user_version).
  private static let version: Int64 = 1

  let database: SQLiteDatabase
  private(set) var revision: StoreRevision
  private(set) var compacted: StoreRevision

  /// Opens the file, makes the tables when it is new, and reads where it is.
  init(path: String) throws(SQLiteFailure) {
    let database = try SQLiteDatabase(path: path)
    try database.run("PRAGMA locking_mode = EXCLUSIVE")
    try database.run("PRAGMA journal_mode = WAL")
    try database.run("PRAGMA synchronous = FULL")
    var version: Int64 = 0
    try database.run("PRAGMA user_version") { row in
      version = row.number(0)
      return false
    }
    guard version <= Self.version else {
      throw SQLiteFailure(
        code: SQLITE_NOTADB, words: "it was written by a newer Martlet (format \(version))")
    }
    if version == 0 { try Self.create(database) }
    let numbers = try Self.state(database)
    guard let revision = numbers["revision"], let compacted = numbers["compacted"] else {
      throw SQLiteFailure(code: SQLITE_CORRUPT, words: "it does not say its revision")
    }
    self.database = database
    self.revision = StoreRevision(revision)
    self.compacted = StoreRevision(compacted)
  }

  private static func create(_ database: borrowing SQLiteDatabase) throws(SQLiteFailure) {
    try database.run("BEGIN IMMEDIATE")
    try database.run(
      """
      CREATE TABLE record (
        key TEXT PRIMARY KEY, value BLOB NOT NULL, created INTEGER NOT NULL,
        changed INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL) WITHOUT ROWID
      """)
    try database.run("CREATE INDEX record_by_lease ON record (lease) WHERE lease != 0")
    try database.run(
      """
      CREATE TABLE change (
        revision INTEGER NOT NULL, key TEXT NOT NULL, value BLOB, created INTEGER NOT NULL,
        version INTEGER NOT NULL, lease INTEGER NOT NULL,
        PRIMARY KEY (revision, key)) WITHOUT ROWID
      """)
    try database.run("CREATE INDEX change_by_key ON change (key, revision)")
    try database.run(
      "CREATE TABLE state (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID")
    try database.run("INSERT INTO state VALUES ('revision', 0), ('compacted', 0)")
    try database.run("PRAGMA user_version = \(version)")
    try database.run("COMMIT")
  }

  private static func state(
    _ database: borrowing SQLiteDatabase
  ) throws(SQLiteFailure) -> [String: Int64] {
    var numbers: [String: Int64] = [:]
    try database.run("SELECT name, number FROM state") { row in
      numbers[row.text(0)] = row.number(1)
      return true
    }
    return numbers
  }

  // MARK: Reading

  func record(for key: StoreKey) throws(SQLiteFailure) -> StoreRecord? {
    var found: StoreRecord?
    try database.run(
      "SELECT key, value, created, changed, version, lease FROM record WHERE key = ?",
      [.text(key.description)]
    ) { row in
      found = Self.record(row)
      return false
    }
    return found
  }

  func records(
    under prefix: StoreKey, after: StoreKey?, limit: Int, at wanted: StoreRevision
  ) throws(SQLiteFailure) -> [StoreRecord] {
    var found: [StoreRecord] = []
    let range: [SQLiteValue] = [
      .text(prefix.description), .text(prefix.endOfPrefix), .text(after?.description ?? ""),
    ]
    let isNow = wanted == revision
    try database.run(
      isNow
        ? """
        SELECT key, value, created, changed, version, lease FROM record
        WHERE key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ?
        """
        : """
        SELECT key, value, created, revision, version, lease FROM change AS c
        WHERE key >= ? AND key < ? AND key > ? AND value IS NOT NULL AND revision =
          (SELECT max(revision) FROM change WHERE key = c.key AND revision <= ?)
        ORDER BY key LIMIT ?
        """,
      range + (isNow ? [] : [.number(wanted.rawValue)]) + [.number(Int64(limit))]
    ) { row in
      if let record = Self.record(row) { found.append(record) }
      return true
    }
    return found
  }

  private static func record(_ row: borrowing SQLiteRow) -> StoreRecord? {
    guard let key = StoreKey(row.text(0)) else { return nil }
    let lease = row.number(5)
    return StoreRecord(
      key: key, value: row.bytes(1), created: StoreRevision(row.number(2)),
      changed: StoreRevision(row.number(3)), version: row.number(4),
      lease: lease == 0 ? nil : StoreLease(rawValue: lease))
  }

  func changes(
    under prefix: StoreKey, after: StoreRevision, limit: Int
  ) throws(SQLiteFailure) -> StoreChanges {
    var events: [StoreEvent] = []
    var isCut = false
    try database.run(
      """
      SELECT key, value, created, revision, version, lease FROM change
      WHERE revision > ? AND key >= ? AND key < ? ORDER BY revision, key
      """,
      [.number(after.rawValue), .text(prefix.description), .text(prefix.endOfPrefix)]
    ) { row in
      let revision = StoreRevision(row.number(3))
      // A transaction that was begun is read to its end.
      if events.count >= limit, let last = events.last, last.revision != revision {
        isCut = true
        return false
      }
      guard let key = StoreKey(row.text(0)) else { return true }
      if row.isNull(1) {
        events.append(.removed(key, revision))
      } else if let record = Self.record(row) {
        events.append(.put(record))
      }
      return true
    }
    return StoreChanges(
      events: events, revision: isCut ? events.last?.revision ?? revision : revision)
  }

  func keys(of lease: StoreLease) throws(SQLiteFailure) -> [StoreKey] {
    try keys("SELECT key FROM record WHERE lease = ?", [.number(lease.rawValue)])
  }

  func leasedKeys() throws(SQLiteFailure) -> [StoreKey] {
    try keys("SELECT key FROM record WHERE lease != 0")
  }

  private func keys(_ sql: String, _ values: [SQLiteValue] = []) throws(SQLiteFailure) -> [StoreKey]
  {
    var keys: [StoreKey] = []
    try database.run(sql, values) { row in
      if let key = StoreKey(row.text(0)) { keys.append(key) }
      return true
    }
    return keys
  }

  // MARK: Writing

  /// Puts one record at the next revision.
  func put(_ value: [UInt8], for key: StoreKey, lease: StoreLease?) throws(SQLiteFailure) {
    let before = try record(for: key)
    let next = revision.next.rawValue
    let values: [SQLiteValue] = [
      .text(key.description), .bytes(value), .number(before?.created.rawValue ?? next),
      .number(next), .number((before?.version ?? 0) + 1), .number(lease?.rawValue ?? 0),
    ]
    try database.run(
      """
      INSERT OR REPLACE INTO record (key, value, created, changed, version, lease)
      VALUES (?, ?, ?, ?, ?, ?)
      """, values)
    try database.run(
      """
      INSERT INTO change (key, value, created, revision, version, lease) VALUES (?, ?, ?, ?, ?, ?)
      """, values)
  }

  /// Removes one record at the next revision. False when there is none.
  func remove(_ key: StoreKey) throws(SQLiteFailure) -> Bool {
    try database.run("DELETE FROM record WHERE key = ?", [.text(key.description)])
    guard database.changedRows > 0 else { return false }
    try database.run(
      """
      INSERT INTO change (key, value, created, revision, version, lease) VALUES (?, NULL, 0, ?, 0, 0)
      """, [.text(key.description), .number(revision.next.rawValue)])
    return true
  }

  /// What was put and removed is one revision from here on, once the transaction is committed.
  func writeRevision() throws(SQLiteFailure) {
    try set("revision", revision.next)
  }

  /// After the commit.
  mutating func advance() { revision = revision.next }

  mutating func compact(to wanted: StoreRevision) throws(SQLiteFailure) {
    try database.run(
      """
      DELETE FROM change AS c WHERE revision <= ?1 AND (
        value IS NULL OR revision <
          (SELECT max(revision) FROM change WHERE key = c.key AND revision <= ?1))
      """, [.number(wanted.rawValue)])
    try set("compacted", wanted)
    compacted = wanted
  }

  private func set(_ name: String, _ revision: StoreRevision) throws(SQLiteFailure) {
    try database.run(
      "UPDATE state SET number = ? WHERE name = ?", [.number(revision.rawValue), .text(name)])
  }
}
