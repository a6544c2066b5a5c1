// Draws a layout: cables first, so that they end under what they enter.

internal import Model

extension GraphLayout {
  /// One line for each port group of an uplink, unless there are more.
  private static let leadsMax = 8
  private static let leadStep = 9.0

  func draw(on canvas: inout SVGCanvas) {
    drawTitle(&canvas)
    drawCables(&canvas)
    for bar in physical { draw(bar, &canvas) }
    for placed in placedHosts { draw(placed, &canvas) }
    GraphLegend(palette, hosts: rows.flatMap(\.hosts)).draw(
      &canvas, x: width / 2, y: height - Self.legendHeight / 2)
  }

  private func drawTitle(_ canvas: inout SVGCanvas) {
    let count = { (number: Int, one: String, several: String) in
      "\(number) \(number == 1 ? one : several)"
    }
    canvas.text(topology.name, x: Self.margin, y: 34, size: 24, isBold: true)
    let words = [
      count(topology.hosts.count, "host", "hosts"),
      count(topology.physicalSwitches.count, "physical switch", "physical switches"),
      count(topology.vms.count, "VM", "VMs"),
    ]
    canvas.text(
      words.joined(separator: ", "), x: Self.margin, y: 60, size: 13, color: GraphPalette.faded)
  }

  private func drawCables(_ canvas: inout SVGCanvas) {
    for bar in physical {
      for (end, x) in bar.ports {
        let entry = end.isTurned ? bar.box.bottom : bar.box.y
        canvas.cable(end.x, end.y, x, entry, .role(end.role))
        let top = end.isTurned ? entry - 2 : entry - 6
        canvas.box(
          GraphBox(x: x - 6, y: top, width: 12, height: 8), fill: GraphPalette.bar, radius: 2)
      }
    }
    for (index, bar) in physical.enumerated() {
      let links = topology.physicalSwitches.first { $0.name == bar.name }?.links ?? []
      for link in links {
        guard let other = physical.firstIndex(where: { $0.name == link }) else { continue }
        let (left, right) = (physical[min(index, other)].box, physical[max(index, other)].box)
        if abs(index - other) == 1 {
          canvas.line(left.right, left.middleY, right.x, right.middleY, SVGCanvas.Stroke(width: 3))
        } else {
          canvas.sag(
            left.middleX + 20, right.middleX - 20, y: left.bottom, depth: 44,
            SVGCanvas.Stroke(width: 3))
        }
      }
    }
  }

  private func draw(_ bar: PhysicalBar, _ canvas: inout SVGCanvas) {
    canvas.box(bar.box, fill: GraphPalette.bar, radius: 8)
    canvas.text(
      bar.name, x: bar.box.middleX, y: bar.box.middleY - 8, size: 14, color: "#ffffff",
      anchor: .middle, isBold: true)
    canvas.text(
      bar.words, x: bar.box.middleX, y: bar.box.middleY + 11, size: 11, color: "#94a3b8",
      anchor: .middle)
  }

  private func draw(_ placed: PlacedHost, _ canvas: inout SVGCanvas) {
    let height = placed.row.height
    canvas.box(
      placed.outline, fill: GraphPalette.host, stroke: GraphPalette.border, radius: 12,
      strokeWidth: 1.5)
    let title = placed.box(
      placed.x, away: height - GraphHost.titleHeight, placed.host.width, GraphHost.titleHeight)
    canvas.text(
      placed.host.name, x: title.x + GraphHost.padding, y: title.middleY, size: 16, isBold: true)
    let vms = topology.vms(onHost: placed.host.name).count
    canvas.text(
      "\(vms) \(vms == 1 ? "VM" : "VMs")", x: title.right - GraphHost.padding, y: title.middleY,
      size: 11,
      color: GraphPalette.faded, anchor: .end)
    for index in placed.host.switches.indices { drawSwitch(index, of: placed, &canvas) }
    for (index, spare) in placed.host.spares.enumerated() {
      drawNIC(spare.nic, at: placed.spareX(index), of: placed, isUsed: false, &canvas)
    }
  }

  private func drawSwitch(_ index: Int, of placed: PlacedHost, _ canvas: inout SVGCanvas) {
    let drawn = placed.host.switches[index]
    let x = placed.partX[index]
    let area = placed.row.height - Away.bar - GraphHost.titleHeight
    canvas.box(
      placed.box(x, away: Away.bar, drawn.width, area), fill: GraphPalette.switchFill,
      stroke: GraphPalette.border, radius: 8)
    for (number, uplink) in drawn.uplinks.enumerated() {
      draw(uplink, at: placed.uplinkX(number, of: index), of: placed, &canvas)
    }
    let bar = placed.box(x, away: Away.bar, drawn.width, GraphSwitch.barHeight)
    canvas.box(bar, fill: "#475569", radius: 8)
    canvas.text(
      drawn.name, x: bar.middleX, y: bar.middleY - 8, size: 14, color: "#ffffff", anchor: .middle,
      isBold: true)
    canvas.text(
      drawn.words, x: bar.middleX, y: bar.middleY + 10, size: 11, color: "#e2e8f0",
      anchor: .middle)
    for (group, groupX) in zip(drawn.groups, placed.groupX(of: index)) {
      draw(group, x: groupX, of: placed, &canvas)
    }
  }

