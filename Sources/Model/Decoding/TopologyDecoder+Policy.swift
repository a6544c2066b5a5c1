// Decodes the policy of a switch or port group. What it does not say stays inherited.

internal import Base

extension TopologyDecoder {
  /// The policy under the key `policy`; empty when there is none.
  func policy(_ owner: MappingReader) -> Policy {
    guard let node = owner.value("policy") else { return Policy(origin: Origin(owner.node)) }
    let reader = MappingReader(
      node, subject: "policy of \(owner.subject)",
      keys: ["security", "macLearning", "teaming", "inShaping", "outShaping", "filter"], log: log)
    reader.refuseShaping("inShaping")
    reader.refuseShaping("outShaping")
    reader.refuseElements("filter")
    return Policy(
      security: reader.value("security").map { security($0, reader.subject) } ?? SecurityPolicy(),
      macLearning: reader.value("macLearning").map { macLearning($0, reader.subject) }
        ?? MACLearningPolicy(),
      teaming: reader.value("teaming").map { teaming($0, reader.subject) } ?? TeamingPolicy(),
      origin: Origin(node))
  }

  private func security(_ node: ConfigNode, _ subject: String) -> SecurityPolicy {
    let reader = MappingReader(
      node, subject: subject, keys: ["allowPromiscuous", "macChanges", "forgedTransmits"], log: log)
    return SecurityPolicy(
      allowPromiscuous: reader.bool("allowPromiscuous"), macChanges: reader.bool("macChanges"),
      forgedTransmits: reader.bool("forgedTransmits"))
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

  private func teaming(_ node: ConfigNode, _ subject: String) -> TeamingPolicy {
    let reader = MappingReader(
      node, subject: subject,
      keys: [
        "policy", "activeUplinks", "standbyUplinks", "failureDetection", "failback",
        "notifySwitches",
      ], log: log)
    return TeamingPolicy(
      policy: reader.choice("policy", unavailable: Unavailable.loadBalancing),
      activeUplinks: reader.names("activeUplinks", limit: TopologyLimit.uplinksOfASwitch),
      standbyUplinks: reader.names("standbyUplinks", limit: TopologyLimit.uplinksOfASwitch),
      failureDetection: reader.choice(
        "failureDetection", unavailable: Unavailable.failureDetection),
      failback: reader.bool("failback"), notifySwitches: reader.bool("notifySwitches"))
  }
}
