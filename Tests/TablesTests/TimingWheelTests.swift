// The timing wheel against a list that is sorted each time.

internal import Base
internal import Tables
internal import Testing

/// Deadlines as one would write them without a thought for speed.
private struct PlainDeadlines {
  static let tick = TimingWheel.granularityNanoseconds
  var entries: [(id: Int, tick: UInt64, order: Int)] = []
  var now: UInt64 = 0
  var order = 0

  mutating func schedule(_ id: Int, _ time: UInt64) {
    cancel(id)
    order += 1
    let wanted = time / Self.tick + (time % Self.tick == 0 ? 0 : 1)
    entries.append((id, max(wanted, now + 1), order))
  }

  mutating func cancel(_ id: Int) { entries.removeAll { $0.id == id } }

  mutating func due(_ time: UInt64) -> [Int] {
    now = max(now, time / Self.tick)
    let due = entries.filter { $0.tick * Self.tick <= time }
    entries.removeAll { $0.tick * Self.tick <= time }
    return due.sorted { ($0.tick, $0.order) < ($1.tick, $1.order) }.map(\.id)
  }

  var earliest: UInt64? { entries.map(\.tick).min().map { $0 * Self.tick } }
}

/// A wheel that expectations can call: the macros copy what they look at.
private final class TestWheel {
  private var wheel: TimingWheel

  init(capacity: Int, now: MonotonicTime = .zero) {
    wheel = TimingWheel(capacity: capacity, now: now)
  }

  var count: Int { wheel.count }
  var next: MonotonicTime { wheel.nextDeadline }
  func schedule(_ id: Int, _ time: UInt64) {
    wheel.schedule(id, at: MonotonicTime(nanoseconds: time))
  }
  func cancel(_ id: Int) { wheel.cancel(id) }
  func isScheduled(_ id: Int) -> Bool { wheel.isScheduled(id) }
  func pop(_ time: UInt64) -> Int? { wheel.popDue(MonotonicTime(nanoseconds: time)) }
  func due(_ time: UInt64) -> [Int] {
    var ids: [Int] = []
    while let id = pop(time) { ids.append(id) }
    return ids
  }
}

@Suite struct TimingWheelTests {
  @Test(arguments: 1...24 as ClosedRange<UInt64>)
  func agreesWithASortedList(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let capacity = seed % 3 == 0 ? 3 : 60
    var now = seed % 2 == 0 ? 0 : UInt64.random(in: 0...(1 << 60), using: &random)
    let wheel = TestWheel(capacity: capacity, now: MonotonicTime(nanoseconds: now))
    var plain = PlainDeadlines()
    plain.now = now / PlainDeadlines.tick
    // How far deadlines and steps reach: from one tick to years.
    let reach = UInt64.random(in: 16...(seed % 4 == 0 ? 58 : 34), using: &random)
    for step in 0..<4_000 {
      let id = Int.random(in: 0..<capacity, using: &random)
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<6:
        let bits = UInt64.random(in: 10...reach, using: &random)
        let time = now + .random(in: 0...(1 << bits), using: &random)
        wheel.schedule(id, time)
        plain.schedule(id, time)
      case 6:
        let past = now - min(now, .random(in: 0...1_000_000, using: &random))
        wheel.schedule(id, past)
        plain.schedule(id, past)
      case 7:
        wheel.cancel(id)
        plain.cancel(id)
      default:
        let bits = UInt64.random(in: 10...reach, using: &random)
        if now < 1 << 62 { now += .random(in: 0...(1 << bits), using: &random) }
        let expected = plain.due(now)
        #expect(wheel.due(now) == expected, "seed \(seed) step \(step)")
      }
      #expect(wheel.count == plain.entries.count, "seed \(seed) step \(step)")
      #expect(
        wheel.isScheduled(id) == plain.entries.contains { $0.id == id },
        "seed \(seed) step \(step)")
      let next = wheel.next.nanoseconds
      #expect(next <= plain.earliest ?? .max, "seed \(seed) step \(step)")
      #expect((next == .max) == (plain.earliest == nil), "seed \(seed) step \(step)")
    }
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func whoSleepsUntilTheNextDeadlineMissesNothing(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let wheel = TestWheel(capacity: 100)
    var plain = PlainDeadlines()
    for id in 0..<100 {
      let bits = UInt64.random(in: 16...(seed < 5 ? 28 : 50), using: &random)
      let time = UInt64.random(in: 0...(1 << bits), using: &random)
      wheel.schedule(id, time)
      plain.schedule(id, time)
    }
    var (wakeUps, found) = (0, 0)
    while wheel.next != .never, wakeUps < 10_000 {
      let earliest = plain.earliest ?? .max
      let now = wheel.next.nanoseconds
      let (due, expected) = (wheel.due(now), plain.due(now))
      #expect(due == expected && (due.isEmpty || now == earliest), "seed \(seed)")
      found += due.count
      wakeUps += 1
    }
    // At most five moves down before each is found.
    #expect(found == 100 && wakeUps <= 600, "seed \(seed): \(wakeUps) wake-ups")
  }

  @Test func whatIsDueIsNeverEarlyAndAtMostATickLate() {
    let wheel = TestWheel(capacity: 1)
    for time in [1, 65_535, 65_536, 65_537, 16_777_216, 16_777_217] as [UInt64] {
      let wheel = TestWheel(capacity: 1)
      wheel.schedule(0, time)
      #expect(wheel.pop(time - 1) == nil)
      #expect(wheel.next.nanoseconds <= time + TimingWheel.granularityNanoseconds)
      #expect(wheel.pop(time + TimingWheel.granularityNanoseconds - 1) == 0)
    }
    wheel.schedule(0, .max)
    #expect(wheel.pop(1 << 60) == nil && wheel.count == 1)
    wheel.cancel(0)
    wheel.cancel(0)
    #expect(wheel.count == 0 && wheel.next == .never)
  }

  @Test func whoSchedulesWhatIsDueComesToAnEnd() {
    let wheel = TestWheel(capacity: 2)
    wheel.schedule(0, 0)
    wheel.schedule(1, 0)
    let now: UInt64 = 1_000_000_000
    var found: [Int] = []
    while let id = wheel.pop(now), found.count < 10 {
      found.append(id)
      wheel.schedule(id, now)
    }
    #expect(found == [0, 1])
    #expect(wheel.due(now + TimingWheel.granularityNanoseconds) == [0, 1])
  }

  @Test func aNumberBeyondTheCapacityTraps() async {
    await #expect(processExitsWith: .failure) {
      var wheel = TimingWheel(capacity: 2)
      wheel.schedule(2, at: .zero)
    }
  }
}
