// When the worker looks again and when it sleeps, on a clock that the test turns.

import Base
import HostAgent
import Testing

@Suite("Polling") struct PollTests {
  /// A worker that goes round: each round takes a microsecond, and frames come when the test says.
  private struct Rounds {
    var policy: PollPolicy
    var now = MonotonicTime(seconds: 100)
    private(set) var roundsAwake = 0
    private(set) var spunNanoseconds: UInt64 = 0
    private(set) var wakeups = 0

    init(_ mode: PollMode) { policy = PollPolicy(mode) }

    /// Frames after `gap`: looks or sleeps until they come, then moves them.
    mutating func frames(afterNanoseconds gap: UInt64) {
      let arrival = now.advanced(byNanoseconds: gap)
      var looks = policy.looksAgain(hasMoved: true, now: now)
      while looks && now < arrival {
        now = now.advanced(byNanoseconds: 1_000)
        spunNanoseconds += 1_000
        if now < arrival { looks = policy.looksAgain(hasMoved: false, now: now) }
      }
      if !looks { wakeups += 1 }
      now = max(now, arrival)
    }
  }

  @Test func whoSleepsNeverSpins() {
    var rounds = Rounds(.sleep)
    for _ in 0..<1_000 { rounds.frames(afterNanoseconds: 2_000) }
    #expect(rounds.spunNanoseconds == 0 && rounds.wakeups == 1_000)
  }

  @Test func whoIsBusyNeverSleeps() {
    var rounds = Rounds(.busy)
    for _ in 0..<100 { rounds.frames(afterNanoseconds: 10_000_000) }
    #expect(rounds.wakeups == 0)
  }

  @Test(arguments: [UInt64(2_000), 10_000, 25_000, 40_000, 90_000])
  func framesThatFollowSoonAreWaitedFor(_ gap: UInt64) {
    var rounds = Rounds(.adaptive)
    for _ in 0..<20 { rounds.frames(afterNanoseconds: gap) }
    let before = rounds.wakeups
    for _ in 0..<1_000 { rounds.frames(afterNanoseconds: gap) }
    #expect(rounds.wakeups == before)
  }

  @Test func spinningIsNoLongerThanTheGapsAskFor() {
    var rounds = Rounds(.adaptive)
    for _ in 0..<1_000 { rounds.frames(afterNanoseconds: 40_000) }
    for _ in 0..<1_000 { rounds.frames(afterNanoseconds: 4_000) }
    #expect(rounds.policy.spinNanoseconds <= 10_000)
  }

  @Test(arguments: [UInt64(210_000), 500_000, 1_000_000, 100_000_000])
  func framesThatComeSeldomAreSleptFor(_ gap: UInt64) {
    var rounds = Rounds(.adaptive)
    for _ in 0..<100 { rounds.frames(afterNanoseconds: 10_000) }
    for _ in 0..<10 { rounds.frames(afterNanoseconds: gap) }
    let before = rounds.spunNanoseconds
    for _ in 0..<1_000 { rounds.frames(afterNanoseconds: gap) }
    #expect(rounds.spunNanoseconds == before)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func whatIsSpunInVainHasABound(_ seed: UInt64) {
    // Short gaps teach it to spin, long ones make that vain: the worst that traffic can do.
    var random = SeededRandom(seed: seed)
    var rounds = Rounds(.adaptive)
    let start = rounds.now
    var useful: UInt64 = 0
    for _ in 0..<20_000 {
      let gap: UInt64 =
        .random(in: 0..<4, using: &random) > 0
        ? .random(in: 5_000...30_000, using: &random)
        : .random(in: 210_000...3_000_000, using: &random)
      if gap < PollPolicy.spinLimitNanoseconds { useful += gap + 1_000 }
      rounds.frames(afterNanoseconds: gap)
    }
    let elapsed = rounds.now.nanoseconds(since: start)
    let bound =
      2 * useful + elapsed >> PollPolicy.allowanceShift + PollPolicy.allowanceLimitNanoseconds
      + PollPolicy.spinLimitNanoseconds
    #expect(rounds.spunNanoseconds <= bound, "seed \(seed)")
  }

