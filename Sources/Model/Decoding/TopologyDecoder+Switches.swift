// Decodes virtual switches, their members and port groups.

internal import Base

extension TopologyDecoder {
  func distributedSwitch(_ node: ConfigNode) -> DistributedSwitch {
    let reader = MappingReader(
      node, subject: subject("distributed switch", node),
      keys: ["name", "mtu", "uplinks", "hosts", "policy"] + Self.settingsKeys + ["portgroups"],
      log: log)
    return DistributedSwitch(
      name: reader.requiredName("name"),
      mtu: reader.integer("mtu", in: DistributedSwitch.mtuRange) ?? DistributedSwitch.mtuDefault,
      uplinks: reader.names("uplinks", limit: TopologyLimit.uplinksOfASwitch) ?? [],
      hosts: reader.list("hosts", limit: TopologyLimit.hosts).map {
        member($0, of: reader.subject)
      },
      policy: policy(reader),
      portgroups: reader.list("portgroups", limit: TopologyLimit.portgroupsOfASwitch).map {
        portgroup($0, of: .distributed)
      },
      settings: settings(reader),
      origin: Origin(node))
  }

  private func member(_ node: ConfigNode, of owner: String) -> DistributedSwitch.Member {
    let reader = MappingReader(
      node, subject: "\(subject("host", node)) of \(owner)",
      keys: ["name", "uplinks", "attachment"],
      log: log)
    return DistributedSwitch.Member(
      host: reader.requiredName("name"),
      uplinks: reader.pairs("uplinks", limit: TopologyLimit.uplinksOfASwitch).map {
        UplinkBinding(uplink: $0.key, nic: $0.value)
      },
      attachment: reader.choice("attachment") ?? .auto,
      origin: Origin(node))
  }

  func standardSwitch(_ node: ConfigNode) -> StandardSwitch {
    let reader = MappingReader(
      node, subject: subject("standard switch", node),
      keys: ["host", "name", "mtu", "uplinks", "attachment", "policy"] + Self.settingsKeys
        + ["portgroups"],
      log: log)
    return StandardSwitch(
      host: reader.requiredName("host"), name: reader.requiredName("name"),
      mtu: reader.integer("mtu", in: StandardSwitch.mtuRange) ?? StandardSwitch.mtuDefault,
      uplinks: reader.names("uplinks", limit: TopologyLimit.uplinksOfASwitch) ?? [],
      attachment: reader.choice("attachment") ?? .auto,
      policy: policy(reader),
      portgroups: reader.list("portgroups", limit: TopologyLimit.portgroupsOfASwitch).map {
        portgroup($0, of: .standard)
      },
      settings: settings(reader),
      origin: Origin(node))
  }

  private func portgroup(_ node: ConfigNode, of kind: SwitchKind) -> PortGroup {
    let reader = MappingReader(
      node, subject: subject("port group", node),
      keys: [
        "name", "vlan", "policy", "binding", "allocation", "numPorts", "allowOverride",
        "resetAtDisconnect",
      ], log: log)
    let vlan = reader.value("vlan").flatMap { reader.vlan($0, on: kind) }
    return PortGroup(
      name: reader.requiredName("name"), vlan: vlan ?? .none,
      binding: reader.choice("binding") ?? .static,
      allocation: reader.choice("allocation") ?? .elastic,
      numPorts: reader.integer("numPorts", in: PortGroup.portsRange) ?? PortGroup.portsDefault,
      allowOverride: overrides(reader), resetAtDisconnect: reader.bool("resetAtDisconnect") ?? true,
      policy: policy(reader), origin: Origin(node))
  }

  private func overrides(_ reader: MappingReader) -> Set<PolicyOverride> {
    let known = PolicyOverride.allCases.map(\.rawValue)
    var overrides: Set<PolicyOverride> = []
    for node in reader.list("allowOverride", limit: 4 * known.count) {
      guard let word = reader.text(of: node, "an element of `allowOverride`") else { continue }
      guard let field = PolicyOverride(rawValue: word) else {
        reader.mistake(
          "`allowOverride` cannot name \(node.quotedText)",
          remedy: log.remedy(for: word, among: known, "write some of", ifNone: "remove it"),
          at: node.location)
        continue
      }
      overrides.insert(field)
    }
    return overrides
  }
}
