// A host of the drawing, measured: its switches side by side, in each the port groups side by side,
// in each the nics of VMs in columns.
//
// Places are told from the edge of the host on which its nics sit: `away` grows into the host. So
// the same host can stand above the physical switches or, turned over, below them.

internal import Model
internal import Wire

/// A nic of a VM as a card.
struct GraphCard {
  static let padding = 12.0
  static let gap = 8.0

  var title: String
  /// Device and MAC address, then addresses.
  var lines: [String]

  var width: Double {
    let widths = lines.map { GraphFont.width($0, size: 11, isMono: true) }
    let title = GraphFont.width(title, size: 13, isBold: true)
    return (widths + [title]).max()! + 2 * Self.padding + 6
  }

  static func height(lineCount: Int) -> Double { 30 + 15 * Double(lineCount) + 4 }
}

/// A port group of a host.
struct GraphPortGroup {
  static let padding = 10.0
  /// More cards than this begin another column.
  private static let rowsMax = 6

  var name: String
  var vlan: VLANSetting
  var words: String
  var team: [String]
  var cards: [GraphCard]

  var columnCount: Int { max(1, (cards.count + Self.rowsMax - 1) / Self.rowsMax) }
  var rowCount: Int { (cards.count + columnCount - 1) / columnCount }
  /// All cards of a port group are of one size.
  var cardWidth: Double { cards.map(\.width).max() ?? 0 }
  var cardHeight: Double { GraphCard.height(lineCount: cards.map(\.lines.count).max() ?? 0) }

  var headerLines: [String] { [words] + team }

  var headerHeight: Double { 30 + 15 * Double(headerLines.count) + 3 }

  var width: Double {
    let columns = Double(columnCount)
    let body = columns * cardWidth + (columns - 1) * GraphCard.gap
    let head =
      headerLines.map { GraphFont.width($0, size: 11) }
      + [GraphFont.width(name, size: 14, isBold: true)]
    return max(body, head.max()! + 8, 90) + 2 * Self.padding
  }

  var bodyHeight: Double {
    Double(rowCount) * (cardHeight + GraphCard.gap) + (rowCount > 0 ? 2 : 0)
  }
}

/// An uplink with a nic, of a switch on a host.
struct GraphUplink {
  static let width = 92.0

  enum Role {
    case active
    case standby
    case unused
  }

  /// A port group that uses the uplink.
  struct User {
    var vlan: VLANSetting
    var role: Role
  }

  /// Empty when the nic stands for itself, as on a standard switch.
  var name: String
  var nic: String
  var physicalSwitch: String?
  /// In the order of the port groups.
  var users: [User]

  /// The best that a port group makes of it.
  var role: Role {
    users.contains { $0.role == .active } ? .active : users.isEmpty ? .unused : .standby
  }
}

/// A virtual switch of a host.
struct GraphSwitch {
  static let padding = 10.0
  static let barHeight = 44.0

  var name: String
  var words: String
  var groups: [GraphPortGroup]
  var uplinks: [GraphUplink]

  var groupsWidth: Double {
    groups.map(\.width).reduce(0, +) + Double(max(0, groups.count - 1)) * Self.padding
  }

  var width: Double {
    let bar = max(
      GraphFont.width(name, size: 14, isBold: true), GraphFont.width(words, size: 11))
    return max(groupsWidth, Double(uplinks.count) * GraphUplink.width, bar + 24) + 2 * Self.padding
  }

  var headerHeight: Double { groups.map(\.headerHeight).max() ?? 0 }
  /// What is in the port groups.
  var bodyHeight: Double { groups.map(\.bodyHeight).max() ?? 0 }
}

/// A host.
struct GraphHost {
  static let padding = 16.0
  static let titleHeight = 40.0

  var name: String
  var switches: [GraphSwitch]
  /// Nics that no switch uses.
  var spares: [GraphUplink]

