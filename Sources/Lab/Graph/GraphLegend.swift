// What colours and lines mean, and which of them a drawing has.

internal import Model

struct GraphLegend {
  private static let gap = 26.0
  /// More VLANs than this are not listed one by one.
  private static let settingsMax = 8

  private let palette: GraphPalette
  private let settings: [VLANSetting]
  private let lines: [(role: GraphUplink.Role, words: String)]

  init(_ palette: GraphPalette, hosts: [GraphHost]) {
    self.palette = palette
    settings = Array(palette.settings.prefix(Self.settingsMax))
    let uplinks = hosts.flatMap { $0.switches.flatMap(\.uplinks) + $0.spares }
    let roles = uplinks.flatMap(\.users).map(\.role)
    var lines: [(GraphUplink.Role, String)] = []
    if roles.contains(.active) { lines.append((.active, "active uplink")) }
    if roles.contains(.standby) { lines.append((.standby, "standby uplink")) }
    if uplinks.contains(where: { $0.users.isEmpty }) { lines.append((.unused, "unused nic")) }
    self.lines = lines
  }

  var width: Double {
    let chips = settings.map { Self.wordsWidth(GraphPalette.words($0)) + 22 + Self.gap }
    let lines = lines.map { Self.wordsWidth($0.words) + 50 + Self.gap }
    return (chips + lines).reduce(-Self.gap, +)
  }

  private static func wordsWidth(_ words: String) -> Double { GraphFont.width(words, size: 12) }

  /// Draws it around a middle.
  func draw(_ canvas: inout SVGCanvas, x middle: Double, y: Double) {
    var x = middle - width / 2
    for setting in settings {
      canvas.box(
        GraphBox(x: x, y: y - 7, width: 14, height: 14), fill: palette.hue(of: setting).strong,
        radius: 3)
      let words = GraphPalette.words(setting)
      canvas.text(words, x: x + 22, y: y, size: 12, color: GraphPalette.line)
      x += Self.wordsWidth(words) + 22 + Self.gap
    }
    for (role, words) in lines {
      canvas.line(x, y, x + 40, y, .role(role))
      canvas.text(words, x: x + 50, y: y, size: 12, color: GraphPalette.line)
      x += Self.wordsWidth(words) + 50 + Self.gap
    }
  }
}