  private func draw(
    _ uplink: GraphUplink, at x: Double, of placed: PlacedHost, _ canvas: inout SVGCanvas
  ) {
    let start = uplink.name.isEmpty ? 0 : Away.uplinks + Away.uplinkHeight
    let lead = placed.box(x, away: start, 0, Away.bar - start)
    let isMany = uplink.users.count > Self.leadsMax
    let strokes =
      uplink.users.isEmpty || isMany
      ? [.role(uplink.role)]
      : uplink.users.map { user in
        SVGCanvas.Stroke.role(user.role, color: palette.hue(of: user.vlan).strong)
      }
    for (number, stroke) in strokes.enumerated() {
      let leadX = x + (Double(number) - Double(strokes.count - 1) / 2) * Self.leadStep
      canvas.line(leadX, lead.y, leadX, lead.bottom, stroke)
    }
    if !uplink.name.isEmpty {
      let slot = placed.box(
        x - GraphUplink.width / 2 + 10, away: Away.uplinks, GraphUplink.width - 20,
        Away.uplinkHeight)
      canvas.box(slot, fill: "#e2e8f0", radius: 4)
      canvas.text(
        Self.fit(uplink.name), x: x, y: slot.middleY, size: 11, color: GraphPalette.line,
        anchor: .middle)
    }
    drawNIC(uplink.nic, at: x, of: placed, isUsed: true, &canvas)
  }

  /// A nic sits on the edge of its host.
  private func drawNIC(
    _ name: String, at x: Double, of placed: PlacedHost, isUsed: Bool, _ canvas: inout SVGCanvas
  ) {
    let box = placed.box(
      x - GraphUplink.width / 2 + 4, away: -Away.nicHeight / 2, GraphUplink.width - 8,
      Away.nicHeight)
    canvas.box(
      box, fill: "#ffffff", stroke: isUsed ? GraphPalette.line : GraphPalette.border, radius: 5,
      strokeWidth: 1.5)
    canvas.text(
      Self.fit(name), x: x, y: box.middleY, size: 11,
      color: isUsed ? GraphPalette.ink : GraphPalette.faded, anchor: .middle, isBold: isUsed)
  }

  private func draw(
    _ group: GraphPortGroup, x: Double, of placed: PlacedHost, _ canvas: inout SVGCanvas
  ) {
    let headerHeight = placed.row.headerHeight
    let hue = palette.hue(of: group.vlan)
    let header = placed.box(x, away: Away.groups, group.width, headerHeight)
    let whole = placed.box(x, away: Away.groups, group.width, headerHeight + placed.row.bodyHeight)
    canvas.box(whole, fill: hue.faint, radius: 7)
    canvas.box(header, fill: hue.strong, radius: 7)
    canvas.text(
      group.name, x: header.middleX, y: header.y + 17, size: 14, color: "#ffffff",
      anchor: .middle, isBold: true)
    for (number, line) in group.headerLines.enumerated() {
      canvas.text(
        line, x: header.middleX, y: header.y + 36 + 15 * Double(number), size: 11,
        color: "#ffffff", anchor: .middle)
    }
    for (number, card) in group.cards.enumerated() {
      draw(card, in: placed.cardBox(number, of: group, x: x), hue, &canvas)
    }
  }

  private func draw(
    _ card: GraphCard, in box: GraphBox, _ hue: GraphHue, _ canvas: inout SVGCanvas
  ) {
    canvas.box(box, fill: "#ffffff", stroke: hue.strong, radius: 5, strokeWidth: 0.8)
    canvas.box(
      GraphBox(x: box.x, y: box.y, width: 5, height: box.height), fill: hue.strong, radius: 2)
    let x = box.x + GraphCard.padding + 2
    canvas.text(card.title, x: x, y: box.y + 16, size: 13, isBold: true)
    for (number, line) in card.lines.enumerated() {
      canvas.text(
        line, x: x, y: box.y + 35 + 15 * Double(number), size: 11,
        color: number == 0 ? GraphPalette.faded : GraphPalette.ink, isMono: true)
    }
  }

  /// A name that fits into the box of a nic.
  private static func fit(_ name: String) -> String {
    var text = name
    while GraphFont.width(text, size: 11, isBold: true) > GraphUplink.width - 14, text.count > 2 {
      text = String(text.dropLast(text.hasSuffix("…") ? 2 : 1)) + "…"
    }
    return text
  }
}

extension SVGCanvas.Stroke {
  static func role(_ role: GraphUplink.Role, color: String = GraphPalette.line) -> Self {
    switch role {
    case .active: Self(color: color)
    case .standby: Self(color: color, dashes: "5 5")
    case .unused: Self(color: "#94a3b8", width: 1.5, dashes: "1 5")
    }
  }
}
