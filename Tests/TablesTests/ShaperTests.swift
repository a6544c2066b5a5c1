// Token buckets against a plain model, against the bounds that they promise, and against late wake-ups.

internal import Base
internal import Tables
internal import Testing

/// A token bucket in whole bytes and eight-thousand-millionths of one, filled second by second.
private struct PlainBucket {
  static let parts = 8_000_000_000
  let bitsPerSecond: Int
  var bytes: Int
  var rest = 0

  mutating func fill(_ nanoseconds: UInt64, depthBytes: Int, depthRest: Int = 0) {
    if (bytes, rest) >= (depthBytes, depthRest) { return }
    var left = nanoseconds
    while left > 0, (bytes, rest) < (depthBytes, depthRest) {
      let step = Int(min(left, 1_000_000_000))
      let (high, low) = step.multipliedFullWidth(by: bitsPerSecond)
      let (quotient, remainder) = Self.parts.dividingFullWidth((high, low))
      rest += remainder
      bytes += quotient + rest / Self.parts
      rest %= Self.parts
      left -= UInt64(step)
    }
    if (bytes, rest) > (depthBytes, depthRest) { (bytes, rest) = (depthBytes, depthRest) }
  }
}

/// The rules of `Shaper` once more, without its arithmetic.
private struct PlainShaper {
  let burst: Int
  let restBytes: Int
  var average: PlainBucket
  var peak: PlainBucket
  var time: UInt64 = 0
  var isWaiting = false

  init(_ shape: TrafficShape) {
    burst = Int(shape.burstBytes)
    restBytes = min(burst, 3_036)
    average = PlainBucket(bitsPerSecond: Int(shape.averageBitsPerSecond), bytes: burst)
    peak = PlainBucket(bitsPerSecond: Int(shape.peakBitsPerSecond), bytes: restBytes)
  }

  mutating func tryTake(_ byteCount: Int, _ now: UInt64) -> Bool {
    average.fill(now - time, depthBytes: burst)
    // Four milliseconds of the peak, while something waits.
    let late = peak.bitsPerSecond * 4_000_000
    let lateBytes = restBytes + late / PlainBucket.parts
    if isWaiting, lateBytes < burst {
      peak.fill(now - time, depthBytes: lateBytes, depthRest: late % PlainBucket.parts)
    } else {
      peak.fill(now - time, depthBytes: isWaiting ? burst : restBytes)
    }
    time = now
    isWaiting = average.bytes < min(byteCount, burst) || peak.bytes < min(byteCount, restBytes)
    if isWaiting { return false }
    average.bytes -= byteCount
    peak.bytes -= byteCount
    return true
  }
}

/// A port that always has frames, served by someone who wakes up late.
private struct Backlog {
  var shaper: Shaper
  var now: UInt64 = 0
  var sentBytes = 0

  init(_ shape: TrafficShape) { shaper = Shaper(shape, now: .zero) }

  /// Sends frames until a moment, each as soon as someone is awake for it.
  mutating func send(
    until end: UInt64, lateNanoseconds: UInt64, _ random: inout SeededRandom,
    frameBytes: (inout SeededRandom) -> Int
  ) {
    while true {
      let bytes = frameBytes(&random)
      while !shaper.tryTake(bytes, now: MonotonicTime(nanoseconds: now)) {
        let ready = shaper.readyTime(bytes, now: MonotonicTime(nanoseconds: now)).nanoseconds
        now = max(now, ready + .random(in: 0...lateNanoseconds, using: &random))
        if now >= end { return }
      }
      sentBytes += bytes
    }
  }
}

/// A shaper that expectations can call: the macros copy what they look at.
private final class TestShaper {
  var shaper: Shaper

  init(_ shaper: Shaper) { self.shaper = shaper }
  convenience init(_ shape: TrafficShape) { self.init(Shaper(shape, now: .zero)) }

  func tryTake(_ byteCount: Int, now: MonotonicTime) -> Bool {
    shaper.tryTake(byteCount, now: now)
  }
  func setShape(_ shape: TrafficShape, now: MonotonicTime) { shaper.setShape(shape, now: now) }
  func readyTime(_ byteCount: Int, now: MonotonicTime) -> MonotonicTime {
    shaper.readyTime(byteCount, now: now)
  }
  func tokenBytes(now: MonotonicTime) -> Int { shaper.tokenBytes(now: now) }
}

@Suite struct ShaperTests {
  static let million: UInt64 = 1_000_000

