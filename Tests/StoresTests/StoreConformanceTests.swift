// What every engine promises.

import Base
import Linux
import Stores
import Testing

@Suite("Stores", .serialized) struct StoreConformanceTests {
  @Test func etcdIsThere() throws {
    try #require(EtcdNode.isInstalled, "SKIPPED etcd: install etcd-server (scripts/install-deps)")
  }

  private func put(_ store: any Store, _ key: StoreKey, _ text: String) throws -> StoreRevision {
    var transaction = StoreTransaction()
    transaction.put(Array(text.utf8), for: key)
    guard case .committed(let revision) = try store.commit(transaction) else {
      throw Failure("cannot put \(key)", why: "conflict", remedy: "look at the engine")
    }
    return revision
  }

  @Test(arguments: StoreEngine.available)
  func whatWasPutIsThere(_ engine: StoreEngine) throws {
    let store = try FreshStore(engine).store
    #expect(try store.record(for: "/a") == nil)
    let first = try put(store, "/a", "one")
    let second = try put(store, "/a", "two")
    #expect(first < second)
    let expected = StoreRecord(
      key: "/a", value: Array("two".utf8), created: first, changed: second, version: 2)
    #expect(try store.record(for: "/a") == expected)
  }

  @Test(arguments: StoreEngine.available)
  func anEmptyValueIsAValue(_ engine: StoreEngine) throws {
    let store = try FreshStore(engine).store
    _ = try put(store, "/empty", "")
    #expect(try store.record(for: "/empty")?.value == [])
  }

  @Test(arguments: StoreEngine.available)
  func whoIsBehindIsRefusedAndTold(_ engine: StoreEngine) throws {
    let store = try FreshStore(engine).store
    let first = try put(store, "/a", "one")
    let second = try put(store, "/a", "two")
    var late = StoreTransaction()
    late.require("/a", at: first)
    late.require("/b", at: .zero)
    late.put([3], for: "/a")
    late.put([3], for: "/b")
    #expect(try store.commit(late) == .conflict(["/a": second]))
    #expect(try store.record(for: "/b") == nil)
    var next = StoreTransaction()
    next.require("/a", at: second)
    next.put([4], for: "/a")
    guard case .committed(let third) = try store.commit(next) else {
      Issue.record("based on the newest")
      return
    }
    var twice = StoreTransaction()
    twice.require("/a", at: .zero)
    twice.put([5], for: "/a")
    #expect(try store.commit(twice) == .conflict(["/a": third]))
  }

  @Test(arguments: StoreEngine.available)
  func aTransactionIsOneRevision(_ engine: StoreEngine) throws {
    let store = try FreshStore(engine).store
    let before = try put(store, "/b", "gone")
    var transaction = StoreTransaction()
    transaction.put([1], for: "/c")
    transaction.put([1], for: "/a")
    transaction.remove("/b")
    transaction.remove("/never")
    guard case .committed(let revision) = try store.commit(transaction) else {
      Issue.record("no conditions")
      return
    }
    let changes = try store.changes(
      under: "/", after: before, limit: 100, waitingMilliseconds: 2_000)
    #expect(changes.events.map(\.key) == ["/a", "/b", "/c"])
    #expect(changes.events.allSatisfy { $0.revision == revision })
    #expect(changes.revision == revision)
    var nothing = StoreTransaction()
    nothing.remove("/never")
    #expect(try store.commit(nothing) == .committed(revision))
  }

  @Test(arguments: StoreEngine.available)
  func aPrefixIsListedInPagesOfOneRevision(_ engine: StoreEngine) throws {
    let store = try FreshStore(engine).store
    for number in 10..<35 { _ = try put(store, StoreKey("/n/\(number)")!, "\(number)") }
    _ = try put(store, "/m", "before")
    _ = try put(store, "/n0", "behind")
    let first = try store.records(under: "/n/", after: nil, limit: 10, at: nil)
    #expect(first.records.count == 10 && first.hasMore)
    _ = try put(store, "/n/99", "late")
    let second = try store.records(
      under: "/n/", after: first.records.last?.key, limit: 100, at: first.revision)
    #expect(second.records.count == 15 && !second.hasMore)
    #expect(second.records.last?.key == "/n/34")
    #expect(try store.allRecords(under: "/n/").records.count == 26)
  }

