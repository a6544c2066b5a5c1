// A cluster of three whose members are killed and stopped while it is written to.

import Base
import Linux
import Stores
import Testing

@Suite("etcd that fails", .serialized, .enabled(if: EtcdNode.isInstalled))
struct EtcdFailureTests {
  /// Each write adds one to a number, based on what was read. So a write that is lost, or made twice, shows.
  @Test func noAcceptedWriteIsLostOrMadeTwice() throws {
    let cluster = try EtcdCluster(members: 3)
    let store = cluster.store(timeoutMilliseconds: 1_000)
    var random = SeededRandom(seed: 4_711)
    var accepted = 0
    var uncertain = 0
    let end = MonotonicClock.now().advanced(byNanoseconds: 90_000_000_000)
    while accepted < 1_000, MonotonicClock.now() < end {
      switch accepted {
      case 200: cluster.nodes[Int.random(in: 0..<3, using: &random)].pause()
      case 400: for node in cluster.nodes { node.resume() }
      case 600: cluster.nodes[0].kill()
      case 800: try cluster.nodes[0].start()
      default: break
      }
      do throws(StoreError) {
        let before = try store.record(for: "/number")
        var transaction = StoreTransaction()
        transaction.require("/number", at: before?.changed ?? .zero)
        let next = (before.flatMap { Int(String(decoding: $0.value, as: UTF8.self)) } ?? 0) + 1
        transaction.put(Array("\(next)".utf8), for: "/number")
        transaction.put([], for: StoreKey("/written/\(next)")!)
        if case .committed = try store.commit(transaction) { accepted += 1 }
      } catch {
        if case .uncertain = error { uncertain += 1 }
      }
    }
    #expect(accepted == 1_000)
    let written = try store.allRecords(under: "/written/").records
    let last = try #require(try store.record(for: "/number"))
    #expect(String(decoding: last.value, as: UTF8.self) == "\(written.count)")
    // Of the uncertain ones some have happened; nothing else has.
    #expect(accepted...(accepted + uncertain) ~= written.count)
    #expect(written.allSatisfy { $0.version == 1 })
  }

  @Test func noMajorityIsSaid() throws {
    let cluster = try EtcdCluster(members: 3)
    let store = cluster.store(timeoutMilliseconds: 1_000)
    cluster.nodes[1].kill()
    cluster.nodes[2].kill()
    var transaction = StoreTransaction()
    transaction.put([1], for: "/a")
    #expect(throws: StoreError.self) { try store.commit(transaction) }
    try cluster.nodes[1].start()
    let works = MonotonicClock.wait(atMostNanoseconds: 20_000_000_000) {
      (try? store.commit(transaction)) != nil
    }
    #expect(works)
  }
}
