// Decodes virtual switches, their port groups and VLANs.

internal import Base

extension TopologyDecoder {
  func distributedSwitch(_ node: ConfigNode) -> DistributedSwitch {
    let reader = MappingReader(
      node, subject: subject("distributed switch", node),
      keys: ["name", "mtu", "uplinks", "hosts", "policy", "privateVlans", "portgroups"], log: log)
    reader.refuseElements("privateVlans")
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
      origin: Origin(node))
  }

  private func member(_ node: ConfigNode, of owner: String) -> DistributedSwitch.Member {
    let reader = MappingReader(
      node, subject: "\(subject("host", node)) of \(owner)", keys: ["name", "uplinks"], log: log)
    return DistributedSwitch.Member(
      host: reader.requiredName("name"),
      uplinks: reader.pairs("uplinks", limit: TopologyLimit.uplinksOfASwitch).map {
        UplinkBinding(uplink: $0.key, nic: $0.value)
      },
      origin: Origin(node))
  }

  func standardSwitch(_ node: ConfigNode) -> StandardSwitch {
    let reader = MappingReader(
      node, subject: subject("standard switch", node),
      keys: ["host", "name", "mtu", "uplinks", "policy", "portgroups"], log: log)
    return StandardSwitch(
      host: reader.requiredName("host"), name: reader.requiredName("name"),
      mtu: reader.integer("mtu", in: StandardSwitch.mtuRange) ?? StandardSwitch.mtuDefault,
      uplinks: reader.names("uplinks", limit: TopologyLimit.uplinksOfASwitch) ?? [],
      policy: policy(reader),
      portgroups: reader.list("portgroups", limit: TopologyLimit.portgroupsOfASwitch).map {
        portgroup($0, of: .standard)
      },
      origin: Origin(node))
  }

  private func portgroup(_ node: ConfigNode, of kind: SwitchKind) -> PortGroup {
    let reader = MappingReader(
      node, subject: subject("port group", node), keys: ["name", "vlan", "policy"], log: log)
    let vlan = reader.value("vlan").flatMap { reader.vlan($0, on: kind) }
    return PortGroup(
      name: reader.requiredName("name"), vlan: vlan ?? .none, policy: policy(reader),
      origin: Origin(node))
  }
}

extension MappingReader {
  private static let vlanRemedy =
    "write 0 for none, 1-4094, or `{trunk: [0-99, 200]}`"

  /// 0, a VLAN, `{trunk: […]}`; on a standard switch also 4095.
  fileprivate func vlan(_ node: ConfigNode, on kind: SwitchKind) -> VLANSetting? {
    if node.entries != nil { return trunk(node, on: kind) }
    guard let scalar = node.scalar, !scalar.isQuoted, let number = Int(scalar.text) else {
      mistake(
        "`vlan` cannot be \(node.quotedText)", remedy: Self.vlanRemedy, at: node.location)
      return nil
    }
    switch (number, kind) {
    case (0, _): return VLANSetting.none
    case (1...4094, _): return .access(UInt16(number))
    case (4095, .standard): return .trunk(.all)
    case (4095, .distributed):
      mistake(
        "a distributed switch has no VLAN 4095",
        remedy: "write `vlan: {trunk: [0-4094]}` to pass every VLAN to the VM", at: node.location)
    default:
      mistake("VLAN \(number) is out of range", remedy: Self.vlanRemedy, at: node.location)
    }
    return nil
  }

  private func trunk(_ node: ConfigNode, on kind: SwitchKind) -> VLANSetting? {
    let reader = MappingReader(node, subject: subject, keys: ["trunk", "pvlan"], log: log)
    if let privateVLAN = reader.value("pvlan") {
      log.add(
        unavailable: "pvlan", subject, remedy: Self.vlanRemedy, at: privateVLAN.location)
      return nil
    }
    guard let list = reader.required("trunk") else { return nil }
    guard kind == .distributed else {
      mistake(
        "a standard switch has no trunk ranges",
        remedy: "write `vlan: 4095` to pass every VLAN to the VM, or use a distributed switch",
        at: list.location)
      return nil
    }
    let elements = reader.list("trunk", limit: TopologyLimit.rangesOfATrunk)
    let ranges = elements.compactMap { range($0) }
    guard list.elements?.count == ranges.count else { return nil }
    guard !ranges.isEmpty else {
      mistake(
        "the trunk has no VLAN", remedy: "write at least one, as `{trunk: [0-99, 200]}`",
        at: list.location)
      return nil
    }
    return .trunk(VLANRanges(ranges))
  }

  /// `200` or `0-99`.
  private func range(_ node: ConfigNode) -> ClosedRange<UInt16>? {
    guard let scalar = node.scalar else {
      mistake(
        "a VLAN range cannot be \(node.shapeName)", remedy: "write it as `0-99` or `200`",
        at: node.location)
      return nil
    }
    let text = scalar.text.excerpt
    let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map { part in
      part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(part) : nil
    }
    guard (1...2).contains(bounds.count), let low = bounds[0], let high = bounds[bounds.count - 1]
    else {
      mistake(
        "`\(text)` is not a VLAN range", remedy: "write it as `0-99` or `200`", at: node.location)
      return nil
    }
    guard max(low, high) <= Int(VLANRanges.highest) else {
      mistake(
        "VLAN \(max(low, high)) in a trunk is out of range",
        remedy: "write VLANs from 0 (without a tag) to \(VLANRanges.highest)", at: node.location)
      return nil
    }
    guard low <= high else {
      mistake(
        "the VLAN range `\(text)` is reversed", remedy: "write `\(high)-\(low)`",
        at: node.location)
      return nil
    }
    return UInt16(low)...UInt16(high)
  }
}