  init(_ host: Host, in topology: Topology) {
    name = host.name
    let cables = Dictionary(host.nics.map { ($0.name, $0.physicalSwitch) }) { first, _ in first }
    let hostSwitches = topology.switches(onHost: host.name)
    let nics = topology.vms(onHost: host.name).flatMap { vm in
      vm.nics.indices.map { (vm, $0) }
    }
    switches = hostSwitches.map { hostSwitch in
      GraphSwitch(hostSwitch, cables: cables) { portgroup in
        nics.filter { vm, index in
          let found = topology.portgroup(of: vm.nics[index], of: vm)
          return found?.hostSwitch.name == hostSwitch.name && found?.portgroup.name == portgroup
        }.map { GraphCard($0, nic: $1) }
      }
    }
    let used = Set(hostSwitches.flatMap(\.uplinks).map(\.nic))
    spares = host.nics.filter { !used.contains($0.name) }.map {
      GraphUplink(name: "", nic: $0.name, physicalSwitch: $0.physicalSwitch, users: [])
    }
  }

  var width: Double {
    let parts =
      switches.map(\.width)
      + (spares.isEmpty ? [] : [Double(spares.count) * GraphUplink.width])
    let content = parts.reduce(0, +) + Double(max(0, parts.count - 1)) * Self.padding
    return max(content, GraphFont.width(name, size: 16, isBold: true) + 70, 150) + 2 * Self.padding
  }
}

extension GraphSwitch {
  fileprivate init(
    _ hostSwitch: HostSwitch, cables: [String: String],
    cards: (_ portgroup: String) -> [GraphCard]
  ) {
    name = GraphFont.excerpt(hostSwitch.name)
    words = "\(hostSwitch.kind.rawValue) switch, MTU \(hostSwitch.mtu)"
    if hostSwitch.uplinks.isEmpty { words += ", internal" }
    groups = hostSwitch.portgroups.map { portgroup in
      GraphPortGroup(
        name: GraphFont.excerpt(portgroup.name), vlan: portgroup.vlan,
        words: GraphPalette.words(portgroup.vlan),
        team: hostSwitch.uplinks.isEmpty
          ? [] : GraphPortGroup.teamWords(hostSwitch.effectivePolicy(of: portgroup).teaming),
        cards: cards(portgroup.name))
    }
    uplinks = hostSwitch.uplinks.map { binding in
      GraphUplink(
        name: binding.uplink == binding.nic ? "" : binding.uplink, nic: binding.nic,
        physicalSwitch: cables[binding.nic],
        users: hostSwitch.portgroups.compactMap { portgroup in
          let team = hostSwitch.effectivePolicy(of: portgroup).teaming
          if team.activeUplinks.value.contains(binding.uplink) {
            return GraphUplink.User(vlan: portgroup.vlan, role: .active)
          }
          return team.standbyUplinks.value.contains(binding.uplink)
            ? GraphUplink.User(vlan: portgroup.vlan, role: .standby) : nil
        })
    }
  }
}

extension GraphPortGroup {
  /// How a port group chooses its uplink, in at most two short lines.
  fileprivate static func teamWords(_ team: EffectivePolicy.Teaming) -> [String] {
    let active = excerpt(team.activeUplinks.value)
    let standby = excerpt(team.standbyUplinks.value)
    let how =
      switch team.policy.value {
      case .portID: "by port id"
      case .sourceMAC: "by source MAC"
      case .ipHash: "by IP hash"
      case .physicalLoad: "by load"
      case .explicitOrder: "in order"
      }
    return ["\(how): \(active)"] + (standby.isEmpty ? [] : ["standby: \(standby)"])
  }

  private static func excerpt(_ names: [String]) -> String {
    names.count <= 3
      ? names.map(GraphFont.excerpt).joined(separator: ", ")
      : names.prefix(2).map(GraphFont.excerpt).joined(separator: ", ")
        + " and \(names.count - 2) more"
  }
}

extension GraphCard {
  fileprivate init(_ vm: VirtualMachine, nic index: Int) {
    let nic = vm.nics[index]
    title = vm.name
    lines = ["\(VirtualMachine.deviceName(ofNIC: index)) \(nic.mac)"]
    lines += nic.addresses.prefix(4).map(\.description)
    if nic.addresses.count > 4 { lines.append("and \(nic.addresses.count - 4) more") }
  }
}
