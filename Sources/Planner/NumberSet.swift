// Sets of port numbers. A port group has thousands of them in a few stretches, so stretches are kept.
//
// Invariant: ranges ascend, and neither touch nor overlap.

/// Port numbers, as ranges.
struct NumberSet: Equatable, Sendable {
  private(set) var ranges: [ClosedRange<UInt32>] = []

  init() {}

  var isEmpty: Bool { ranges.isEmpty }

  /// - Cost: in the number of ranges.
  var count: Int { ranges.map(\.count).reduce(0, +) }

  var lowest: UInt32? { ranges.first?.lowerBound }

  /// In ascending order.
  var numbers: some Sequence<UInt32> { ranges.lazy.joined() }

  /// Where the first range is that ends at `number` or above.
  private func place(of number: UInt32) -> Int {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < number { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func contains(_ number: UInt32) -> Bool {
    let place = place(of: number)
    return place < ranges.count && ranges[place].contains(number)
  }

  mutating func insert(_ number: UInt32) { insert(number...number) }

  /// Adds the numbers of a range, whichever of them are there.
  mutating func insert(_ range: ClosedRange<UInt32>) {
    let first = place(of: range.lowerBound == 0 ? 0 : range.lowerBound - 1)
    var merged = range
    var end = first
    while end < ranges.count, ranges[end].lowerBound <= range.upperBound &+ 1 {
      merged =
        min(
          merged.lowerBound, ranges[end].lowerBound)...max(
          merged.upperBound, ranges[end].upperBound)
      end += 1
    }
    ranges.replaceSubrange(first..<end, with: CollectionOfOne(merged))
  }

  mutating func remove(_ number: UInt32) {
    let place = place(of: number)
    guard place < ranges.count, ranges[place].contains(number) else { return }
    let range = ranges[place]
    var rest: [ClosedRange<UInt32>] = []
    if range.lowerBound < number { rest.append(range.lowerBound...number - 1) }
    if number < range.upperBound { rest.append(number + 1...range.upperBound) }
    ranges.replaceSubrange(place...place, with: rest)
  }

  mutating func formUnion(_ other: NumberSet) { for range in other.ranges { insert(range) } }

  /// Adds the lowest numbers that are not there yet, and returns them.
  mutating func takeLowest(_ count: Int) -> NumberSet {
    var taken = NumberSet()
    var left = UInt32(count)
    while left > 0 {
      let start = lowest == 0 ? ranges[0].upperBound + 1 : 0
      let next = ranges.first { $0.lowerBound > start }?.lowerBound ?? .max
      let size = min(left, next - start)
      taken.insert(start...start + size - 1)
      insert(start...start + size - 1)
      left -= size
    }
    return taken
  }
}

extension NumberSet: Codable {
  /// `[[0, 7], [100, 100]]`.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(ranges.map { [$0.lowerBound, $0.upperBound] })
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    for pair in try container.decode([[UInt32]].self) {
      guard pair.count == 2, pair[0] <= pair[1], pair[1] < PortDirectory.firstConflictID else {
        throw DecodingError.dataCorruptedError(
          in: container, debugDescription: "not a range of port numbers")
      }
      insert(pair[0]...pair[1])
    }
  }
}