  @Test func anAllowanceThatIsSpentComesBack() {
    var rounds = Rounds(.adaptive)
    for _ in 0..<2_000 {
      for _ in 0..<3 { rounds.frames(afterNanoseconds: 20_000) }
      rounds.frames(afterNanoseconds: 300_000)
    }
    rounds.frames(afterNanoseconds: 1_000_000_000)
    for _ in 0..<20 { rounds.frames(afterNanoseconds: 20_000) }
    let before = rounds.wakeups
    for _ in 0..<100 { rounds.frames(afterNanoseconds: 20_000) }
    #expect(rounds.wakeups == before)
  }

  @Test func aProcessorThatOthersNeedIsNotSpunOn() {
    var rounds = Rounds(.adaptive)
    for _ in 0..<100 { rounds.frames(afterNanoseconds: 10_000) }
    rounds.policy.hasYielded(
      forNanoseconds: PollPolicy.contendedNanoseconds + 1, now: rounds.now)
    let spun = rounds.spunNanoseconds
    for _ in 0..<100 { rounds.frames(afterNanoseconds: 10_000) }
    #expect(rounds.spunNanoseconds == spun)
    rounds.now = rounds.now.advanced(byNanoseconds: PollPolicy.pauseFirstNanoseconds)
    for _ in 0..<100 { rounds.frames(afterNanoseconds: 10_000) }
    #expect(rounds.spunNanoseconds > spun)
  }

  /// Two guests that answer each other: frames come 60 us apart while the worker sleeps, wake-ups included, and
  /// 20 us apart while it looks.
  @Test func guestsThatAnswerEachOtherAreFoundOut() {
    var rounds = Rounds(.adaptive)
    var wasAwake = false
    for _ in 0..<1_000 {
      let before = rounds.wakeups
      rounds.frames(afterNanoseconds: wasAwake ? 20_000 : 60_000)
      wasAwake = rounds.wakeups == before
    }
    let before = rounds.wakeups
    for _ in 0..<1_000 { rounds.frames(afterNanoseconds: 20_000) }
    #expect(rounds.wakeups == before)
  }

  /// One frame in ten comes too late for the spin: what the nine were worth pays for that.
  @Test func spinsThatSucceedPayForThoseThatDoNot() {
    var rounds = Rounds(.adaptive)
    for _ in 0..<2_000 {
      for _ in 0..<9 { rounds.frames(afterNanoseconds: 30_000) }
      rounds.frames(afterNanoseconds: 400_000)
    }
    #expect(rounds.wakeups < 3 * 2_000)
  }

  @Test func whoKeepsNeedingTheProcessorIsLeftAloneForLonger() {
    var rounds = Rounds(.adaptive)
    var pauses: [UInt64] = []
    for _ in 0..<8 {
      for _ in 0..<20 { rounds.frames(afterNanoseconds: 10_000) }
      let start = rounds.now
      rounds.policy.hasYielded(
        forNanoseconds: PollPolicy.contendedNanoseconds + 1, now: rounds.now)
      let spun = rounds.spunNanoseconds
      while rounds.spunNanoseconds == spun { rounds.frames(afterNanoseconds: 10_000) }
      pauses.append(rounds.now.nanoseconds(since: start))
    }
    for (shorter, longer) in zip(pauses, pauses.dropFirst()) {
      #expect(longer >= shorter / 10 * 9)
    }
    #expect(pauses[0] < 2 * PollPolicy.pauseFirstNanoseconds)
    #expect(pauses[7] >= PollPolicy.pauseLimitNanoseconds)
    #expect(pauses[7] < 2 * PollPolicy.pauseLimitNanoseconds)
  }

  @Test func aShortYieldChangesNothing() {
    var rounds = Rounds(.adaptive)
    for _ in 0..<100 { rounds.frames(afterNanoseconds: 10_000) }
    rounds.policy.hasYielded(forNanoseconds: 5_000, now: rounds.now)
    let before = rounds.wakeups
    for _ in 0..<100 { rounds.frames(afterNanoseconds: 10_000) }
    #expect(rounds.wakeups == before)
  }
}
