// Colours: one hue for each VLAN of a drawing, dark enough for white text; greys for everything else.
// No colour says anything alone: the VLAN is written wherever its hue is.

internal import Model

/// The colours of one VLAN setting.
struct GraphHue: Hashable {
  /// For stripes and labels, under white text.
  var strong: String
  /// For areas, under dark text.
  var faint: String
}

/// The VLANs of a topology, each with its hue.
struct GraphPalette {
  static let ink = "#0f172a"
  static let faded = "#64748b"
  static let line = "#334155"
  static let border = "#cbd5e1"
  static let page = "#ffffff"
  static let host = "#f8fafc"
  static let switchFill = "#eef2f7"
  static let bar = "#1e293b"

  private static let untagged = GraphHue(strong: "#64748b", faint: "#f1f5f9")
  private static let trunk = GraphHue(strong: "#334155", faint: "#e2e8f0")
  private static let hues = [
    GraphHue(strong: "#0369a1", faint: "#e0f2fe"), GraphHue(strong: "#047857", faint: "#d1fae5"),
    GraphHue(strong: "#be123c", faint: "#ffe4e6"), GraphHue(strong: "#b45309", faint: "#fef3c7"),
    GraphHue(strong: "#6d28d9", faint: "#ede9fe"), GraphHue(strong: "#0e7490", faint: "#cffafe"),
    GraphHue(strong: "#a21caf", faint: "#fae8ff"), GraphHue(strong: "#4d7c0f", faint: "#ecfccb"),
  ]

  /// Every setting that occurs: none, then access by number, then trunks.
  let settings: [VLANSetting]

  init(_ topology: Topology) {
    let groups =
      topology.distributedSwitches.flatMap(\.portgroups)
      + topology.standardSwitches.flatMap(\.portgroups)
    settings = Set(groups.map(\.vlan)).sorted { left, right in
      (Self.rank(left), left.description) < (Self.rank(right), right.description)
    }
  }

  private static func rank(_ setting: VLANSetting) -> Int {
    switch setting {
    case .none: 0
    case .access(let vlan), .privateVLAN(let vlan): Int(vlan)
    case .trunk: 5000
    }
  }

  func hue(of setting: VLANSetting) -> GraphHue {
    switch setting {
    case .none: return Self.untagged
    case .trunk: return Self.trunk
    case .access, .privateVLAN:
      let numbered = settings.filter { (1...4094).contains(Self.rank($0)) }
      return Self.hues[(numbered.firstIndex(of: setting) ?? 0) % Self.hues.count]
    }
  }

  /// `VLAN 10`, `no VLAN`, `trunk 0-99,200`.
  static func words(_ setting: VLANSetting) -> String {
    switch setting {
    case .none: "no VLAN"
    case .access(let vlan): "VLAN \(vlan)"
    case .privateVLAN(let vlan): "private VLAN \(vlan)"
    case .trunk(let ranges):
      ranges == .all ? "trunk of all VLANs" : "trunk \(excerpt(ranges.description))"
    }
  }

  private static func excerpt(_ text: String) -> String {
    text.count <= 24 ? text : text.prefix(22) + "…"
  }
}
