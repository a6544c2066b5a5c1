// Reads and writes bandwidths and sizes. Bandwidths are in bit/s with decimal suffixes (100M), sizes in bytes
// with binary ones (1MB), as the vSphere API and its forms have them.

internal import Base

/// A kind of quantity: its suffixes and its words.
struct Quantity {
  let suffixes: [(text: String, factor: Int)]
  let range: ClosedRange<Int>
  let example: String
  let bounds: String

  static var bandwidth: Quantity {
    Quantity(
      suffixes: [("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)],
      range: ShapingPolicy.bandwidthRange, example: "bits per second, as 64k, 100M or 1G",
      bounds: "8k to 400G")
  }

  static var burst: Quantity {
    Quantity(
      suffixes: [("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)],
      range: ShapingPolicy.burstRange, example: "bytes, as 64KB or 1MB", bounds: "1500 to 1GB")
  }

  /// The number that a text says; `Int.max` for one that is too large.
  func number(_ text: String) -> Int? {
    let suffix = suffixes.first { text.hasSuffix($0.text) }
    let digits = text.dropLast(suffix?.text.count ?? 0)
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    guard let number = Int(digits) else { return .max }
    let (product, overflow) = number.multipliedReportingOverflow(by: suffix?.factor ?? 1)
    return overflow ? .max : product
  }

  /// The number with the largest suffix that says it exactly.
  func text(_ number: Int) -> String {
    let suffix = suffixes.last { number > 0 && number.isMultiple(of: $0.factor) }
    return suffix.map { "\(number / $0.factor)\($0.text)" } ?? "\(number)"
  }
}

extension ShapingPolicy {
  /// A bandwidth as people write it: `10M`.
  public static func text(bandwidth: Int) -> String { Quantity.bandwidth.text(bandwidth) }

  /// A burst size as people write it: `1MB`.
  public static func text(burstSize: Int) -> String { Quantity.burst.text(burstSize) }
}

extension MappingReader {
  func quantity(_ key: String, _ kind: Quantity) -> Int? {
    guard let value = value(key) else { return nil }
    guard let text = value.scalar?.text, let number = kind.number(text) else {
      mistake(
        "`\(key)` cannot be \(value.quotedText)", remedy: "write \(kind.example)",
        at: value.location)
      return nil
    }
    guard kind.range.contains(number) else {
      mistake(
        "`\(key)` is \(text.excerpt), which is out of range", remedy: "write \(kind.bounds)",
        at: value.location)
      return nil
    }
    return number
  }
}
