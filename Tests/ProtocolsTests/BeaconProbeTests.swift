// Beacon probing on a clock that the test turns: a network of uplinks whose paths are cut and mended.

import Base
import Protocols
import Testing

/// A probe, and the paths between its uplinks; runs in steps of ten milliseconds.
private final class TestTeam {
  private var probe: BeaconProbe
  private(set) var now: UInt64
  /// Paths that let nothing through, as `from * 32 + by`.
  var cut: Set<Int> = []
  private(set) var deadline = MonotonicTime.zero
  private(set) var lastRound: UInt64?
  /// The verdict after every step.
  private(set) var log: [(milliseconds: UInt64, verdict: BeaconVerdict)] = []

  init(members: UInt32, misses: Int = 3, start: UInt64 = 5_000) {
    now = start
    probe = BeaconProbe(
      timing: BeaconTiming(misses: misses), now: MonotonicTime(milliseconds: start))
    update(members, members)
    log = [(start, probe.verdict)]
  }

  var verdict: BeaconVerdict { probe.verdict }
  func hears(by: Int, from: Int) -> Bool { probe.hears(by: by, from: from) }
  func update(_ members: UInt32, _ links: UInt32) {
    probe.update(members: members, linksUp: links, now: MonotonicTime(milliseconds: now))
  }

  func cutOff(_ position: Int) {
    for other in 0..<32 { cut.formUnion([position * 32 + other, other * 32 + position]) }
  }

  /// Keeps only the paths inside each of the groups.
  func split(_ groups: [[Int]]) {
    for from in groups.joined() {
      for by in groups.joined()
      where !groups.contains(where: { $0.contains(from) && $0.contains(by) }) {
        cut.insert(from * 32 + by)
      }
    }
  }

  func round() {
    for from in 0..<32 where probe.active & 1 << from != 0 {
      for by in 0..<32 where by != from && !cut.contains(from * 32 + by) {
        probe.heard(by: by, from: from)
      }
    }
  }

  func step(_ milliseconds: UInt64 = 10) {
    now += milliseconds
    let time = MonotonicTime(milliseconds: now)
    if probe.isBeaconDue(now: time) {
      probe.sent(now: time)
      round()
      lastRound = now
    }
    deadline = probe.tick(now: time)
    log.append((now, probe.verdict))
  }

  func run(seconds: Double) {
    let end = now + UInt64(seconds * 1_000)
    while now < end { step() }
  }

  /// The first moment from `start` at which the verdict is this one.
  func first(from start: UInt64, _ verdict: BeaconVerdict) -> UInt64? {
    log.first { $0.milliseconds >= start && $0.verdict == verdict }?.milliseconds
  }
}

@Suite struct BeaconProbeTests {
  @Test(arguments: [0, 300, 700, 990] as [UInt64])
  func anUplinkThatDiesUpstreamIsFoundInTime(phase: UInt64) throws {
    let team = TestTeam(members: 0b111)
    team.run(seconds: 10)
    #expect(team.verdict == BeaconVerdict(good: 0b111))
    team.run(seconds: Double(phase) / 1_000)
    let lastHeard = try #require(team.lastRound)
    team.cutOff(1)
    team.run(seconds: 5)
    let found = try #require(team.first(from: lastHeard, BeaconVerdict(good: 0b101)))
    #expect(found >= lastHeard + 3_000 && found <= lastHeard + 3_500)
    #expect(team.verdict == BeaconVerdict(good: 0b101))
  }

  @Test func oneDirectionIsEnoughToBreakAPair() {
    let team = TestTeam(members: 0b111)
    team.run(seconds: 10)
    team.cut = [1 * 32 + 0, 1 * 32 + 2]
    team.run(seconds: 5)
    #expect(team.verdict == BeaconVerdict(good: 0b101))
    #expect(team.hears(by: 1, from: 0) && !team.hears(by: 0, from: 1))
  }

  @Test func twoThatDoNotHearEachOtherAreAShotgun() {
    let team = TestTeam(members: 0b11)
    team.run(seconds: 10)
    team.cutOff(0)
    team.run(seconds: 4)
    #expect(team.verdict == BeaconVerdict(good: 0b11, isShotgun: true))
    team.cut = []
    team.run(seconds: 2)
    #expect(team.verdict == BeaconVerdict(good: 0b11))
  }

