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
  func next(now: MonotonicTime) -> Int? { schedule.next(now: now) }
  var deadline: MonotonicTime { schedule.deadline }

  /// Every announcement, millisecond by millisecond.
  func run(from start: UInt64, to end: UInt64) -> [(milliseconds: UInt64, port: Int)] {
    var log: [(UInt64, Int)] = []
    for millisecond in start...end {
      while let port = next(now: MonotonicTime(milliseconds: millisecond)) {
        log.append((millisecond, port))
      }
    }
    return log
  }
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

  @Test func manyPortsArePaced() {
    let schedule = TestSchedule(portCapacity: 1_000)
    let start = MonotonicTime(milliseconds: 10_000)
    for port in 0..<1_000 { schedule.schedule(port, now: start) }
    let log = schedule.run(from: 10_000, to: 20_000)
    #expect(log.count == 5_000)
    for window in stride(from: 10_000, to: 20_000, by: 10) {
      let sent = log.count { $0.milliseconds >= window && $0.milliseconds < window + 10 }
      #expect(sent <= 2 * AnnouncementSchedule.portsPerInterval)
    }
    let firstRound = log.prefix(1_000)
    #expect(Set(firstRound.map(\.port)).count == 1_000, "nobody twice before everybody once")
    #expect(firstRound.last?.milliseconds ?? .max <= 10_080)
  }

  @Test func theDeadlineIsWhenThereIsWork() {
    let schedule = TestSchedule(portCapacity: 200)
    let start = MonotonicTime(milliseconds: 500)
    for port in 0..<200 { schedule.schedule(port, now: start) }
    while schedule.next(now: start) != nil {}
    let paced = schedule.deadline
    #expect(paced == MonotonicTime(milliseconds: 510))
    while schedule.next(now: paced) != nil {}
    #expect(schedule.deadline == MonotonicTime(milliseconds: 550))
  }
}
