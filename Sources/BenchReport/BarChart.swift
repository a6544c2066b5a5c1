// Horizontal bars with whiskers from the lowest to the highest run, in groups: one metric of a section.

/// One metric of every subject that has it.
public struct BarChart: Equatable, Sendable {
  package struct Bar: Equatable, Sendable {
    package var label: String
    package var samples: Samples
    package var isOurs: Bool
    /// To the subject that it is compared with.
    package var ratio: Double?
  }

  package struct Group: Equatable, Sendable {
    package var title: String
    package var bars: [Bar]
  }

  private static let width = 960.0
  /// Of a letter of a label, bold, at its size.
  private static let letterWidth = 8.2
  private static let valueWidth = 150.0
  private static let rowHeight = 27.0
  private static let groupHeight = 30.0
  private static let headHeight = 92.0
  private static let footHeight = 92.0

  let title: String
  let subtitle: String
  let places: Int
  package let groups: [Group]

  /// Nil when fewer than two subjects have the metric: there is nothing to compare.
  public init?(_ section: ReportSection, _ metric: Metric) {
    var groups: [Group] = []
    for subject in section.subjects {
      guard let samples = section[metric.name, of: subject.name] else { continue }
      let isBase = subject.comparedWith == nil || subject.comparedWith == subject.name
      let bar = Bar(
        label: subject.title, samples: samples, isOurs: subject.isOurs,
        ratio: isBase ? nil : section.ratio(metric.name, of: subject))
      if let index = groups.firstIndex(where: { $0.title == subject.group }) {
        groups[index].bars.append(bar)
      } else {
        groups.append(Group(title: subject.group, bars: [bar]))
      }
    }
    guard groups.reduce(0, { $0 + $1.bars.count }) > 1 else { return nil }
    self.groups = groups
    title = "\(section.title): \(metric.title)"
    let better = metric.isLowerBetter ? "less is better" : "more is better"
    subtitle = "\(metric.unit), \(better); bar: median, whisker: lowest to highest run"
    places = metric.places
  }

  package func drawing(foot: Surroundings) -> SVGCanvas {
    let rows = groups.reduce(0) { $0 + $1.bars.count }
    let titles = groups.count { !$0.title.isEmpty }
    let height =
      Self.headHeight + Double(rows) * Self.rowHeight + Double(titles) * Self.groupHeight
      + Self.footHeight
    var canvas = SVGCanvas(width: Self.width, height: height, title: title)
    canvas.frame(title: title, subtitle: subtitle, foot: foot)
    let scale = AxisScale(to: groups.flatMap(\.bars).map(\.samples.high).max() ?? 1)
    let bottom = height - Self.footHeight
    drawAxis(scale, &canvas, bottom: bottom)
    var y = Self.headHeight
    for group in groups {
      if !group.title.isEmpty {
        canvas.text(
          group.title, x: 28, y: y + Self.groupHeight / 2, size: 14, color: SVGCanvas.faded,
          isBold: true)
        y += Self.groupHeight
      }
      for bar in group.bars {
        draw(bar, scale, &canvas, y: y)
        y += Self.rowHeight
      }
    }
    return canvas
  }

  /// Room for the longest label.
  private var labelWidth: Double {
    let longest = groups.flatMap(\.bars).map(\.label.count).max() ?? 0
    return min(Self.width / 2, Double(longest) * Self.letterWidth + 12)
  }

  private func x(_ value: Double, _ scale: AxisScale) -> Double {
    let span = Self.width - 28 - labelWidth - Self.valueWidth
    return 28 + labelWidth + span * scale.position(of: value)
  }

  /// `147k` and `34.9M`: a picture is read from afar.
  package static func valueText(_ value: Double, _ places: Int) -> String {
    if value >= 1e6 { return TextTable.decimal(value / 1e6, 1) + "M" }
    if value >= 1e4, places == 0 {
      return TextTable.decimal(value / 1e3, value < 1e5 ? 1 : 0) + "k"
    }
    return TextTable.decimal(value, places)
  }

  private func drawAxis(_ scale: AxisScale, _ canvas: inout SVGCanvas, bottom: Double) {
    for tick in scale.ticks {
      let x = self.x(tick, scale)
      canvas.line(x, Self.headHeight - 6, x, bottom + 2, color: SVGCanvas.grid)
      canvas.text(
        AxisScale.label(tick), x: x, y: bottom + 14, size: 12, color: SVGCanvas.faded,
        anchor: .middle)
    }
  }

  private func draw(_ bar: Bar, _ scale: AxisScale, _ canvas: inout SVGCanvas, y: Double) {
    let middle = y + Self.rowHeight / 2
    let start = x(0, scale)
    let samples = bar.samples
    canvas.text(
      bar.label, x: start - 10, y: middle, size: 14, anchor: .end, isBold: bar.isOurs)
    canvas.box(
      x: start, y: y + 4, width: x(samples.median, scale) - start,
      height: Self.rowHeight - 8, fill: bar.isOurs ? SVGCanvas.ours : SVGCanvas.others)
    let (low, high) = (x(samples.low, scale), x(samples.high, scale))
    if samples.count > 1 {
      canvas.line(low, middle, high, middle, color: SVGCanvas.ink, width: 1.5)
      for x in [low, high] {
        canvas.line(x, middle - 4, x, middle + 4, color: SVGCanvas.ink, width: 1.5)
      }
    }
    let ratio = bar.ratio.map { "  (×\(TextTable.decimal($0, 2)))" } ?? ""
    canvas.text(
      Self.valueText(samples.median, places) + ratio,
      x: max(high, x(samples.median, scale)) + 10, y: middle, size: 14, isBold: bar.isOurs)
  }
}
