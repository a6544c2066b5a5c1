// The flow table: what it says is what was put in, in that generation alone, and what a flood can do.

import Base
import Tables
import Testing
import Wire

/// A flow table that expectations can call.
private final class TestFlows {
  private var table: FlowTable

  init(capacity: Int, seed: UInt64) { table = FlowTable(capacity: capacity, seed: seed) }

  var hits: UInt64 { table.hits }
  var misses: UInt64 { table.misses }

  func lookup(_ key: FlowKey, _ generation: UInt32 = 1) -> FilterVerdict? {
    table.lookup(key, generation: generation)
  }
  func insert(_ key: FlowKey, _ verdict: FilterVerdict, _ generation: UInt32 = 1) {
    table.insert(key, generation: generation, verdict: verdict)
  }
}

private func flow(_ number: Int) -> FlowKey {
  var key = FlowKey()
  key.source = IPv6Address(high: 0xFD00 << 48, low: UInt64(number))
  key.protocol = .udp
  return key
}

private func verdict(_ number: Int) -> FilterVerdict { FilterVerdict(.drop, rule: number) }

@Suite struct FlowTableTests {
  @Test func keysAndEntriesHaveTheirSizes() {
    #expect(MemoryLayout<FlowKey>.size == 56 && MemoryLayout<FlowKey>.stride == 56)
    #expect(FlowTable.entryBytes == 64 && FlowTable.memoryBytes(capacity: 65_536) == 4_325_376)
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func itNeverSaysWhatWasNotPutIn(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let table = TestFlows(capacity: 64, seed: seed)
    var generation: UInt32 = 1
    var known: [Int: FilterVerdict] = [:]
    var found = 0
    for step in 0..<20_000 {
      let number = Int.random(in: 0..<90, using: &random)
      if let answer = table.lookup(flow(number), generation) {
        found += 1
        #expect(answer == known[number], "seed \(seed), step \(step)")
      } else {
        known[number] = verdict(step)
        table.insert(flow(number), verdict(step), generation)
        #expect(table.lookup(flow(number), generation) == verdict(step), "seed \(seed)")
      }
      if step % 1_000 == 999 {
        generation += 1
        known = [:]
      }
    }
    #expect(found > 2_000, "seed \(seed)")
    #expect(table.hits > table.misses)
  }

  @Test func anotherGenerationKnowsNothing() {
    let table = TestFlows(capacity: 8, seed: 1)
    table.insert(flow(1), verdict(1), 7)
    #expect(table.lookup(flow(1), 7) == verdict(1))
    #expect(table.lookup(flow(1), 8) == nil && table.lookup(flow(1), 6) == nil)
    #expect(table.lookup(FlowKey(), 0) == nil, "an empty place is no flow")
    table.insert(flow(1), verdict(2), 8)
    #expect(table.lookup(flow(1), 8) == verdict(2))
    #expect(table.hits == 2 && table.misses == 3)
  }

  /// Every flow that was hit once more before the flood is still there after it.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func aFloodOfNewFlowsEvictsNoEstablishedOne(seed: UInt64) {
    let table = TestFlows(capacity: 1_024, seed: seed)
    for number in 0..<300 { table.insert(flow(number), verdict(number)) }
    for number in 0..<300 where table.lookup(flow(number)) == nil {
      table.insert(flow(number), verdict(number))
    }
    for _ in 0..<3 { for number in 0..<300 { _ = table.lookup(flow(number)) } }
    let established = (0..<300).filter { table.lookup(flow($0)) != nil }
    for number in 1_000..<100_000 where table.lookup(flow(number)) == nil {
      table.insert(flow(number), verdict(number))
    }
    let left = established.filter { table.lookup(flow($0)) == verdict($0) }
    // Of a set with four of them, the one on probation goes.
    #expect(established.count > 280 && left.count >= established.count * 95 / 100, "seed \(seed)")
  }

  /// A flow takes the place of an idle one on its second hit, and not that of one in use.
  @Test func onlyIdleFlowsGiveWay() {
    let table = TestFlows(capacity: 8, seed: 5)
    // Two sets of four; far more flows than places, one of them hit between any two others.
    table.insert(flow(0), verdict(0))
    for number in 1..<5_000 {
      #expect(table.lookup(flow(0)) == verdict(0), "after \(number) others")
      if table.lookup(flow(number)) == nil { table.insert(flow(number), verdict(number)) }
      _ = table.lookup(flow(number))
    }
    for number in 1..<200 {
      for _ in 0..<2 {
        if table.lookup(flow(number)) == nil { table.insert(flow(number), verdict(number)) }
      }
    }
    for _ in 0..<3 {
      for number in 9_000..<9_006 {
        for _ in 0..<4 where table.lookup(flow(number)) == nil {
          table.insert(flow(number), verdict(number))
        }
      }
    }
    #expect(table.lookup(flow(0)) == nil, "idle, and evicted by flows in use")
  }

  @Test(arguments: Array(1...10) as [UInt64])
  func withAFlowTableTheVerdictsAreTheSame(seed: UInt64) {
    var world = FilterWorld(seed: seed)
    var table = FlowTable(capacity: 64, seed: seed)
    var hits = 0
    for generation in 1...4 as ClosedRange<UInt32> {
      let rules = (0..<20).map { _ in world.rule() }
      let set = RuleSet(rules, seed: seed)
      for _ in 0..<1_000 {
        let frame = world.frame()
        let key = frame.key.masked(by: set.fieldMask)
        let known = table.lookup(key, generation: generation)
        if known != nil { hits += 1 }
        let answer = known ?? set.match(key)
        if known == nil { table.insert(key, generation: generation, verdict: answer) }
        #expect(answer.rule == plainMatch(rules, frame), "seed \(seed), \(frame)")
      }
    }
    #expect(hits > 0, "seed \(seed)")
  }
}