  private static func shape(_ random: inout SeededRandom) -> TrafficShape {
    let average =
      million * UInt64.random(in: 1...10, using: &random)
      * [1, 10, 100, 1_000, 40_000].randomElement(using: &random)!
    return TrafficShape(
      averageBitsPerSecond: average + .random(in: 0...999, using: &random),
      peakBitsPerSecond: (average + 1_000) * .random(in: 1...3, using: &random),
      burstBytes: [0, 1, 1_500, 9_000, 65_536, 1 << 20, 100 << 20].randomElement(using: &random)!)
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func agreesWithAPlainModel(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let shape = Self.shape(&random)
    let shaper = TestShaper(shape)
    var plain = PlainShaper(shape)
    var now: UInt64 = 0
    var passed = 0
    for step in 0..<3_000 {
      let bytes = Int.random(in: 1...(step % 5 == 0 ? 70_000 : 1_514), using: &random)
      let time = MonotonicTime(nanoseconds: now)
      let ready = shaper.readyTime(bytes, now: time)
      if ready > time {
        let (early, late) = (TestShaper(shaper.shaper), TestShaper(shaper.shaper))
        let before = MonotonicTime(nanoseconds: ready.nanoseconds - 1)
        #expect(!early.tryTake(bytes, now: before), "seed \(seed) step \(step)")
        #expect(late.tryTake(bytes, now: ready), "seed \(seed) step \(step)")
      }
      let isTaken = shaper.tryTake(bytes, now: time)
      let isExpected = plain.tryTake(bytes, now)
      #expect(isTaken == isExpected, "seed \(seed) step \(step)")
      #expect(isTaken == (ready == time), "seed \(seed) step \(step)")
      #expect(
        shaper.tokenBytes(now: time)
          == plain.average.bytes + (plain.average.bytes < 0 && plain.average.rest > 0 ? 1 : 0),
        "seed \(seed) step \(step)")
      if isTaken { passed += 1 }
      switch Int.random(in: 0..<8, using: &random) {
      case 0..<2: break
      case 2..<5: now = max(now, ready.nanoseconds)
      case 5: now = max(now, ready.nanoseconds) + .random(in: 0...5_000_000, using: &random)
      case 6: now += .random(in: 0...20_000_000, using: &random)
      default: now += step % 100 == 0 ? 7 * 86_400 * 1_000_000_000 : 1
      }
    }
    #expect(passed > 300, "seed \(seed)")
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func noWindowHoldsMoreThanTheBuckets(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let shape = Self.shape(&random)
    let shaper = TestShaper(shape)
    var (times, sums): ([UInt64], [Int]) = ([], [0])
    var now: UInt64 = 0
    while times.count < 600 {
      let bytes = Int.random(in: 60...(seed % 2 == 0 ? 66_000 : 1_514), using: &random)
      let time = MonotonicTime(nanoseconds: now)
      if shaper.tryTake(bytes, now: time) {
        times.append(now)
        sums.append(sums.last! + bytes)
      } else {
        now = shaper.readyTime(bytes, now: time).nanoseconds
        now += .random(in: 0...3_000_000, using: &random)
      }
      if Int.random(in: 0..<40, using: &random) == 0 {
        now += .random(in: 0...50_000_000, using: &random)
      }
    }
    let (average, peak) = (Int(shape.averageBitsPerSecond), Int(shape.peakBitsPerSecond))
    let burst = Int(shape.burstBytes)
    let lateBytes = min(burst, 3_036 + peak * 4 / 8_000 + 1)
    for first in times.indices {
      for last in first..<times.count {
        let sent = sums[last + 1] - sums[first]
        let microseconds = Int((times[last] - times[first]) / 1_000 + 1)
        let bound = min(
          burst + average * microseconds / 8_000_000,
          lateBytes + peak * microseconds / 8_000_000)
        if sent > bound + 66_000 { Issue.record("seed \(seed) \(first)...\(last) \(sent)") }
      }
    }
  }

  @Test(arguments: [1, 10, 100, 1_000, 10_000] as [UInt64], [1, 2] as [UInt64])
  func theRateHoldsHoweverLateTheWakeUps(megabits: UInt64, peakFactor: UInt64) {
    let average = megabits * Self.million
    let shape = TrafficShape(
      averageBitsPerSecond: average, peakBitsPerSecond: average * peakFactor,
      burstBytes: max(average / 8 / 100, 100_000))
    var random = SeededRandom(seed: megabits)
    var backlog = Backlog(shape)
    let most = max(shape.largestPieceBytes, 1_514)
    func frame(_ random: inout SeededRandom) -> Int { .random(in: most / 2...most, using: &random) }
    // Until the bonus is spent.
    let start: UInt64 = 20_000_000_000
    backlog.send(until: start, lateNanoseconds: 3_000_000, &random, frameBytes: frame)
    let (from, sent) = (backlog.now, backlog.sentBytes)
    backlog.send(until: start * 4, lateNanoseconds: 3_000_000, &random, frameBytes: frame)
    let rate = Double(backlog.sentBytes - sent) * 8e9 / Double(backlog.now - from)
    #expect(abs(rate / Double(average) - 1) < 0.001, "\(rate)")
  }

  @Test(arguments: [(1, 3), (10, 20), (100, 200), (1_000, 10_000)] as [(UInt64, UInt64)])
  func aFullBucketLastsAsLongAsPromised(average: UInt64, peak: UInt64) {
    let shape = TrafficShape(
      averageBitsPerSecond: average * Self.million, peakBitsPerSecond: peak * Self.million,
      burstBytes: max(1 << 20, average * Self.million / 8 / 10))
    let lasts = shape.burstBytes * 8_000_000_000 / ((peak - average) * Self.million)
    var random = SeededRandom(seed: peak)
    var backlog = Backlog(shape)
    func expectExcess(_ part: Double, at end: UInt64) {
      backlog.send(until: end, lateNanoseconds: 200_000, &random) { _ in
        max(min(shape.largestPieceBytes, 20_000), 1_514)
      }
      let bonus =
        Double(backlog.sentBytes) - Double(average * Self.million) / 8e9 * Double(backlog.now)
      let expected = Double(shape.burstBytes) * part
      #expect(abs(bonus - expected) < Double(shape.burstBytes) * 0.05, "\(bonus) \(part)")
    }
    for tenth in 1...10 as ClosedRange<UInt64> {
      expectExcess(Double(tenth) / 10, at: lasts * tenth / 10)
    }
    expectExcess(1, at: lasts * 3)
    // And what was spent comes back at the average.
    backlog.now += shape.burstBytes * 8_000 / (average * Self.million / 1_000_000) / 2
    let half = backlog.shaper.tokenBytes(now: MonotonicTime(nanoseconds: backlog.now))
    #expect(abs(Double(half) / Double(shape.burstBytes) - 0.5) < 0.05)
  }

  @Test func aFrameLargerThanTheBucketPassesInDebt() {
    let shape = TrafficShape(
      averageBitsPerSecond: 8 * Self.million, peakBitsPerSecond: 16 * Self.million,
      burstBytes: 1_000)
    let shaper = TestShaper(shape)
    #expect(shaper.tryTake(65_000, now: .zero))
    #expect(shaper.tokenBytes(now: .zero) == -64_000)
    #expect(!shaper.tryTake(1, now: MonotonicTime(milliseconds: 64)))
    #expect(shaper.shaper.isWaiting)
    // 65,000 bytes at one million bytes a second.
    #expect(shaper.readyTime(65_000, now: .zero) == MonotonicTime(milliseconds: 65))
    #expect(shaper.tryTake(65_000, now: MonotonicTime(milliseconds: 65)))
    #expect(!shaper.shaper.isWaiting)
  }

  @Test func nothingOverflows() {
    for rate in [0, 1, 400_000 * Self.million, .max] as [UInt64] {
      let shape = TrafficShape(
        averageBitsPerSecond: rate, peakBitsPerSecond: rate, burstBytes: rate)
      let shaper = TestShaper(shape)
      #expect(shaper.tryTake(1, now: .zero))
      #expect(shaper.tryTake(1, now: .never))
      #expect(shaper.tokenBytes(now: .never) <= Int.max)
      #expect(shaper.readyTime(.max, now: .zero) >= .zero)
      // A clock that seems to go back brings nothing.
      #expect(shaper.readyTime(1, now: .zero) >= .zero)
    }
  }

  @Test func aChangeKeepsTokensAndDebts() {
    let shape = TrafficShape(
      averageBitsPerSecond: 8 * Self.million, peakBitsPerSecond: 80 * Self.million,
      burstBytes: 100_000)
    let shaper = TestShaper(shape)
    var wider = shape
    wider.burstBytes = 200_000
    shaper.setShape(wider, now: .zero)
    #expect(shaper.tokenBytes(now: .zero) == 100_000)
    // A million bytes a second until now; the change does not reach back.
    wider.averageBitsPerSecond = 80 * Self.million
    shaper.setShape(wider, now: MonotonicTime(milliseconds: 50))
    #expect(shaper.tokenBytes(now: MonotonicTime(milliseconds: 50)) == 150_000)
    #expect(shaper.tokenBytes(now: MonotonicTime(milliseconds: 52)) == 170_000)
    wider.burstBytes = 2_000
    shaper.setShape(wider, now: MonotonicTime(milliseconds: 52))
    #expect(shaper.tokenBytes(now: MonotonicTime(milliseconds: 52)) == 2_000)
    #expect(shaper.tryTake(9_000, now: MonotonicTime(milliseconds: 52)))
    shaper.setShape(shape, now: MonotonicTime(milliseconds: 52))
    #expect(shaper.tokenBytes(now: MonotonicTime(milliseconds: 52)) == -7_000)
    #expect(shaper.shaper.shape == shape)
  }

  @Test func pieceAndQueueFollowFromTheShape() {
    func shape(_ average: UInt64, _ peak: UInt64, _ burst: UInt64) -> TrafficShape {
      TrafficShape(
        averageBitsPerSecond: average, peakBitsPerSecond: peak, burstBytes: burst)
    }
    let one = Self.million
    #expect(shape(one, one, 100_000).largestPieceBytes == 125)
    #expect(shape(one, 200 * one, 100_000).largestPieceBytes == 25_000)
    #expect(shape(one, 200 * one, 3_000).largestPieceBytes == 3_000)
    #expect(shape(one, .max, .max).largestPieceBytes == 65_536)
    #expect(shape(one, one, 0).queueLimitBytes == 147_456)
    #expect(shape(100 * one, one, 0).queueLimitBytes == 625_000)
    #expect(shape(10_000 * one, one, 0).queueLimitBytes == 4_194_304)
    #expect(shape(.max, one, 0).queueLimitBytes == 4_194_304)
  }
}
