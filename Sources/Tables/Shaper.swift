// Two token buckets: how vSphere shapes the traffic of a port.
//
//   average  filled at the average, deep as the burst      "burst bonus": what was not used is saved up
//   peak     filled at the peak, shallow                   how fast the bonus may be spent
//
// A frame takes from both. A full average bucket lasts burst * 8 / (peak - average) seconds at the peak,
// then the rate is the average.
//
// Whoever serves a queue wakes up late. Time lost that way must not be rate lost, so while a frame waits
// the peak bucket fills further than at rest: by what passes in `latenessMilliseconds`. At rest it holds
// two frames, so that a burst after silence keeps to the peak from its start.
//
// A frame larger than a bucket passes when that bucket is full and leaves it in debt; the debt is paid
// before the next, so that the rate over time holds.
//
// Levels count in bits * 10^9: then a nanosecond adds exactly the rate, and nothing is ever rounded. In
// 128 bits, 2^64 ns (585 years) at 2^48 bit/s cannot overflow.
//
// Bounds over any time t: average * t + burst, and peak * t + peak bucket; each and one frame, if that
// is larger than the bucket.

public import Base

/// The tokens of one direction of one port.
///
/// - Thread: one worker. A small value: no clock, no memory of its own.
@frozen
public struct Shaper: Sendable, BitwiseCopyable {
  /// Faster rates count as this: 281 Tbit/s.
  public static let fastestBitsPerSecond: UInt64 = 1 << 48
  /// How late a wake-up may be without a loss of rate, as long as the burst covers it.
  public static let latenessMilliseconds: UInt64 = 4
  /// The peak bucket at rest: two full frames of an MTU of 1,500, with a tag.
  public static let restBytes: UInt64 = 2 * 1_518

  /// The part of a bucket that one byte takes.
  @usableFromInline
  static let byteLevel: Int128 = 8_000_000_000

  public private(set) var shape: TrafficShape
  var averageLevel: Int128
  var peakLevel: Int128
  /// The levels are those of this moment.
  var filledTime: MonotonicTime
  /// The last frame that was tried did not pass.
  public private(set) var isWaiting = false

  /// A shaper with full buckets.
  public init(_ shape: TrafficShape, now: MonotonicTime) {
    self.shape = shape
    filledTime = now
    averageLevel = 0
    peakLevel = 0
    averageLevel = averageDepth
    peakLevel = peakRestDepth
  }

  /// Takes the tokens of a frame, all of them or none.
  ///
  /// - Units: every byte that the frame puts on a wire (`FrameBatch.wireBytes`).
  /// - Returns: whether the frame may pass now.
  /// - Cost: no division; two multiplications when time has passed.
  public mutating func tryTake(_ byteCount: Int, now: MonotonicTime) -> Bool {
    fill(now)
    let wanted = Int128(byteCount) &* Self.byteLevel
    guard averageLevel >= min(wanted, averageDepth), peakLevel >= min(wanted, peakRestDepth) else {
      isWaiting = true
      return false
    }
    averageLevel -= wanted
    peakLevel -= wanted
    isWaiting = false
    return true
  }

  /// The earliest moment at which `tryTake` of as many bytes succeeds; now, if it would now.
  public func readyTime(_ byteCount: Int, now: MonotonicTime) -> MonotonicTime {
    var filled = self
    filled.fill(now)
    let wanted = Int128(byteCount) &* Self.byteLevel
    let average = Self.nanoseconds(
      until: min(wanted, averageDepth), from: filled.averageLevel, averageRate)
    let peak = Self.nanoseconds(
      until: min(wanted, peakRestDepth), from: filled.peakLevel, peakRate)
    return filled.filledTime.advanced(byNanoseconds: max(average, peak))
  }

  /// The burst bonus now, for a status; below zero when a large frame left a debt.
  public func tokenBytes(now: MonotonicTime) -> Int {
    var filled = self
    filled.fill(now)
    return Int(clamping: filled.averageLevel / Self.byteLevel)
  }

  /// Changes the numbers. Tokens and debts stay, as far as the new buckets are deep.
  public mutating func setShape(_ shape: TrafficShape, now: MonotonicTime) {
    guard shape != self.shape else { return }
    fill(now)
    self.shape = shape
    averageLevel = min(averageLevel, averageDepth)
    peakLevel = min(peakLevel, peakLateDepth)
  }
}

// MARK: - Buckets

extension Shaper {
  /// Zero would never pass anything; one bit a second nearly so.
  var averageRate: UInt64 { min(max(shape.averageBitsPerSecond, 1), Self.fastestBitsPerSecond) }

  /// Not below the average, whatever the policy says.
  var peakRate: UInt64 {
    max(min(shape.peakBitsPerSecond, Self.fastestBitsPerSecond), averageRate)
  }

  var averageDepth: Int128 { Int128(shape.burstBytes) &* Self.byteLevel }

  var peakRestDepth: Int128 { Int128(min(shape.burstBytes, Self.restBytes)) &* Self.byteLevel }

  /// How far the peak bucket fills while a frame waits; never more than the burst.
  var peakLateDepth: Int128 {
    let lateNanoseconds = Int128(Self.latenessMilliseconds * 1_000_000)
    return min(averageDepth, peakRestDepth + Int128(peakRate) &* lateNanoseconds)
  }

  /// Adds what the time since the last call brought.
  private mutating func fill(_ now: MonotonicTime) {
    let elapsed = now.nanoseconds(since: filledTime)
    guard elapsed > 0 else { return }
    filledTime = now
    // Products of 48 and 64 bits: no check needed, and without one they are a single instruction.
    averageLevel = min(averageLevel + Int128(averageRate) &* Int128(elapsed), averageDepth)
    // What was gained while waiting is not lost by no longer waiting; it only grows no more.
    let depth = max(peakLevel, isWaiting ? peakLateDepth : peakRestDepth)
    peakLevel = min(peakLevel + Int128(peakRate) &* Int128(elapsed), depth)
  }

  /// How long a bucket takes to reach a level, rounded up.
  private static func nanoseconds(
    until wanted: Int128, from level: Int128, _ rate: UInt64
  ) -> UInt64 {
    guard wanted > level else { return 0 }
    let rate = Int128(rate)
    return UInt64(clamping: (wanted - level + rate - 1) / rate)
  }
}