  @Test func totalSilenceAndATieAreAShotgun() {
    let team = TestTeam(members: 0b1111)
    team.run(seconds: 10)
    team.split([[0, 1], [2, 3]])
    team.run(seconds: 4)
    #expect(team.verdict == BeaconVerdict(good: 0b1111, isShotgun: true))
    team.split([[0], [1], [2], [3]])
    team.run(seconds: 4)
    #expect(team.verdict == BeaconVerdict(good: 0b1111, isShotgun: true))
  }

  @Test func theLargestGroupIsGood() {
    let team = TestTeam(members: 0b1_1111)
    team.run(seconds: 10)
    team.split([[0, 1], [2, 3, 4]])
    team.run(seconds: 4)
    #expect(team.verdict == BeaconVerdict(good: 0b1_1100))
  }

  /// 0 - 1 - 2 in a row: 0 and 2 hear each other only through 1.
  @Test func aGroupMayBeAChain() {
    let team = TestTeam(members: 0b1111)
    team.run(seconds: 10)
    team.split([[0, 1], [1, 2], [3]])
    team.run(seconds: 4)
    #expect(team.verdict == BeaconVerdict(good: 0b0111))
  }

  @Test func recoveryCountsWithTheFirstBeaconHeardBothWays() throws {
    let team = TestTeam(members: 0b111)
    team.run(seconds: 10)
    team.cutOff(1)
    team.run(seconds: 5)
    let mended = team.now
    team.cut = []
    team.run(seconds: 2)
    let good = try #require(team.first(from: mended, BeaconVerdict(good: 0b111)))
    #expect(good == team.log.first { $0.milliseconds > mended && $0.verdict.good == 0b111 }?.0)
    #expect(good <= mended + 1_010)
  }

  @Test func twoMissesAreForgiven() {
    let team = TestTeam(members: 0b111)
    team.run(seconds: 10.1)
    team.cutOff(1)
    team.run(seconds: 2)
    team.cut = []
    team.run(seconds: 2)
    team.cutOff(2)
    team.run(seconds: 2)
    #expect(team.log.allSatisfy { $0.verdict == BeaconVerdict(good: 0b111) })
  }

  @Test func atTheStartEveryoneIsGoodForADetectionTime() throws {
    let team = TestTeam(members: 0b111)
    team.cutOff(2)
    let start = team.now
    team.run(seconds: 6)
    let found = try #require(team.first(from: start, BeaconVerdict(good: 0b011)))
    #expect(found >= start + 3_000 && found <= start + 4_000)
    #expect(
      team.log.allSatisfy {
        $0.milliseconds >= found || $0.verdict == BeaconVerdict(good: 0b111)
      })
  }

  @Test func aNewLinkIsNotJudgedForADetectionTime() throws {
    let team = TestTeam(members: 0b111)
    team.run(seconds: 10)
    team.update(0b111, 0b011)
    #expect(team.verdict == BeaconVerdict(good: 0b011), "without a link it is none of ours")
    team.run(seconds: 5.5)
    team.cutOff(2)
    team.update(0b111, 0b111)
    let up = team.now
    team.run(seconds: 6)
    let found = try #require(team.first(from: up + 10, BeaconVerdict(good: 0b011)))
    #expect(found >= up + 3_000 && found <= up + 4_500)
    #expect(
      team.log.allSatisfy {
        $0.milliseconds <= up || $0.milliseconds >= found
          || $0.verdict == BeaconVerdict(good: 0b111)
      })
  }

  @Test func theLastGoodUplinkGoesAndTheOthersAreUsedAgain() {
    let team = TestTeam(members: 0b111)
    team.run(seconds: 10)
    team.cutOff(2)
    team.run(seconds: 5)
    team.update(0b111, 0b100)
    #expect(team.verdict == BeaconVerdict(good: 0b100), "alone, and the only way out")
    team.update(0b111, 0)
    #expect(team.verdict == BeaconVerdict(good: 0))
    team.step()
    #expect(team.deadline == .never)
  }

  /// A worker that stood still sent nothing: silence proves nothing.
  @Test func aStandstillOfOurOwnIsNotTheNetworks() {
    let team = TestTeam(members: 0b111)
    team.run(seconds: 10)
    team.step(60_000)
    team.run(seconds: 10)
    #expect(team.log.allSatisfy { $0.verdict == BeaconVerdict(good: 0b111) })
  }

  @Test func theDeadlineIsTheNextRoundOrItsJudgement() {
    let team = TestTeam(members: 0b11, start: 5_000)
    team.step()
    #expect(team.deadline == MonotonicTime(milliseconds: 5_260), "a quarter after the round")
    team.run(seconds: 0.25)
    #expect(team.deadline == MonotonicTime(milliseconds: 6_000), "the rounds keep their pace")
  }
}
