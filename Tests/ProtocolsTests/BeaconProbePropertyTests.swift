// Beacon probing against a slow plain model: every beacon is written down, and each verdict is worked
// out anew from all that was ever heard.

import Base
import Protocols
import Testing

/// What a probe should say, from a list of what happened. Times in milliseconds, rounds counted from 1.
private struct PlainProbe {
  var misses: Int
  var active: Set<Int> = []
  var heard: [(by: Int, from: Int, round: Int)] = []
  var up: [Int: (time: Int, round: Int)] = [:]
  var round = 1

  func hears(_ by: Int, _ from: Int) -> Bool {
    heard.contains { $0.by == by && $0.from == from && $0.round > round - misses }
  }

  /// The groups of those that hear each other: merged until nothing changes.
  var groups: [Set<Int>] {
    var groups = active.map { Set([$0]) }
    var isChanged = true
    while isChanged {
      isChanged = false
      search: for first in groups.indices {
        for second in groups.indices where first < second {
          let touches = groups[first].contains { one in
            groups[second].contains { hears(one, $0) && hears($0, one) }
          }
          if touches {
            groups[first].formUnion(groups.remove(at: second))
            isChanged = true
            break search
          }
        }
      }
    }
    return groups
  }

  /// The verdict at the end of a round.
  func verdict(now: Int) -> BeaconVerdict {
    let judged = active.filter {
      guard let since = up[$0] else { return false }
      return now - since.time >= misses * 1_000 + 250 && round - since.round >= misses
    }
    let size = groups.map(\.count).max() ?? 0
    let largest = groups.filter { $0.count == size }
    guard size >= 2, largest.count == 1 else {
      return BeaconVerdict(good: mask(active), isShotgun: judged.count >= 2)
    }
    return BeaconVerdict(good: mask(largest[0].union(active.subtracting(judged))))
  }

  private func mask(_ positions: Set<Int>) -> UInt32 {
    positions.reduce(0) { $0 | 1 << UInt32($1) }
  }
}

/// A probe that expectations can look at.
private final class TestProbe {
  private var probe: BeaconProbe

  init(misses: Int, now: Int) {
    probe = BeaconProbe(timing: BeaconTiming(misses: misses), now: Self.time(now))
  }

  static func time(_ milliseconds: Int) -> MonotonicTime {
    MonotonicTime(milliseconds: UInt64(milliseconds))
  }

  var verdict: BeaconVerdict { probe.verdict }
  var active: UInt32 { probe.active }
  func update(_ members: UInt32, _ links: UInt32, _ now: Int) {
    probe.update(members: members, linksUp: links, now: Self.time(now))
  }
  func heard(by: Int, from: Int) { probe.heard(by: by, from: from) }
  func sent(_ now: Int) { probe.sent(now: Self.time(now)) }
  func tick(_ now: Int) { _ = probe.tick(now: Self.time(now)) }
}

@Suite struct BeaconProbePropertyTests {
  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func agreesWithAPlainModel(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let count = Int.random(in: 2...8, using: &random)
    let misses = Int.random(in: 1...4, using: &random)
    let probe = TestProbe(misses: misses, now: 0)
    var plain = PlainProbe(misses: misses)
    var cut: Set<Int> = []
    for second in 0..<400 {
      let now = second * 1_000
      if second == 0 || Int.random(in: 0..<12, using: &random) == 0 {
        let links = UInt32.random(in: 0..<1 << UInt32(count), using: &random)
        change(&plain, links, now)
        probe.update(1 << UInt32(count) - 1, links, now)
        #expect(probe.verdict == plain.verdict(now: now), "seed \(seed), second \(second), links")
      }
      if Int.random(in: 0..<6, using: &random) == 0 {
        cut = Bool.random(using: &random) ? [] : randomCut(count, &random)
      }
      // Now and then the worker stands still and sends nothing.
      if Int.random(in: 0..<20, using: &random) == 0 { continue }
      probe.sent(now)
      plain.round += 1
      for from in plain.active {
        for by in plain.active where by != from && !cut.contains(from * 32 + by) {
          if Int.random(in: 0..<20, using: &random) == 0 { continue }
          plain.heard.append((by, from, plain.round))
          let before = probe.verdict
          probe.heard(by: by, from: from)
          let isBetter = probe.verdict.good & before.good == before.good
          #expect(isBetter && probe.verdict.isShotgun == before.isShotgun, "seed \(seed)")
        }
      }
      probe.tick(now + 250)
      #expect(probe.verdict == plain.verdict(now: now + 250), "seed \(seed), second \(second)")
      #expect(probe.verdict.good & ~probe.active == 0, "seed \(seed), second \(second)")
      #expect((probe.verdict.good == 0) == (probe.active == 0), "seed \(seed), second \(second)")
    }
  }

  private func change(_ plain: inout PlainProbe, _ links: UInt32, _ now: Int) {
    let active = Set((0..<32).filter { links & 1 << UInt32($0) != 0 })
    for position in active.subtracting(plain.active) {
      plain.up[position] = (now, plain.round)
      plain.heard.removeAll { $0.by == position || $0.from == position }
    }
    plain.active = active
  }

  private func randomCut(_ count: Int, _ random: inout SeededRandom) -> Set<Int> {
    let groupOf = (0..<count).map { _ in Int.random(in: 0..<3, using: &random) }
    var cut: Set<Int> = []
    for from in 0..<count {
      for by in 0..<count {
        let isSplit = groupOf[from] != groupOf[by]
        if isSplit || Int.random(in: 0..<8, using: &random) == 0 { cut.insert(from * 32 + by) }
      }
    }
    return cut
  }
}
