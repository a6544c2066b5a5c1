// Where everything stands: hosts in a row above the physical switches, and from five hosts on a
// second row, turned over, below them.

internal import Model

struct GraphLayout {
  static let margin = 36.0
  static let hostGap = 32.0
  static let titleHeight = 84.0
  /// Between the hosts and the physical switches.
  static let cableHeight = 96.0
  static let physicalHeight = 52.0
  static let legendHeight = 72.0
  /// From this many hosts on there are two rows.
  private static let rowMax = 4

  /// Hosts at one height.
  struct Row {
    var hosts: [GraphHost]
    /// Where the nics are.
    var edgeY: Double
    /// Nics at the upper edge.
    var isTurned: Bool
    var height: Double
    /// All port groups of a row have headers of one height, and bodies of one height.
    var headerHeight: Double
    var bodyHeight: Double
    var startX: Double
  }

  let topology: Topology
  let palette: GraphPalette
  private(set) var rows: [Row] = []
  private(set) var physical: [PhysicalBar] = []
  private(set) var width = 0.0
  private(set) var height = 0.0
  /// The upper edge of the physical switches.
  private(set) var physicalY = 0.0

  init(_ topology: Topology) {
    self.topology = topology
    palette = GraphPalette(topology)
    let hosts = topology.hosts.map { GraphHost($0, in: topology) }
    let split = hosts.count > Self.rowMax ? (hosts.count + 1) / 2 : hosts.count
    let parts = [Array(hosts[..<split]), Array(hosts[split...])].filter { !$0.isEmpty }
    let hasPhysical = !topology.physicalSwitches.isEmpty
    width =
      (parts.map(Self.width) + [GraphLegend(palette, hosts: hosts).width, 480]).max()! + 2
      * Self.margin
    var y = Self.titleHeight
    for (index, part) in parts.enumerated() {
      let switches = part.flatMap(\.switches)
      let headerHeight = switches.map(\.headerHeight).max() ?? 0
      let bodyHeight = switches.map(\.bodyHeight).max() ?? 0
      let height =
        Away.groups + headerHeight + bodyHeight + GraphSwitch.padding + GraphHost.titleHeight
      let isTurned = index == 1 && hasPhysical
      rows.append(
        Row(
          hosts: part, edgeY: isTurned ? y : y + height, isTurned: isTurned, height: height,
          headerHeight: headerHeight, bodyHeight: bodyHeight,
          startX: (width - Self.width(part)) / 2))
      y += height
      if index == 0, hasPhysical {
        physicalY = y + Self.cableHeight
        y = physicalY + Self.physicalHeight + (parts.count > 1 ? Self.cableHeight : 0)
      } else if index == 0, parts.count > 1 {
        y += Self.hostGap
      }
    }
    if parts.isEmpty, hasPhysical {
      physicalY = y
      y += Self.physicalHeight
    }
    // Cables between physical switches that are not neighbours hang below them.
    let hasLinks = topology.physicalSwitches.contains { !$0.links.isEmpty }
    if hasLinks, topology.physicalSwitches.count > 2, parts.count < 2 { y += 36 }
    height = y + Self.legendHeight
    physical = PhysicalBar.place(topology, ends: cableEnds, y: physicalY, width: width)
  }

  /// Hosts of one row side by side.
  private static func width(_ hosts: [GraphHost]) -> Double {
    hosts.map(\.width).reduce(0, +) + Double(max(0, hosts.count - 1)) * hostGap
  }

  /// How far into a host things are, from the edge with its nics.
  enum Away {
    static let nicHeight = 26.0
    /// Names of uplinks stand on their nics.
    static let uplinks = nicHeight / 2
    static let uplinkHeight = 20.0
    static let bar = uplinks + uplinkHeight + 32
    static let groups = bar + GraphSwitch.barHeight + 8
  }

  /// A host with its place.
  struct PlacedHost {
    var host: GraphHost
    var row: Row
    var x: Double

    /// A box that is `away` from the edge with the nics.
    func box(_ x: Double, away: Double, _ width: Double, _ height: Double) -> GraphBox {
      let y = row.isTurned ? row.edgeY + away : row.edgeY - away - height
      return GraphBox(x: x, y: y, width: width, height: height)
    }

    /// Where each switch begins, and then the spare nics.
    var partX: [Double] {
      var x = self.x + GraphHost.padding
      var places: [Double] = []
      for width in host.switches.map(\.width) {
        places.append(x)
        x += width + GraphHost.padding
      }
      return places + [x]
    }

    /// The middle of an uplink of a switch: uplinks share its width evenly.
    func uplinkX(_ index: Int, of part: Int) -> Double {
      let drawn = host.switches[part]
      let step = drawn.width / Double(drawn.uplinks.count)
      return partX[part] + step * (Double(index) + 0.5)
    }

    /// The host itself.
    var outline: GraphBox { box(x, away: 0, host.width, row.height) }

    /// Where each port group of a switch begins: they stand in its middle.
    func groupX(of part: Int) -> [Double] {
      let drawn = host.switches[part]
      var x = partX[part] + (drawn.width - drawn.groupsWidth) / 2
      return drawn.groups.map { group in
        defer { x += group.width + GraphSwitch.padding }
        return x
      }
    }

    /// A card of a port group that begins at `x`.
    func cardBox(_ number: Int, of group: GraphPortGroup, x: Double) -> GraphBox {
      let columns = Double(group.columnCount)
      let body = columns * group.cardWidth + (columns - 1) * GraphCard.gap
      let (column, line) = (number / group.rowCount, number % group.rowCount)
      // The first card is the highest, also where the host is turned over.
      let slot = row.isTurned ? line : group.rowCount - 1 - line
      let inside = Double(slot) * (group.cardHeight + GraphCard.gap) + GraphCard.gap - 2
      return box(
        x + (group.width - body) / 2 + Double(column) * (group.cardWidth + GraphCard.gap),
        away: Away.groups + row.headerHeight + inside, group.cardWidth, group.cardHeight)
    }

    /// All cards of the host.
    var cardBoxes: [GraphBox] {
      host.switches.indices.flatMap { part in
        zip(host.switches[part].groups, groupX(of: part)).flatMap { group, x in
          group.cards.indices.map { cardBox($0, of: group, x: x) }
        }
      }
    }

    func spareX(_ index: Int) -> Double {
      partX[host.switches.count] + GraphUplink.width * (Double(index) + 0.5)
    }
  }

  var placedHosts: [PlacedHost] {
    rows.flatMap { row in
      var x = row.startX
      return row.hosts.map { host in
        defer { x += host.width + Self.hostGap }
        return PlacedHost(host: host, row: row, x: x)
      }
    }
  }

  /// A nic at the edge of its host, from which a cable goes.
  struct CableEnd {
    var x: Double
    var y: Double
    var isTurned: Bool
    var physicalSwitch: String
    var role: GraphUplink.Role
  }

  var cableEnds: [CableEnd] {
    placedHosts.flatMap { placed in
      let used = placed.host.switches.enumerated().flatMap { part, drawn in
        drawn.uplinks.enumerated().map { ($1, placed.uplinkX($0, of: part)) }
      }
      let spare = placed.host.spares.enumerated().map { ($1, placed.spareX($0)) }
      return (used + spare).compactMap { uplink, x in
        uplink.physicalSwitch.map { name in
          let half = Away.nicHeight / 2
          return CableEnd(
            x: x, y: placed.row.edgeY + (placed.row.isTurned ? -half : half),
            isTurned: placed.row.isTurned, physicalSwitch: name, role: uplink.role)
        }
      }
    }
  }
}
