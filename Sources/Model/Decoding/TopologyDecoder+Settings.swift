// Decodes what a switch says about itself: multicast, beacons, delays, private VLANs, its uplinks.

internal import Base
internal import Wire

extension TopologyDecoder {
  static let settingsKeys = [
    "multicastFiltering", "multicastSnooping", "beacon", "uplinkUpDelay", "privateVlans",
    "uplinkPortgroup",
  ]

  func settings(_ owner: MappingReader) -> SwitchSettings {
    var settings = SwitchSettings()
    settings.multicastFiltering = owner.choice("multicastFiltering") ?? .basic
    if let node = owner.value("multicastSnooping") {
      settings.multicastSnooping = snooping(node, owner.subject)
    }
    if let node = owner.value("beacon") { settings.beacon = beacon(node, owner.subject) }
    settings.uplinkUpDelay =
      owner.integer("uplinkUpDelay", in: SwitchSettings.upDelayRange) ?? settings.uplinkUpDelay
    settings.privateVlans = owner.list(
      "privateVlans", limit: TopologyLimit.privateVlansOfASwitch
    ).compactMap { privateVLAN($0, owner.subject) }
    settings.uplinkPortgroup = owner.value("uplinkPortgroup").map(uplinkPortgroup)
    return settings
  }

  private func snooping(_ node: ConfigNode, _ owner: String) -> MulticastSnooping {
    let reader = MappingReader(
      node, subject: "multicastSnooping of \(owner)",
      keys: ["querier", "queryInterval", "robustness", "igmpVersion", "mldVersion"], log: log)
    let usual = MulticastSnooping()
    return MulticastSnooping(
      querier: reader.bool("querier") ?? usual.querier,
      queryInterval: reader.integer("queryInterval", in: MulticastSnooping.intervalRange)
        ?? usual.queryInterval,
      robustness: reader.integer("robustness", in: MulticastSnooping.robustnessRange)
        ?? usual.robustness,
      igmpVersion: reader.integer("igmpVersion", in: 1...3) ?? usual.igmpVersion,
      mldVersion: reader.integer("mldVersion", in: 1...2) ?? usual.mldVersion)
  }

  private func beacon(_ node: ConfigNode, _ owner: String) -> BeaconSettings {
    let reader = MappingReader(
      node, subject: "beacon of \(owner)", keys: ["etherType", "interval", "misses"], log: log)
    let usual = BeaconSettings()
    return BeaconSettings(
      etherType: reader.etherType("etherType")?.rawValue ?? usual.etherType,
      interval: reader.integer("interval", in: BeaconSettings.intervalRange) ?? usual.interval,
      misses: reader.integer("misses", in: BeaconSettings.missesRange) ?? usual.misses)
  }

  /// A row of the map, with 0 in place of an identifier that could not be read.
  private func privateVLAN(_ node: ConfigNode, _ owner: String) -> PrivateVLAN? {
    let reader = MappingReader(
      node, subject: "private VLAN of \(owner)", keys: ["primary", "secondary", "type"], log: log)
    func vlan(_ key: String) -> UInt16 {
      guard let node = reader.required(key) else { return 0 }
      return UInt16(
        reader.integer(of: node, "`\(key)`", in: 1...Int(VLANRanges.highest)) ?? 0)
    }
    let (primary, secondary) = (vlan("primary"), vlan("secondary"))
    guard reader.required("type") != nil, let type: PrivateVLAN.Kind = reader.choice("type") else {
      return nil
    }
    return PrivateVLAN(primary: primary, secondary: secondary, type: type, origin: Origin(node))
  }

  private func uplinkPortgroup(_ node: ConfigNode) -> UplinkPortGroup {
    let reader = MappingReader(
      node, subject: subject("uplink port group", node), keys: ["name", "vlan", "policy"],
      log: log)
    var group = UplinkPortGroup(
      name: reader.requiredName("name"), policy: uplinkPolicy(reader), origin: Origin(node))
    guard let vlan = reader.value("vlan") else { return group }
    guard vlan.entries != nil else {
      reader.mistake(
        "an uplink is a trunk, so `vlan` cannot be \(vlan.quotedText)",
        remedy: "write `{trunk: [0-4094]}`, or narrower ranges", at: vlan.location)
      return group
    }
    let ranges = MappingReader(vlan, subject: reader.subject, keys: ["trunk"], log: log)
      .trunk(on: .distributed)
    if let ranges { group.vlan = ranges }
    return group
  }
}
