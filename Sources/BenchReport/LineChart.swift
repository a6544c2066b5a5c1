// Lines over a number: loss over rate, round trip over load, frames over addresses.

/// Several series over one number.
public struct LineChart: Equatable, Sendable {
  public struct Series: Equatable, Sendable {
    public var name: String
    /// In ascending order of x.
    public var points: [Point]

    public init(_ name: String, _ points: [Point]) {
      self.name = name
      self.points = points
    }
  }

  public struct Point: Equatable, Sendable {
    public var x: Double
    public var samples: Samples

    public init(_ x: Double, _ samples: Samples) {
      self.x = x
      self.samples = samples
    }
  }

  private static let size = (width: 960.0, height: 560.0)
  private static let area = (left: 96.0, top: 100.0, right: 690.0, bottom: 440.0)

  /// A word for the file.
  public let name: String
  public let title: String
  public let xTitle: String
  public let yTitle: String
  public var isLogarithmicX = false
  public var isLogarithmicY = false
  public private(set) var series: [Series] = []

  public init(_ name: String, title: String, x xTitle: String, y yTitle: String) {
    self.name = name
    self.title = title
    self.xTitle = xTitle
    self.yTitle = yTitle
  }

  /// Adds a line; one without points is left out.
  public mutating func add(_ line: Series) {
    if !line.points.isEmpty { series.append(line) }
  }

  package func drawing(foot: Surroundings) -> SVGCanvas {
    var canvas = SVGCanvas(width: Self.size.width, height: Self.size.height, title: title)
    canvas.frame(
      title: title, subtitle: "\(yTitle), over \(xTitle); dot: median, whisker: lowest to highest",
      foot: foot)
    let points = series.flatMap(\.points)
    guard !points.isEmpty else { return canvas }
    let xScale = scale(points.map(\.x), isLogarithmic: isLogarithmicX)
    let yScale = scale(
      points.map(\.samples.low) + points.map(\.samples.high), isLogarithmic: isLogarithmicY)
    drawAxes(xScale, yScale, &canvas)
    for (index, line) in series.enumerated() {
      let color = SVGCanvas.lines[index % SVGCanvas.lines.count]
      draw(line, xScale, yScale, &canvas, color: color)
      let y = Self.area.top + 12 + Double(index) * 26
      canvas.line(
        Self.area.right + 24, y, Self.area.right + 48, y, color: color, width: 3)
      canvas.text(line.name, x: Self.area.right + 56, y: y, size: 14)
    }
    return canvas
  }

  private func scale(_ values: [Double], isLogarithmic: Bool) -> AxisScale {
    let positive = values.filter { $0 > 0 }
    guard isLogarithmic, let low = positive.min(), let high = positive.max() else {
      return AxisScale(to: values.max() ?? 1)
    }
    return AxisScale(logarithmic: low, high)
  }

  private static func x(_ value: Double, _ scale: AxisScale) -> Double {
    area.left + (area.right - area.left) * scale.position(of: value)
  }

  private static func y(_ value: Double, _ scale: AxisScale) -> Double {
    area.bottom - (area.bottom - area.top) * scale.position(of: value)
  }

  private func drawAxes(_ xScale: AxisScale, _ yScale: AxisScale, _ canvas: inout SVGCanvas) {
    for tick in yScale.ticks {
      let y = Self.y(tick, yScale)
      canvas.line(Self.area.left, y, Self.area.right, y, color: SVGCanvas.grid)
      canvas.text(
        AxisScale.label(tick), x: Self.area.left - 10, y: y, size: 13, color: SVGCanvas.faded,
        anchor: .end)
    }
    for tick in xScale.ticks {
      let x = Self.x(tick, xScale)
      canvas.line(x, Self.area.bottom, x, Self.area.bottom + 5, color: SVGCanvas.faded)
      canvas.text(
        AxisScale.label(tick), x: x, y: Self.area.bottom + 18, size: 13, color: SVGCanvas.faded,
        anchor: .middle)
    }
    canvas.line(
      Self.area.left, Self.area.bottom, Self.area.right, Self.area.bottom, color: SVGCanvas.faded)
    canvas.text(
      xTitle, x: (Self.area.left + Self.area.right) / 2, y: Self.area.bottom + 42, size: 14,
      anchor: .middle)
  }

  private func draw(
    _ line: Series, _ xScale: AxisScale, _ yScale: AxisScale, _ canvas: inout SVGCanvas,
    color: String
  ) {
    canvas.polyline(
      line.points.map { (x: Self.x($0.x, xScale), y: Self.y($0.samples.median, yScale)) },
      color: color, width: 2.5)
    for point in line.points {
      let x = Self.x(point.x, xScale)
      if point.samples.count > 1 {
        canvas.line(
          x, Self.y(point.samples.low, yScale), x, Self.y(point.samples.high, yScale),
          color: color, width: 1.5)
      }
      canvas.dot(x, Self.y(point.samples.median, yScale), radius: 4, color: color)
    }
  }
}
