// Where a value is on an axis, and which values are written beside it.

internal import Base

/// A linear or logarithmic axis over a range of values.
package struct AxisScale: Equatable {
  package let low: Double
  package let high: Double
  package let isLogarithmic: Bool

  /// From 0 to a round number not below `highest`.
  package init(to highest: Double) {
    let step = Self.step(for: highest)
    low = 0
    high = max(step, (highest / step).rounded(.up) * step)
    isLogarithmic = false
  }

  /// From a power of ten to a power of ten around the values, all above 0.
  package init(logarithmic lowest: Double, _ highest: Double) {
    precondition(lowest > 0 && highest >= lowest, "a logarithmic axis has no zero")
    var low = 1.0
    while low > lowest { low /= 10 }
    while low * 10 <= lowest { low *= 10 }
    var high = low * 10
    while high < highest { high *= 10 }
    (self.low, self.high, isLogarithmic) = (low, high, true)
  }

  /// 0 at the low end, 1 at the high end.
  package func position(of value: Double) -> Double {
    guard isLogarithmic else { return (value - low) / (high - low) }
    return Self.logarithm(max(value, low) / low) / Self.logarithm(high / low)
  }

  /// The values to write down, in order.
  package var ticks: [Double] {
    if !isLogarithmic {
      let step = Self.step(for: high)
      return (0...Int((high / step).rounded())).map { Double($0) * step }
    }
    var ticks = [low]
    while ticks[ticks.count - 1] * 10 <= high * 1.000_001 {
      ticks.append(ticks[ticks.count - 1] * 10)
    }
    return ticks
  }

  /// A step of 1, 2 or 5 times a power of ten that makes four to eight steps.
  private static func step(for highest: Double) -> Double {
    guard highest > 0 else { return 1 }
    var power = 1.0
    while power * 10 <= highest { power *= 10 }
    while power > highest { power /= 10 }
    let leading = highest / power
    if leading <= 1.5 { return power / 5 }
    if leading <= 3.5 { return power / 2 }
    return leading <= 7.5 ? power : power * 2
  }

  /// The natural logarithm, by halving: no C library on this floor.
  package static func logarithm(_ value: Double) -> Double {
    var rest = value
    var twos = 0.0
    while rest >= 2 {
      rest /= 2
      twos += 1
    }
    while rest < 1 {
      rest *= 2
      twos -= 1
    }
    // atanh series: ln(x) = 2 (t + t³/3 + t⁵/5 + ...), t = (x - 1) / (x + 1) ≤ 1/3.
    let base = (rest - 1) / (rest + 1)
    var (power, sum) = (base, 0.0)
    for odd in stride(from: 1.0, through: 31, by: 2) {
      sum += power / odd
      power *= base * base
    }
    return 2 * sum + twos * 0.693_147_180_559_945_3
  }

  /// A tick as people write it: `0.5`, `20`, `5k`, `1M`.
  package static func label(_ value: Double) -> String {
    for (size, suffix) in [(1e9, "G"), (1e6, "M"), (1e4, "k")] where value >= size {
      let unit = suffix == "k" ? 1e3 : size
      return SVGText.number(value / unit) + suffix
    }
    if value != 0, abs(value) < 0.1 { return TextTable.decimal(value, 3) }
    let text = TextTable.decimal(value, 2)
    guard text.contains(".") else { return text }
    var trimmed = Substring(text)
    while trimmed.hasSuffix("0") { trimmed = trimmed.dropLast() }
    return String(trimmed.hasSuffix(".") ? trimmed.dropLast() : trimmed)
  }
}
