// Repeated measurements of one thing, and what is said about them.
//
// The median counts; the lowest and the highest are shown beside it, because a spread that is hidden is
// a figure that nobody can repeat. Means are never used: one stall of a shared machine moves them.

/// The values of one figure over several runs. Never empty.
public struct Samples: Equatable, Sendable {
  /// In ascending order.
  public private(set) var sorted: [Double]

  /// - Parameter values: at least one, none of them NaN.
  public init(_ values: [Double]) {
    precondition(!values.isEmpty && values.allSatisfy { !$0.isNaN }, "a figure has a value")
    sorted = values.sorted()
  }

  public mutating func add(_ value: Double) { self = Samples(sorted + [value]) }

  public var count: Int { sorted.count }
  public var low: Double { sorted[0] }
  public var high: Double { sorted[sorted.count - 1] }

  /// The value in the middle, or between the two in the middle.
  public var median: Double {
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// The smallest value that at least this share of the values does not exceed (nearest rank).
  ///
  /// - Parameter share: from 0 to 1; 0.99 for p99.
  public func percentile(_ share: Double) -> Double {
    precondition((0...1).contains(share), "a share is from 0 to 1")
    let rank = Int((share * Double(sorted.count)).rounded(.up))
    return sorted[min(max(rank, 1), sorted.count) - 1]
  }

  /// How far apart lowest and highest are, as a share of the median; 0 when the median is 0.
  public var spread: Double { median == 0 ? 0 : (high - low) / abs(median) }
}
