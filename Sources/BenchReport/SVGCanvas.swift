// Writes SVG 1.1 for pictures that are shown on a slide: boxes, lines, dots and text.

internal import Base

/// A drawing that is being written.
package struct SVGCanvas {
  package enum Anchor: String {
    case start
    case middle
    case end
  }

  static let ink = "#0f172a"
  static let faded = "#64748b"
  static let grid = "#e2e8f0"
  /// Martlet's bars, and everybody else's.
  static let ours = "#0369a1"
  static let others = "#94a3b8"
  /// Lines of a chart, told apart on paper and by people who see few colours.
  static let lines = [
    "#0369a1", "#b45309", "#475569", "#047857", "#a21caf", "#be123c", "#0891b2", "#84cc16",
    "#f59e0b", "#000000",
  ]

  let width: Double
  let height: Double
  private let title: String
  private var body = ""

  init(width: Double, height: Double, title: String) {
    (self.width, self.height, self.title) = (width, height, title)
  }

  /// The whole drawing.
  package var text: String {
    Self.head(width, height, title) + body + "</svg>\n"
  }

  /// Several drawings below each other.
  static func stacked(_ drawings: [SVGCanvas], title: String) -> String {
    var body = ""
    var top = 0.0
    for drawing in drawings {
      body += "<g transform=\"translate(0 \(SVGText.number(top)))\">\n\(drawing.body)</g>\n"
      top += drawing.height
    }
    return head(drawings.map(\.width).max() ?? 0, top, title) + body + "</svg>\n"
  }

  private static func head(_ width: Double, _ height: Double, _ title: String) -> String {
    let (width, height) = (SVGText.number(width), SVGText.number(height))
    return """
      <?xml version="1.0" encoding="UTF-8"?>
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
      viewBox="0 0 \(width) \(height)" font-family="Inter, 'Segoe UI', 'Helvetica Neue', Arial, \
      'DejaVu Sans', sans-serif" role="img">
      <title>\(SVGText.escaped(title))</title>
      <rect width="\(width)" height="\(height)" fill="#ffffff"/>

      """
  }

  mutating func box(x: Double, y: Double, width: Double, height: Double, fill: String) {
    body +=
      "<rect x=\"\(SVGText.number(x))\" y=\"\(SVGText.number(y))\""
      + " width=\"\(SVGText.number(max(0, width)))\" height=\"\(SVGText.number(height))\""
      + " rx=\"2\" fill=\"\(fill)\"/>\n"
  }

  mutating func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, color: String, width: Double = 1
  ) {
    polyline([(x1, y1), (x2, y2)], color: color, width: width)
  }

  mutating func polyline(_ points: [(x: Double, y: Double)], color: String, width: Double) {
    let path = points.enumerated().map { index, point in
      "\(index == 0 ? "M" : "L")\(SVGText.number(point.x)) \(SVGText.number(point.y))"
    }.joined(separator: " ")
    body +=
      "<path d=\"\(path)\" fill=\"none\" stroke=\"\(color)\""
      + " stroke-width=\"\(SVGText.number(width))\" stroke-linejoin=\"round\"/>\n"
  }

  mutating func dot(_ x: Double, _ y: Double, radius: Double, color: String) {
    body +=
      "<circle cx=\"\(SVGText.number(x))\" cy=\"\(SVGText.number(y))\""
      + " r=\"\(SVGText.number(radius))\" fill=\"\(color)\"/>\n"
  }

  /// Text on a line of its own; `y` is its middle.
  mutating func text(
    _ text: String, x: Double, y: Double, size: Double, color: String = SVGCanvas.ink,
    anchor: Anchor = .start, isBold: Bool = false
  ) {
    let weight = isBold ? " font-weight=\"600\"" : ""
    // The height of digits and capitals is about 0.72 of the size, and half of that is below y.
    body +=
      "<text x=\"\(SVGText.number(x))\" y=\"\(SVGText.number(y + size * 0.36))\""
      + " font-size=\"\(SVGText.number(size))\" fill=\"\(color)\""
      + " text-anchor=\"\(anchor.rawValue)\"\(weight)>\(SVGText.escaped(text))</text>\n"
  }

  /// Title, unit, and at the foot where and how it was measured: the same on every picture.
  mutating func frame(title: String, subtitle: String, foot: Surroundings) {
    text(title, x: 28, y: 34, size: 24, isBold: true)
    text(subtitle, x: 28, y: 62, size: 15, color: Self.faded)
    text(foot.line, x: 28, y: height - 40, size: 12, color: Self.faded)
    text(foot.command, x: 28, y: height - 22, size: 12, color: Self.faded)
  }
}
