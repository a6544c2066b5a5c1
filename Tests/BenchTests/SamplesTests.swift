// Medians, percentiles and spreads.

import Base
import BenchReport
import Testing

struct SamplesTests {
  @Test func medianIsTheMiddleOfAnOddNumber() {
    #expect(Samples([9, 1, 5]).median == 5)
    #expect(Samples([7]).median == 7)
  }

  @Test func medianOfAnEvenNumberLiesBetweenTheTwoInTheMiddle() {
    #expect(Samples([4, 1, 3, 100]).median == 3.5)
  }

  @Test func spreadIsFromLowestToHighest() {
    let samples = Samples([90, 100, 120])
    #expect((samples.low, samples.high) == (90, 120))
    #expect(abs(samples.spread - 0.3) < 1e-12)
    #expect(Samples([0, 0]).spread == 0)
  }

  /// Nearest rank against the definition: the smallest value with enough values not above it.
  @Test(arguments: [1, 2, 3, 10, 99, 100, 101, 1_000])
  func percentileIsTheNearestRank(count: Int) {
    var random = SeededRandom(seed: UInt64(count))
    let values = (0..<count).map { _ in Double(random.next() % 50) }
    let samples = Samples(values)
    for share in [0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1] {
      let wanted = values.sorted().first { value in
        Double(values.count { $0 <= value }) >= share * Double(count)
      }
      #expect(samples.percentile(share) == wanted, "seed \(count), share \(share)")
    }
  }

  @Test func addingKeepsTheOrder() {
    var samples = Samples([5])
    for value in [9.0, 1, 7] { samples.add(value) }
    #expect(samples.sorted == [1, 5, 7, 9])
    #expect(samples.count == 4)
  }
}
