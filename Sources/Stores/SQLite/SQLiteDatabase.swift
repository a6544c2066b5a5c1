// One connection to one SQLite file (sqlite3(3)), behind one owner: text and values in, rows out.
//
// Invariant: `handle` is open from `init` to `deinit`; a statement is finalised before its database goes,
// because it is used up within `run`.

internal import Base
internal import CSQLite

/// What SQLite said instead of doing what it was asked for.
struct SQLiteFailure: Error {
  var code: Int32
  var words: String

  /// The disk or the file is at fault, and no repetition helps.
  var isDamage: Bool { [SQLITE_CORRUPT, SQLITE_NOTADB].contains(code & 0xFF) }
}

/// A value for a `?` of a statement.
enum SQLiteValue {
  case number(Int64)
  case text(String)
  case bytes([UInt8])
  case null
}

/// Owns an open database.
@safe
struct SQLiteDatabase: ~Copyable {
  private let handle: OpaquePointer

  /// Opens a file, and makes it when there is none. Its folder must be there.
  init(path: String) throws(SQLiteFailure) {
    var opened: OpaquePointer?
    // Used by one thread at a time, which the store's lock sees to.
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
    // SAFETY: the path is a C string for the call; `opened` is a local.
    let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
    guard code == SQLITE_OK, let opened = unsafe opened else {
      let words = unsafe Self.words(of: opened, code)
      // SAFETY: a handle is given also when opening failed, and nobody has it; null does nothing.
      unsafe sqlite3_close_v2(opened)
      throw SQLiteFailure(code: code, words: words)
    }
    unsafe handle = opened
  }

  deinit {
    // SAFETY: the handle is open and this is its only owner; no statement is left.
    unsafe sqlite3_close_v2(handle)
  }

  /// Runs one statement to its end.
  ///
  /// - Parameter each: called for each row, which is gone after the call; false ends it.
  func run(
    _ sql: String, _ values: [SQLiteValue] = [], each: (SQLiteRow) -> Bool = { _ in true }
  ) throws(SQLiteFailure) {
    var prepared: OpaquePointer?
    // SAFETY: the text is a C string for the call; `prepared` is a local.
    try check(unsafe sqlite3_prepare_v2(handle, sql, -1, &prepared, nil))
    guard let statement = unsafe prepared else {
      preconditionFailure("a statement of the program is not empty")
    }
    // SAFETY: prepared above, used in this call only.
    defer { unsafe sqlite3_finalize(statement) }
    for (index, value) in values.enumerated() {
      try check(unsafe Self.bind(value, to: statement, at: Int32(index + 1)))
    }
    while true {
      let code = unsafe sqlite3_step(statement)
      if code == SQLITE_DONE { return }
      guard code == SQLITE_ROW else { throw failure(code) }
      if !each(unsafe SQLiteRow(statement)) { return }
    }
  }

  /// How many rows the last statement changed.
  var changedRows: Int {
    // SAFETY: the handle is open.
    unsafe Int(sqlite3_changes(handle))
  }

  private static func bind(
    _ value: SQLiteValue, to statement: OpaquePointer, at index: Int32
  ) -> Int32 {
    // SAFETY: the statement is live, and SQLite copies text and bytes during the call.
    switch value {
    case .number(let number): return unsafe sqlite3_bind_int64(statement, index, number)
    case .text(let text):
      var text = text
      return text.withUTF8 { bytes in
        unsafe bytes.withMemoryRebound(to: CChar.self) { characters in
          unsafe martlet_sqlite_bind_text(
            statement, index, characters.baseAddress, Int32(characters.count))
        }
      }
    case .bytes(let bytes):
      return unsafe bytes.withUnsafeBytes { buffer in
        unsafe martlet_sqlite_bind_blob(
          statement, index, buffer.baseAddress, Int32(buffer.count))
      }
    case .null: return unsafe sqlite3_bind_null(statement, index)
    }
  }

  private func check(_ code: Int32) throws(SQLiteFailure) {
    if code != SQLITE_OK { throw failure(code) }
  }

  private func failure(_ code: Int32) -> SQLiteFailure {
    // SAFETY: the handle is open.
    unsafe SQLiteFailure(code: code, words: Self.words(of: handle, code))
  }

  private static func words(of handle: OpaquePointer?, _ code: Int32) -> String {
    // SAFETY: the text belongs to the handle, or is static, and is copied.
    let text = unsafe handle == nil ? sqlite3_errstr(code) : sqlite3_errmsg(handle)
    return unsafe text.map { unsafe String(cString: $0) } ?? "error \(code)"
  }
}

/// A row of a statement that runs; columns count from zero.
@safe
struct SQLiteRow: ~Escapable {
  private let statement: OpaquePointer

  @_lifetime(immortal)
  fileprivate init(_ statement: OpaquePointer) {
    // SAFETY: the row is handed to a closure during the step that made it.
    unsafe self.statement = statement
  }

  func number(_ column: Int32) -> Int64 {
    // SAFETY: as `init`; SQLite turns what is not a number into zero.
    unsafe sqlite3_column_int64(statement, column)
  }

  func isNull(_ column: Int32) -> Bool {
    // SAFETY: as `number`.
    unsafe sqlite3_column_type(statement, column) == SQLITE_NULL
  }

  func bytes(_ column: Int32) -> [UInt8] {
    // SAFETY: the pointer is good until the next call for this column, and is copied from.
    let start = unsafe sqlite3_column_blob(statement, column)
    let count = unsafe sqlite3_column_bytes(statement, column)
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: Int(count)))
  }

  func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }
}
