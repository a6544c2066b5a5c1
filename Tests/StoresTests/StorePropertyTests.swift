// Every engine beside the model: random transactions, readings, compactions.

import Base
import Stores
import Testing

@Suite("Stores beside the model", .serialized) struct StorePropertyTests {
  @Test(arguments: [StoreEngine.sqlite, .memory], 1...20 as ClosedRange<UInt64>)
  func anEngineAnswersAsTheModel(_ engine: StoreEngine, _ seed: UInt64) throws {
    try compare(engine, seed: seed, steps: 200)
  }

  @Test(.enabled(if: EtcdNode.isInstalled), arguments: 1...2 as ClosedRange<UInt64>)
  func etcdAnswersAsTheModel(_ seed: UInt64) throws {
    try compare(.etcd, seed: seed, steps: 50)
  }

  private func compare(_ engine: StoreEngine, seed: UInt64, steps: Int) throws {
    let store = try FreshStore(engine).store
    var random = SeededRandom(seed: seed)
    var model = StoreHistory()
    /// Of the model's revision, the engine's: other users of etcd leave gaps.
    var revisions: [StoreRevision: StoreRevision] = [.zero: .zero]
    let empty = try store.records(under: "/", after: nil, limit: 1, at: nil)
    revisions[.zero] = empty.revision
    for step in 0..<steps {
      let place: Comment = "\(engine) seed \(seed) step \(step)"
      let before = model.revision
      let transaction = Self.transaction(&random, model)
      let expected = model.commit(transaction)
      let outcome = try store.commit(translated(transaction, revisions))
      switch (expected, outcome) {
      case (.committed(let wanted), .committed(let got)):
        // Where nothing was to be changed, others may have changed something.
        if wanted > before { revisions[wanted] = got }
        #expect(revisions[wanted]! <= got, place)
      case (.conflict(let wanted), .conflict(let got)):
        #expect(wanted.mapValues { $0 == .zero ? .zero : revisions[$0]! } == got, place)
      default: Issue.record("\(place): \(outcome), expected \(expected)")
      }
      if Int.random(in: 0..<40, using: &random) == 0, model.revision > .zero, engine != .etcd {
        let target = StoreRevision(.random(in: 1...model.revision.rawValue, using: &random))
        model.compact(to: target)
        try store.compact(to: revisions[target]!)
      }
      try compareReadings(store, model, revisions, &random, place)
    }
  }

  private func compareReadings(
    _ store: any Store, _ model: StoreHistory, _ revisions: [StoreRevision: StoreRevision],
    _ random: inout SeededRandom, _ place: Comment
  ) throws {
    let oldest = max(model.compacted.rawValue, 1)
    guard model.revision.rawValue >= oldest else { return }
    let wanted = StoreRevision(.random(in: oldest...model.revision.rawValue, using: &random))
    let limit = Int.random(in: 1...6, using: &random)
    let after = Bool.random(using: &random) ? Self.key(&random) : nil
    let page = try store.records(under: "/k", after: after, limit: limit, at: revisions[wanted]!)
    var expected = try model.records(under: "/k", after: after, limit: limit, at: wanted)
    expected.revision = revisions[wanted]!
    expected.records = expected.records.map { translated($0, revisions) }
    #expect(page == expected, place)

    let start = StoreRevision(
      .random(in: model.compacted.rawValue...model.revision.rawValue, using: &random))
    let wait = start == model.revision ? 0 : 1_000
    let changes = try store.changes(
      under: "/k", after: revisions[start]!, limit: limit, waitingMilliseconds: wait)
    let expectedChanges = try model.changes(under: "/k", after: start, limit: limit)
    // etcd gives what it has at hand: more than was asked for, or less.
    let common = min(changes.events.count, expectedChanges.events.count)
    let all = try model.changes(under: "/k", after: start, limit: .max)
    let translatedEvents = all.events.map { translated($0, revisions) }
    #expect(Array(changes.events) == Array(translatedEvents.prefix(changes.events.count)), place)
    #expect(common > 0 || expectedChanges.events.isEmpty, place)
    let key = Self.key(&random)
    #expect(
      try store.record(for: key) == model.record(for: key).map { translated($0, revisions) }, place)
  }

  private static func key(_ random: inout SeededRandom) -> StoreKey {
    StoreKey("/k\(Int.random(in: 0..<8, using: &random))")!
  }

  /// Some are based on what is, some on what was.
  private static func transaction(
    _ random: inout SeededRandom, _ model: StoreHistory
  ) -> StoreTransaction {
    var transaction = StoreTransaction()
    for _ in 0..<Int.random(in: 0..<3, using: &random) {
      let key = key(&random)
      let now = model.record(for: key)?.changed ?? .zero
      let isLate = Int.random(in: 0..<5, using: &random) == 0
      transaction.require(key, at: isLate ? StoreRevision(max(0, now.rawValue - 1)) : now)
    }
    for _ in 0..<Int.random(in: 1..<4, using: &random) {
      let key = key(&random)
      if Int.random(in: 0..<4, using: &random) == 0 {
        transaction.remove(key)
      } else {
        transaction.put([UInt8.random(in: 0...255, using: &random)], for: key)
      }
    }
    return transaction
  }

  // MARK: The model's revisions as the engine's

  private func translated(
    _ transaction: StoreTransaction, _ revisions: [StoreRevision: StoreRevision]
  ) -> StoreTransaction {
    var result = StoreTransaction()
    for (key, revision) in transaction.conditions {
      result.require(key, at: revision == .zero ? .zero : revisions[revision]!)
    }
    for (key, change) in transaction.changes {
      switch change {
      case .put(let value, let lease): result.put(value, for: key, lease: lease)
      case .remove: result.remove(key)
      }
    }
    return result
  }

  private func translated(
    _ record: StoreRecord, _ revisions: [StoreRevision: StoreRevision]
  ) -> StoreRecord {
    var record = record
    record.created = revisions[record.created]!
    record.changed = revisions[record.changed]!
    return record
  }

  private func translated(
    _ event: StoreEvent, _ revisions: [StoreRevision: StoreRevision]
  ) -> StoreEvent {
    switch event {
    case .put(let record): .put(translated(record, revisions))
    case .removed(let key, let revision): .removed(key, revisions[revision]!)
    }
  }
}
