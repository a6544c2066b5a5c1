// The highest rate without loss: RFC 2544 section 26.1 (throughput), found by the binary search with loss
// verification of ETSI TST 009 section 12.3.3.
//
// On a shared machine a trial may lose a frame to something that has nothing to do with the switch. So a
// trial that lost is repeated at the same rate, and only when every repetition lost is the rate too
// high. A trial without loss is believed at once: chance takes frames away and never brings them back.

/// Asks for trials, one rate at a time, until the highest rate without loss is known.
///
///     var search = RateSearch(from: 1_000, to: 2_000_000)
///     while let rate = search.nextRate { search.record(isLossless: trial(rate) ) }
public struct RateSearch: Equatable, Sendable {
  /// How close the two sides must come, as a share of the higher.
  public let resolution: Double
  /// Repetitions of a trial that lost.
  public let verifications: Int
  /// The highest rate that passed so far; 0 before any did.
  public private(set) var highestPassed = 0.0
  /// The lowest rate that is believed to lose.
  public private(set) var lowestFailed: Double
  public private(set) var trials = 0
  /// Trials that lost and were not confirmed.
  public private(set) var chanceLosses = 0
  /// The rate of the next trial; nil when the search is over.
  public private(set) var nextRate: Double?
  private let least: Double
  private var failuresHere = 0

  /// - Parameter highest: asked for first, and believed possible; the search ends there when it passes.
  public init(
    from least: Double, to highest: Double, resolution: Double = 0.02, verifications: Int = 2
  ) {
    precondition(least > 0 && highest >= least && resolution > 0 && verifications >= 0)
    self.least = least
    self.resolution = resolution
    self.verifications = verifications
    lowestFailed = .infinity
    nextRate = highest
  }

  /// Notes the result of the trial at `nextRate`; traps when none was asked for.
  public mutating func record(isLossless: Bool) {
    guard let rate = nextRate else { preconditionFailure("no trial was asked for") }
    trials += 1
    if isLossless {
      chanceLosses += failuresHere
      highestPassed = rate
    } else {
      failuresHere += 1
      if failuresHere <= verifications { return }
      lowestFailed = rate
    }
    failuresHere = 0
    nextRate = rateAfter()
  }

  private func rateAfter() -> Double? {
    // The first rate, the highest, passed.
    guard lowestFailed.isFinite else { return nil }
    guard lowestFailed > least else { return nil }
    guard lowestFailed - highestPassed > resolution * lowestFailed else { return nil }
    return max(least, (highestPassed + lowestFailed) / 2)
  }
}
