// A topology as a drawing: SVG to look at, and the language of Graphviz for other tools.
//
// Both are made from the topology alone and are the same in every run. The SVG stands by itself:
// no script, no font of its own, no reference outside.

public import Model

/// Draws topologies.
public enum LabGraph {
  /// A picture in SVG 1.1.
  public static func svg(_ topology: Topology) -> String {
    let layout = GraphLayout(topology)
    var canvas = SVGCanvas(
      width: layout.width, height: layout.height, title: "Network \(topology.name)")
    layout.draw(on: &canvas)
    return canvas.text
  }
}

/// A rectangle of the drawing, in pixels; y grows downwards.
struct GraphBox: Hashable {
  var x: Double
  var y: Double
  var width: Double
  var height: Double

  var right: Double { x + width }
  var bottom: Double { y + height }
  var middleX: Double { x + width / 2 }
  var middleY: Double { y + height / 2 }
}

/// How wide text is. The fonts of the reader are not known: this is a wide one (DejaVu Sans), so
/// that text does not leave its box in any usual font.
enum GraphFont {
  /// A name, cut where it would stretch the drawing.
  static func excerpt(_ name: String) -> String {
    name.count <= 28 ? name : name.prefix(27) + "…"
  }

  static func width(_ text: String, size: Double, isBold: Bool = false, isMono: Bool = false)
    -> Double
  {
    if isMono { return Double(text.count) * size * 0.605 }
    let units = text.reduce(0.0) { sum, letter in
      switch letter {
      case "i", "j", "l", ".", ",", ":", "'", "|", "!", " ": sum + 0.36
      case "f", "t", "r", "-", "(", ")", "/", "·": sum + 0.43
      case "m", "w", "M", "W", "@": sum + 0.95
      case "A"..."Z": sum + 0.73
      default: sum + 0.64
      }
    }
    return units * size * (isBold ? 1.1 : 1)
  }
}
