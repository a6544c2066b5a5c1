// The rules of a store without a place to keep it: what each engine must answer.
//
// Every key has its changes in order of their revisions. Slow and plain on purpose: this is the model that
// engines are compared with, and what the simulator runs.

internal import Base

/// All that happened since the last compaction, and what was then.
package struct StoreHistory: Sendable {
  private struct Entry {
    var revision: StoreRevision
    /// Nothing: the key was removed.
    var record: StoreRecord?
  }

  private var entries: [StoreKey: [Entry]] = [:]
  package private(set) var revision = StoreRevision.zero
  /// Nothing before this one can be asked for.
  package private(set) var compacted = StoreRevision.zero

  package init() {}

  package func record(for key: StoreKey) -> StoreRecord? { entries[key]?.last?.record }

  package func records(
    under prefix: StoreKey, after: StoreKey?, limit: Int, at wanted: StoreRevision?
  ) throws(StoreError) -> StorePage {
    let revision = wanted ?? revision
    try checkReadable(revision)
    let found = entries.compactMap { key, changes -> StoreRecord? in
      guard key.hasPrefix(prefix), after.map({ $0 < key }) ?? true else { return nil }
      return changes.last { $0.revision <= revision }?.record
    }
    let sorted = found.sorted { $0.key < $1.key }
    let count = min(limit, StoreLimits.pageRecords)
    return StorePage(
      records: Array(sorted.prefix(count)), revision: revision, hasMore: sorted.count > count)
  }

  package mutating func commit(_ transaction: StoreTransaction) -> StoreOutcome {
    let found = transaction.conditions.keys.map { ($0, record(for: $0)?.changed ?? .zero) }
    let broken = found.filter { $0.1 != transaction.conditions[$0.0] }
    guard broken.isEmpty else {
      return .conflict(Dictionary(uniqueKeysWithValues: broken))
    }
    let effective = transaction.changesInOrder.filter { key, change in
      change != .remove || record(for: key) != nil
    }
    guard !effective.isEmpty else { return .committed(revision) }
    revision = revision.next
    for (key, change) in effective {
      let record = record(after: change, of: key)
      entries[key, default: []].append(Entry(revision: revision, record: record))
    }
    return .committed(revision)
  }

  private func record(after change: StoreTransaction.Change, of key: StoreKey) -> StoreRecord? {
    guard case .put(let value, let lease) = change else { return nil }
    let before = record(for: key)
    return StoreRecord(
      key: key, value: value, created: before?.created ?? revision, changed: revision,
      version: (before?.version ?? 0) + 1, lease: lease)
  }

  package func changes(
    under prefix: StoreKey, after: StoreRevision, limit: Int
  ) throws(StoreError) -> StoreChanges {
    try checkReadable(after)
    let all = entries.flatMap { key, changes in
      changes.filter { $0.revision > after && key.hasPrefix(prefix) }.map { entry in
        entry.record.map { StoreEvent.put($0) } ?? .removed(key, entry.revision)
      }
    }.sorted { ($0.revision, $0.key) < ($1.revision, $1.key) }
    guard all.count > limit else { return StoreChanges(events: all, revision: revision) }
    let last = all[max(0, limit - 1)].revision
    return StoreChanges(events: all.filter { $0.revision <= last }, revision: last)
  }

  package mutating func compact(to wanted: StoreRevision) {
    guard wanted > compacted, wanted <= revision else { return }
    compacted = wanted
    for (key, changes) in entries {
      let kept = changes.lastIndex { $0.revision <= wanted }
      var rest = Array(changes[(kept ?? 0)...])
      if let first = rest.first, first.revision <= wanted, first.record == nil {
        rest.removeFirst()
      }
      entries[key] = rest.isEmpty ? nil : rest
    }
  }

  /// The keys that a lease holds.
  func keys(of lease: StoreLease) -> [StoreKey] {
    entries.values.compactMap { $0.last?.record }.filter { $0.lease == lease }.map(\.key)
  }

  private func checkReadable(_ revision: StoreRevision) throws(StoreError) {
    guard revision >= compacted else { throw .compacted(oldest: compacted) }
    guard revision <= self.revision else { throw .notYet(revision, newest: self.revision) }
  }
}
