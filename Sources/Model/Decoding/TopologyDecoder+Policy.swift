// Decodes the policy of a switch, port group or port. What it does not say stays inherited.

internal import Base

extension TopologyDecoder {
  /// The policy under the key `policy`; empty when there is none.
  func policy(_ owner: MappingReader) -> Policy {
    guard let node = owner.value("policy") else { return Policy(origin: Origin(owner.node)) }
    let reader = MappingReader(
      node, subject: "policy of \(owner.subject)",
      keys: [
        "security", "macLearning", "inShaping", "outShaping", "filter", "teaming", "blocked",
      ], log: log)
    func family<Family>(
      _ key: String, _ decode: (ConfigNode, String) -> Family, _ empty: Family
    ) -> Family {
      reader.value(key).map { decode($0, reader.subject) } ?? empty
    }
    return Policy(
      blocked: reader.bool("blocked"),
      security: family("security", security, SecurityPolicy()),
      macLearning: family("macLearning", macLearning, MACLearningPolicy()),
      inShaping: family("inShaping", shaping, ShapingPolicy()),
      outShaping: family("outShaping", shaping, ShapingPolicy()),
      filter: filter(reader), teaming: family("teaming", teaming, TeamingPolicy()),
      origin: Origin(node))
  }

  /// The policy of an uplink port group, which has two of the fields.
  func uplinkPolicy(_ owner: MappingReader) -> Policy {
    guard let node = owner.value("policy") else { return Policy(origin: Origin(owner.node)) }
    let reader = MappingReader(
      node, subject: "policy of \(owner.subject)", keys: ["filter", "blocked"], log: log)
    return Policy(blocked: reader.bool("blocked"), filter: filter(reader), origin: Origin(node))
  }

  private func security(_ node: ConfigNode, _ subject: String) -> SecurityPolicy {
    let reader = MappingReader(
      node, subject: subject,
      keys: [
        "allowPromiscuous", "macChanges", "forgedTransmits", "blockGuestBPDU",
        "reversePathCheckPromiscuous",
      ], log: log)
    return SecurityPolicy(
      allowPromiscuous: reader.bool("allowPromiscuous"), macChanges: reader.bool("macChanges"),
      forgedTransmits: reader.bool("forgedTransmits"),
      blockGuestBPDU: reader.bool("blockGuestBPDU"),
      reversePathCheckPromiscuous: reader.bool("reversePathCheckPromiscuous"))
  }

  private func macLearning(_ node: ConfigNode, _ subject: String) -> MACLearningPolicy {
    let reader = MappingReader(
      node, subject: subject, keys: ["enabled", "allowUnicastFlooding", "limit", "limitPolicy"],
      log: log)
    return MACLearningPolicy(
      enabled: reader.bool("enabled"), allowUnicastFlooding: reader.bool("allowUnicastFlooding"),
      limit: reader.integer("limit", in: MACLearningPolicy.limitRange),
      limitPolicy: reader.choice("limitPolicy"))
  }

  private func shaping(_ node: ConfigNode, _ subject: String) -> ShapingPolicy {
    let reader = MappingReader(
      node, subject: subject,
      keys: ["enabled", "averageBandwidth", "peakBandwidth", "burstSize"], log: log)
    return ShapingPolicy(
      enabled: reader.bool("enabled"),
      averageBandwidth: reader.quantity("averageBandwidth", .bandwidth),
      peakBandwidth: reader.quantity("peakBandwidth", .bandwidth),
      burstSize: reader.quantity("burstSize", .burst))
  }

  private func teaming(_ node: ConfigNode, _ subject: String) -> TeamingPolicy {
    let reader = MappingReader(
      node, subject: subject,
      keys: [
        "policy", "activeUplinks", "standbyUplinks", "failureDetection", "failback",
        "notifySwitches", "loadThresholdPercent", "loadInterval",
      ], log: log)
    return TeamingPolicy(
      policy: reader.choice("policy"),
      activeUplinks: reader.names("activeUplinks", limit: TopologyLimit.uplinksOfASwitch),
      standbyUplinks: reader.names("standbyUplinks", limit: TopologyLimit.uplinksOfASwitch),
      failureDetection: reader.choice("failureDetection"),
      failback: reader.bool("failback"), notifySwitches: reader.bool("notifySwitches"),
      loadThresholdPercent: reader.integer(
        "loadThresholdPercent", in: TeamingPolicy.loadThresholdRange),
      loadInterval: reader.integer("loadInterval", in: TeamingPolicy.loadIntervalRange))
  }
}
