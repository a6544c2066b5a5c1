// The physical switches of the drawing: bars side by side, each near its cables, and where each
// cable enters.

internal import Model

struct PhysicalBar {
  private static let gap = 48.0
  private static let widthMin = 150.0
  private static let portStep = 24.0

  var name: String
  var words: String
  var box: GraphBox
  /// Cables to hosts, with where each one enters.
  var ports: [(end: GraphLayout.CableEnd, x: Double)]

  /// Places all bars of a topology in the width of the drawing.
  static func place(
    _ topology: Topology, ends: [GraphLayout.CableEnd], y: Double, width: Double
  ) -> [PhysicalBar] {
    let bars = topology.physicalSwitches.map { physical in
      let own = ends.filter { $0.physicalSwitch == physical.name }
      let perSide = max(own.count { $0.isTurned }, own.count { !$0.isTurned })
      let name = GraphFont.width(physical.name, size: 14, isBold: true)
      let wanted = max(widthMin, name + 60, Double(perSide + 1) * portStep)
      let middle = own.isEmpty ? width / 2 : own.map(\.x).reduce(0, +) / Double(own.count)
      return (physical: physical, own: own, width: wanted, middle: middle)
    }
    // Stable: equal middles stay in the order of the file.
    let order = bars.indices.sorted {
      (bars[$0].middle, $0) < (bars[$1].middle, $1)
    }
    let room = width - 2 * GraphLayout.margin
    let needed = bars.map(\.width).reduce(0, +) + Double(max(0, bars.count - 1)) * gap
    // What is left over makes the bars wider, up to twice, and then the gaps.
    let stretch = min(2, max(1, (room - needed) / max(1, bars.map(\.width).reduce(0, +)) * 0.5 + 1))
    let widths = order.map { bars[$0].width * stretch }
    let free = room - widths.reduce(0, +) - Double(max(0, bars.count - 1)) * gap
    let space = max(0, free) / Double(bars.count + 1)
    var x = GraphLayout.margin + space
    return zip(order, widths).map { index, barWidth in
      let box = GraphBox(x: x, y: y, width: barWidth, height: GraphLayout.physicalHeight)
      x += barWidth + gap + space
      return PhysicalBar(
        name: bars[index].physical.name, words: "physical switch (\(bars[index].physical.kind))",
        box: box,
        ports: enter(bars[index].own.filter { !$0.isTurned }, box)
          + enter(bars[index].own.filter { $0.isTurned }, box))
    }
  }

  /// Cables of one side enter in the order of their hosts, below them where there is room.
  private static func enter(
    _ ends: [GraphLayout.CableEnd], _ box: GraphBox
  ) -> [(end: GraphLayout.CableEnd, x: Double)] {
    let sorted = ends.sorted { $0.x < $1.x }
    let step = min(portStep, box.width / Double(sorted.count + 1))
    let (low, high) = (box.x + step / 2 + 6, box.right - step / 2 - 6)
    var places = sorted.map { min(max($0.x, low), high) }
    for index in places.indices.dropFirst() {
      places[index] = max(places[index], places[index - 1] + step)
    }
    // Those pushed over the end come back, and push their neighbours.
    var limit = high
    for index in places.indices.reversed() {
      places[index] = min(places[index], limit)
      limit = places[index] - step
    }
    return Array(zip(sorted, places)).map { (end: $0, x: $1) }
  }
}
