// The search for the highest rate without loss.

import Base
import BenchReport
import Testing

struct RateSearchTests {
  /// A device that loses above a rate finds that rate, from wherever it is.
  @Test(arguments: 0..<50)
  func findsTheLimitOfADeviceWithoutChance(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let limit = Double(2_000 + random.next() % 900_000)
    var search = RateSearch(from: 1_000, to: 1_000_000, resolution: 0.01)
    while let rate = search.nextRate { search.record(isLossless: rate <= limit) }
    #expect(search.highestPassed <= limit, "seed \(seed)")
    #expect(search.highestPassed > limit * 0.985, "seed \(seed)")
    #expect(search.chanceLosses == 0)
    // The device was asked about each losing rate three times, never more.
    #expect(search.trials < 60)
  }

  /// One trial in ten loses a frame by chance: with verification the search still comes close.
  @Test(arguments: 0..<20)
  func chanceDoesNotEndTheSearchEarly(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var search = RateSearch(from: 1_000, to: 1_000_000, resolution: 0.02, verifications: 4)
    while let rate = search.nextRate {
      search.record(isLossless: rate <= 400_000 && random.next() % 10 != 0)
    }
    #expect(search.highestPassed > 390_000, "seed \(seed)")
    #expect(search.highestPassed <= 400_000, "seed \(seed)")
  }

  @Test func aDeviceThatTakesEverythingNeedsOneTrial() {
    var search = RateSearch(from: 1, to: 500)
    search.record(isLossless: true)
    #expect(search.nextRate == nil)
    #expect(search.highestPassed == 500)
  }

  @Test func aDeviceThatLosesAlwaysEndsAtTheLeastRate() {
    var search = RateSearch(from: 100, to: 1_000, verifications: 0)
    var rates: [Double] = []
    while let rate = search.nextRate {
      rates.append(rate)
      search.record(isLossless: false)
    }
    #expect(search.highestPassed == 0)
    #expect(rates.last == 100)
  }

  @Test func aLossThatIsNotConfirmedIsCounted() {
    var search = RateSearch(from: 1, to: 500, verifications: 2)
    search.record(isLossless: false)
    #expect(search.nextRate == 500)
    search.record(isLossless: true)
    #expect(search.highestPassed == 500)
    #expect(search.chanceLosses == 1)
  }
}
