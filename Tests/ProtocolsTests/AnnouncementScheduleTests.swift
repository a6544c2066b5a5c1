// The rounds of an announcement and their pace, on a clock that the test turns.

import Base
import Protocols
import Testing

/// A schedule that expectations can look at: the macros copy what they are given.
private final class TestSchedule {
  private var schedule: AnnouncementSchedule

  init(portCapacity: Int) { schedule = AnnouncementSchedule(portCapacity: portCapacity) }

  var count: Int { schedule.count }
  func schedule(_ port: Int, now: MonotonicTime) { schedule.schedule(port, now: now) }
  func cancel(_ port: Int) { schedule.cancel(port) }
  var deadline: MonotonicTime { schedule.deadline }

  /// Lets ports have their turns at a moment; each round of a port has as many frames as it is told.
  func announce(
    _ now: MonotonicTime, frames: (Int) -> Int = { _ in 1 }
  ) -> [(port: Int, frames: Int, isComplete: Bool)] {
    var turns: [(port: Int, frames: Int, isComplete: Bool)] = []
    while let port = schedule.next(now: now) {
      let left = self.left[port] ?? frames(port)
      let sent = min(left, schedule.allowance)
      self.left[port] = sent == left ? nil : left - sent
      schedule.sent(sent, for: port, isComplete: sent == left)
      turns.append((port, sent, sent == left))
    }
    return turns
  }

  /// Frames that a port has left in its round.
  private var left: [Int: Int] = [:]

  /// Every round's end, millisecond by millisecond.
  func run(from start: UInt64, to end: UInt64, frames: (Int) -> Int = { _ in 1 })
    -> [(milliseconds: UInt64, port: Int)]
  {
    var log: [(UInt64, Int)] = []
    for millisecond in start...end {
      let turns = announce(MonotonicTime(milliseconds: millisecond), frames: frames)
      sent[millisecond] = turns.reduce(0) { $0 + $1.frames }
      log += turns.filter(\.isComplete).map { (millisecond, $0.port) }
    }
    return log
  }

  /// Frames sent in each millisecond of `run`.
  private(set) var sent: [UInt64: Int] = [:]
}

@Suite struct AnnouncementScheduleTests {
  @Test func aPortIsAnnouncedInFiveRounds() {
    let schedule = TestSchedule(portCapacity: 8)
    schedule.schedule(3, now: MonotonicTime(milliseconds: 1_000))
    let log = schedule.run(from: 1_000, to: 3_000)
    #expect(log.map(\.milliseconds) == [1_000, 1_050, 1_200, 1_450, 1_800])
    #expect(log.allSatisfy { $0.port == 3 })
    #expect(schedule.count == 0)
    #expect(schedule.deadline == .never)
  }

  @Test func anotherChangeStartsTheRoundsAnew() {
    let schedule = TestSchedule(portCapacity: 8)
    schedule.schedule(3, now: MonotonicTime(milliseconds: 1_000))
    _ = schedule.run(from: 1_000, to: 1_100)
    schedule.schedule(3, now: MonotonicTime(milliseconds: 1_100))
    let log = schedule.run(from: 1_100, to: 3_000)
    #expect(log.map(\.milliseconds) == [1_100, 1_150, 1_300, 1_550, 1_900])
  }

  @Test func aCancelledPortIsSilent() {
    let schedule = TestSchedule(portCapacity: 8)
    schedule.schedule(3, now: .zero)
    schedule.cancel(3)
    #expect(schedule.run(from: 0, to: 2_000).isEmpty)
  }

  /// A thousand ports with three frames each, and one with 4,000 learned addresses.
  @Test func framesArePacedOverAllPorts() {
    let schedule = TestSchedule(portCapacity: 1_001)
    let start = MonotonicTime(milliseconds: 10_000)
    for port in 0...1_000 { schedule.schedule(port, now: start) }
    let log = schedule.run(from: 10_000, to: 20_000) { $0 == 500 ? 4_001 : 3 }
    #expect(log.count == 5 * 1_001)
    #expect(schedule.count == 0)
    #expect(schedule.sent.values.reduce(0, +) == 5 * (3_000 + 4_001))
    for interval in stride(from: UInt64(10_000), to: 20_000, by: 10) {
      let sent = (interval..<interval + 10).reduce(0) { $0 + (schedule.sent[$1] ?? 0) }
      #expect(sent <= AnnouncementSchedule.framesPerInterval, "in the interval from \(interval)")
    }
    let small = log.filter { $0.port != 500 }
    #expect(Set(small.prefix(1_000).map(\.port)).count == 1_000, "nobody twice before all once")
    #expect(small[999].milliseconds <= 11_000, "\(small[999])")
    // What the others leave.
    #expect(log.first { $0.port == 500 }?.milliseconds ?? .max <= 12_000)
    #expect(log.last?.milliseconds ?? .max <= 20_000)
  }

  /// The first frame of the last port does not wait for all frames of the first.
  @Test func aLargePortGivesWay() {
    let schedule = TestSchedule(portCapacity: 8)
    for port in [1, 2] { schedule.schedule(port, now: .zero) }
    let turns = schedule.announce(.zero) { $0 == 1 ? 1_000 : 2 }
    #expect(turns.map(\.port) == [1, 2, 1, 1, 1])
    #expect(turns.map(\.frames) == [32, 2, 32, 32, 30])
  }

  @Test func theDeadlineIsWhenThereIsWork() {
    let schedule = TestSchedule(portCapacity: 200)
    let start = MonotonicTime(milliseconds: 500)
    for port in 0..<200 { schedule.schedule(port, now: start) }
    #expect(schedule.announce(start).count == 128)
    let paced = schedule.deadline
    #expect(paced == MonotonicTime(milliseconds: 510))
    #expect(schedule.announce(paced).count == 72)
    #expect(schedule.deadline == MonotonicTime(milliseconds: 550))
  }

  /// What has no uplink now has nothing to send, and its round is over all the same.
  @Test func aRoundWithoutFramesEnds() {
    let schedule = TestSchedule(portCapacity: 2)
    schedule.schedule(0, now: .zero)
    #expect(schedule.run(from: 0, to: 1_000) { _ in 0 }.count == 5)
    #expect(schedule.count == 0)
  }
}
