// What is asked of a store at once: conditions, and changes that happen if they hold.

internal import Base

/// Changes of some keys, each at most once, that happen together or not at all.
public struct StoreTransaction: Hashable, Sendable {
  public enum Change: Hashable, Sendable {
    case put([UInt8], StoreLease?)
    /// Nothing when there is no such key.
    case remove
  }

  /// For each key the revision of its last change: what this is based on. `zero`: there is none.
  public private(set) var conditions: [StoreKey: StoreRevision] = [:]
  public private(set) var changes: [StoreKey: Change] = [:]

  public init() {}

  /// Nothing happens unless the key was last changed at `revision`; at zero, unless there is none.
  public mutating func require(_ key: StoreKey, at revision: StoreRevision) {
    conditions[key] = revision
  }

  /// Puts a value, in place of the change that the key had in this transaction.
  public mutating func put(_ value: [UInt8], for key: StoreKey, lease: StoreLease? = nil) {
    changes[key] = .put(value, lease)
  }

  public mutating func remove(_ key: StoreKey) { changes[key] = .remove }

  /// In order of the keys: so every engine makes the same events.
  var changesInOrder: [(key: StoreKey, change: Change)] {
    changes.sorted { $0.key < $1.key }.map { (key: $0.key, change: $0.value) }
  }

  /// Refuses what is over the bounds.
  func check() throws(StoreError) {
    let operations = max(conditions.count, changes.count)
    guard operations <= StoreLimits.operations else {
      throw .refused(
        Failure(
          "cannot change \(operations) records at once",
          why: "a transaction takes at most \(StoreLimits.operations)",
          remedy: "make the change in several steps"))
    }
    var total = 0
    for (key, change) in changes {
      guard case .put(let value, _) = change else { continue }
      total += key.description.utf8.count + value.count
      guard value.count <= StoreLimits.valueBytes, total <= StoreLimits.transactionBytes else {
        throw .refused(
          Failure(
            "cannot store \(key)",
            why: "it is larger than \(StoreLimits.valueBytes) bytes, alone or with others",
            remedy: "split it, or change less at once"))
      }
    }
  }
}

/// What became of a transaction.
public enum StoreOutcome: Hashable, Sendable {
  /// It happened. The revision is the one it made, or, when nothing was to be changed, the newest.
  case committed(StoreRevision)
  /// It did not: these keys were last changed at other revisions than it was based on.
  case conflict([StoreKey: StoreRevision])
}
