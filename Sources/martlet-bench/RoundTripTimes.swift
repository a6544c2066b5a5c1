// What one run of round trips says: the percentiles of RFC 2544 section 26.2, and how many were lost.

internal import Base
internal import BenchReport

/// Percentiles of round trips, in microseconds.
struct RoundTripTimes: Codable {
  var measured: Int
  var lost: Int
  var leastMicroseconds: Double
  var p50Microseconds: Double
  var p99Microseconds: Double
  var p999Microseconds: Double

  /// All zero when no round trip was measured.
  init(_ nanoseconds: some Collection<UInt64>, lost: Int) {
    measured = nanoseconds.count
    self.lost = lost
    let samples = measured > 0 ? Samples(nanoseconds.map { Double($0) / 1_000 }) : Samples([0])
    leastMicroseconds = samples.low
    p50Microseconds = samples.percentile(0.5)
    p99Microseconds = samples.percentile(0.99)
    p999Microseconds = samples.percentile(0.999)
  }

  var json: JSONValue {
    [
      "measured": .int(measured), "lost": .int(lost),
      "leastMicroseconds": .double(leastMicroseconds),
      "p50Microseconds": .double(p50Microseconds), "p99Microseconds": .double(p99Microseconds),
      "p999Microseconds": .double(p999Microseconds),
    ]
  }
}
