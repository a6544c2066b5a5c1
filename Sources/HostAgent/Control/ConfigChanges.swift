// What a new configuration changes on this host, in lines for people: the answer to `apply --dry-run`.

internal import Model
internal import Planner

/// What a host runs: what is declared, and what was compiled from it.
struct RunningNetwork {
  var topology: Topology
  var switches: [PlannedSwitch]

  init(_ topology: Topology, _ switches: [PlannedSwitch]) {
    self.topology = topology
    self.switches = switches
  }
}

enum ConfigChanges {
  /// One line for each difference; empty when there is none.
  static func between(_ old: RunningNetwork, _ new: RunningNetwork) -> [String] {
    let names = (old.switches + new.switches).map(\.name)
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }.flatMap { name in
      let before = old.switches.first { $0.name == name }
      let after = new.switches.first { $0.name == name }
      switch (before, after) {
      case (nil, .some(let after)): return ["switch \(name): added"] + ports(nil, after)
      case (.some, nil): return ["switch \(name): removed"]
      case (.some(let before), .some(let after)):
        return settings(before, after) + portgroups(before, after) + ports(before, after)
          + ownSettings(
            Set(before.ports.map(\.label)).intersection(after.ports.map(\.label)), old.topology,
            new.topology)
      case (nil, nil): return []
      }
    }
  }

  /// What ports that stay say for themselves.
  private static func ownSettings(_ ports: Set<String>, _ old: Topology, _ new: Topology)
    -> [String]
  {
    new.allNICs.filter { ports.contains("\($0)") }.flatMap { nic in
      new.portChanges(of: nic, since: old).map { "port \(nic): \($0)" }
    }
  }

  private static func settings(_ old: PlannedSwitch, _ new: PlannedSwitch) -> [String] {
    var lines: [String] = []
    if old.hostSwitch.mtu != new.hostSwitch.mtu {
      lines.append("switch \(new.name): mtu \(old.hostSwitch.mtu) -> \(new.hostSwitch.mtu)")
    }
    for uplink in new.uplinks where !old.uplinks.contains(where: { $0.matches(uplink) }) {
      lines.append("switch \(new.name): uplink \(uplink.name) on \(uplink.nic) added")
    }
    for uplink in new.uplinks {
      guard let known = old.uplinks.first(where: { $0.matches(uplink) }),
        known.attachment != uplink.attachment
      else { continue }
      lines.append(
        "switch \(new.name): uplink \(uplink.name) attachment \(known.attachment) -> "
          + "\(uplink.attachment)")
    }
    for uplink in old.uplinks where !new.uplinks.contains(where: { $0.matches(uplink) }) {
      lines.append("switch \(new.name): uplink \(uplink.name) on \(uplink.nic) removed")
    }
    return lines
  }

  private static func portgroups(_ old: PlannedSwitch, _ new: PlannedSwitch) -> [String] {
    var lines: [String] = []
    for portgroup in new.hostSwitch.portgroups {
      let name = "port group \(new.name)/\(portgroup.name)"
      guard let known = old.hostSwitch.portgroup(named: portgroup.name) else {
        lines.append("\(name): added")
        continue
      }
      if known.vlan != portgroup.vlan {
        lines.append("\(name): vlan \(known.vlan) -> \(portgroup.vlan)")
      }
      var before = old.hostSwitch.effectivePolicy(of: known)
      let after = new.hostSwitch.effectivePolicy(of: portgroup)
      // The VLAN was told.
      before.vlan = after.vlan
      if before != after {
        lines.append("\(name): policy changed")
      }
    }
    for portgroup in old.hostSwitch.portgroups
    where new.hostSwitch.portgroup(named: portgroup.name) == nil {
      lines.append("port group \(new.name)/\(portgroup.name): removed")
    }
    return lines
  }

  private static func ports(_ old: PlannedSwitch?, _ new: PlannedSwitch) -> [String] {
    var lines: [String] = []
    for port in new.ports {
      guard let known = old?.ports.first(where: { $0.key == port.key }) else {
        lines.append("port \(port.label): plugged into \(new.name)/\(port.portgroup)")
        continue
      }
      if known.portgroup != port.portgroup {
        lines.append("port \(port.label): port group \(known.portgroup) -> \(port.portgroup)")
      }
      if known.mac != port.mac {
        lines.append("port \(port.label): mac \(known.mac) -> \(port.mac)")
      }
      if known.vhostUser != port.vhostUser {
        lines.append("port \(port.label): \(known.reach) -> \(port.reach)")
      }
      if known.addresses != port.addresses { lines.append("port \(port.label): addresses changed") }
    }
    for port in old?.ports ?? [] where !new.ports.contains(where: { $0.key == port.key }) {
      lines.append("port \(port.label): unplugged")
    }
    return lines
  }
}

extension PlannedPort {
  /// How the nic is reached: `tap`, `vhost-user server queues 1`.
  fileprivate var reach: String {
    guard let vhostUser else { return "tap" }
    let words = [
      "vhost-user", vhostUser.path, vhostUser.mode.rawValue, "queues \(vhostUser.queues)",
      vhostUser.owner.map { "owner \($0)" },
    ]
    return words.compactMap { $0 }.joined(separator: " ")
  }
}

extension PlannedUplink {
  fileprivate func matches(_ other: PlannedUplink) -> Bool {
    name == other.name && nic == other.nic
  }
}
