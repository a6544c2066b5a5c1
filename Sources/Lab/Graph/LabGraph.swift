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

  /// Where hosts and physical switches are (outer), and the cards of VMs in them (inner).
  package static func outlines(_ topology: Topology) -> (
    outer: [GraphBox], inner: [GraphBox], width: Double, height: Double
  ) {
    let layout = GraphLayout(topology)
    let hosts = layout.placedHosts
    return (
      hosts.map(\.outline) + layout.physical.map(\.box), hosts.flatMap(\.cardBoxes),
      layout.width, layout.height
    )
  }
}

/// A rectangle of the drawing, in pixels; y grows downwards.
package struct GraphBox: Hashable {
  package var x: Double
  package var y: Double
  package var width: Double
  package var height: Double

  package var right: Double { x + width }
  package var bottom: Double { y + height }

  package func overlaps(_ other: GraphBox) -> Bool {
    x < other.right && other.x < right && y < other.bottom && other.y < bottom
  }

  package func contains(_ other: GraphBox) -> Bool {
    x <= other.x && other.right <= right && y <= other.y && other.bottom <= bottom
  }

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
