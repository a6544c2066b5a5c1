// Writes SVG 1.1: boxes, lines and text, in the order in which they are drawn.

internal import Base

/// A drawing that is being written.
struct SVGCanvas {
  enum Anchor: String {
    case start
    case middle
    case end
  }

  /// How a line is drawn.
  struct Stroke {
    var color = GraphPalette.line
    var width = 2.0
    /// `nil` is a solid line.
    var dashes: String?
  }

  private var body = ""
  private let head: String

  init(width: Double, height: Double, title: String) {
    let (width, height) = (SVGText.number(width), SVGText.number(height))
    head =
      """
      <?xml version="1.0" encoding="UTF-8"?>
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
      viewBox="0 0 \(width) \(height)" font-family="Inter, 'Segoe UI', 'Helvetica Neue', Arial, \
      'DejaVu Sans', sans-serif" role="img">
      <title>\(SVGText.escaped(title))</title>
      <rect width="\(width)" height="\(height)" fill="\(GraphPalette.page)"/>

      """
  }

  /// The whole drawing.
  var text: String { head + body + "</svg>\n" }

  mutating func box(
    _ box: GraphBox, fill: String, stroke: String? = nil, radius: Double = 6,
    strokeWidth: Double = 1, dashes: String? = nil
  ) {
    let line =
      stroke.map { " stroke=\"\($0)\" stroke-width=\"\(SVGText.number(strokeWidth))\"" } ?? ""
    let gaps = dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
    body +=
      "<rect x=\"\(SVGText.number(box.x))\" y=\"\(SVGText.number(box.y))\""
      + " width=\"\(SVGText.number(box.width))\" height=\"\(SVGText.number(box.height))\""
      + " rx=\"\(SVGText.number(radius))\" fill=\"\(fill)\"\(line)\(gaps)/>\n"
  }

  /// Text on a line of its own; `y` is its middle.
  mutating func text(
    _ text: String, x: Double, y: Double, size: Double, color: String = GraphPalette.ink,
    anchor: Anchor = .start, isBold: Bool = false, isMono: Bool = false
  ) {
    let weight = isBold ? " font-weight=\"600\"" : ""
    let family =
      isMono
      ? " font-family=\"'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace\"" : ""
    // The height of digits and capitals is about 0.72 of the size, and half of that is below y.
    body +=
      "<text x=\"\(SVGText.number(x))\" y=\"\(SVGText.number(y + size * 0.36))\""
      + " font-size=\"\(SVGText.number(size))\" fill=\"\(color)\""
      + " text-anchor=\"\(anchor.rawValue)\"\(weight)\(family)>\(SVGText.escaped(text))</text>\n"
  }

  mutating func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ stroke: Stroke = Stroke()
  ) {
    path(
      "M\(SVGText.number(x1)) \(SVGText.number(y1)) L\(SVGText.number(x2)) \(SVGText.number(y2))",
      stroke)
  }

  /// A curve that leaves both ends upright.
  mutating func cable(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ stroke: Stroke = Stroke()
  ) {
    let middle = SVGText.number((y1 + y2) / 2)
    path(
      "M\(SVGText.number(x1)) \(SVGText.number(y1)) C\(SVGText.number(x1)) \(middle) "
        + "\(SVGText.number(x2)) \(middle) \(SVGText.number(x2)) \(SVGText.number(y2))", stroke)
  }

  /// A curve that hangs down between two points at one height.
  mutating func sag(_ x1: Double, _ x2: Double, y: Double, depth: Double, _ stroke: Stroke) {
    let low = SVGText.number(y + depth)
    path(
      "M\(SVGText.number(x1)) \(SVGText.number(y)) C\(SVGText.number(x1)) \(low) "
        + "\(SVGText.number(x2)) \(low) \(SVGText.number(x2)) \(SVGText.number(y))", stroke)
  }

  private mutating func path(_ points: String, _ stroke: Stroke) {
    let gaps = stroke.dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
    body +=
      "<path d=\"\(points)\" fill=\"none\" stroke=\"\(stroke.color)\""
      + " stroke-width=\"\(SVGText.number(stroke.width))\" stroke-linecap=\"round\"\(gaps)/>\n"
  }
}