  @Test(arguments: StoreEngine.available)
  func changesAreWaitedFor(_ engine: StoreEngine) throws {
    let store = try FreshStore(engine).store
    let revision = try put(store, "/a", "one")
    let none = try store.changes(
      under: "/", after: revision, limit: 10, waitingMilliseconds: 50)
    #expect(none.events.isEmpty && none.revision == revision)
    let writer = try Thread(named: "writer", owning: ()) { _ in
      // Whether the other waits already makes no difference to what it gets.
      var transaction = StoreTransaction()
      transaction.put([2], for: "/a")
      _ = try? store.commit(transaction)
    }
    let changes = try store.changes(
      under: "/", after: revision, limit: 10, waitingMilliseconds: 10_000)
    writer.join()
    #expect(changes.events.map(\.key) == ["/a"])
  }

  @Test(arguments: StoreEngine.available)
  func whatIsCompactedIsRefused(_ engine: StoreEngine) throws {
    let store = try FreshStore(engine).store
    let first = try put(store, "/a", "one")
    _ = try put(store, "/b", "stays")
    _ = try put(store, "/a", "two")
    let last = try put(store, "/a", "three")
    try store.compact(to: last)
    #expect(throws: (any Error).self) {
      try store.records(under: "/", after: nil, limit: 10, at: first)
    }
    do throws(StoreError) {
      _ = try store.changes(under: "/", after: first, limit: 10, waitingMilliseconds: 50)
      Issue.record("it was compacted")
    } catch {
      guard case .compacted(let oldest) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(oldest >= last)
    }
    #expect(try store.records(under: "/", after: nil, limit: 10, at: last).records.count == 2)
  }

  @Test(arguments: StoreEngine.available)
  func aLeaseThatIsNotKeptUpTakesItsRecords(_ engine: StoreEngine) throws {
    let store = try FreshStore(engine).store
    let lease = try store.grantLease(seconds: 2)
    let other = try store.grantLease(seconds: 60)
    var transaction = StoreTransaction()
    transaction.put([1], for: "/short", lease: lease)
    transaction.put([1], for: "/long", lease: other)
    transaction.put([1], for: "/ever")
    guard case .committed(let revision) = try store.commit(transaction) else {
      Issue.record("no conditions")
      return
    }
    #expect(try store.keepAlive(lease))
    #expect(try store.record(for: "/short")?.lease == lease)
    let changes = try store.changes(
      under: "/", after: revision, limit: 10, waitingMilliseconds: 20_000)
    #expect(changes.events.map(\.key) == ["/short"])
    #expect(try store.keepAlive(lease) == false)
    try store.revoke(other)
    #expect(try store.record(for: "/long") == nil)
    #expect(try store.record(for: "/ever") != nil)
    var late = StoreTransaction()
    late.put([2], for: "/late", lease: lease)
    #expect(throws: StoreError.self) { try store.commit(late) }
  }

  @Test(arguments: StoreEngine.available)
  func whatIsOverABoundIsRefused(_ engine: StoreEngine) throws {
    let store = try FreshStore(engine).store
    var large = StoreTransaction()
    large.put([UInt8](repeating: 7, count: StoreLimits.valueBytes + 1), for: "/a")
    #expect(throws: StoreError.self) { try store.commit(large) }
    var many = StoreTransaction()
    for number in 0...StoreLimits.operations { many.put([], for: StoreKey("/\(number)")!) }
    #expect(throws: StoreError.self) { try store.commit(many) }
    var most = StoreTransaction()
    most.put([UInt8](repeating: 7, count: StoreLimits.valueBytes), for: "/a")
    for number in 1..<StoreLimits.operations { most.put([1], for: StoreKey("/\(number)")!) }
    guard case .committed = try store.commit(most) else {
      Issue.record("at the bounds")
      return
    }
    #expect(try store.record(for: "/a")?.value.count == StoreLimits.valueBytes)
  }
}
