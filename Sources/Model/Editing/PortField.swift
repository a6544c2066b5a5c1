// The settings that a port may make for itself, one by one, by the names that a file has for them.
//
// One table says which there are, what a port group has to allow for each, and how one is taken from
// one port's settings to another's: what sets, resets, compares and lists them all reads it.

public import Base

/// A setting of a port: `vlan`, `security.forgedTransmits`.
public struct PortField: Sendable {
  public var name: String
  /// What the port group must allow.
  public var kind: PolicyOverride
  let text: @Sendable (PortSettings) -> String?
  let copy: @Sendable (PortSettings, inout PortSettings) -> Void

  private init<Value>(
    _ name: String, _ kind: PolicyOverride,
    _ path: any WritableKeyPath<PortSettings, Value?> & Sendable,
    _ text: @escaping @Sendable (Value) -> String = { "\($0)" }
  ) {
    self.name = name
    self.kind = kind
    self.text = { port in port[keyPath: path].map(text) }
    copy = { source, target in target[keyPath: path] = source[keyPath: path] }
  }

  /// The setting in words; nothing when the port inherits it.
  public func text(of port: PortSettings?) -> String? { port.flatMap(text) }

  /// Makes the port inherit the setting again.
  func reset(_ port: inout PortSettings) { copy(PortSettings(), &port) }
}

extension PortField {
  /// Every setting, in the order of the documentation.
  public static let all: [PortField] = [
    PortField("vlan", .vlan, \.vlan),
    blocked,
    PortField("security.allowPromiscuous", .security, \.policy.security.allowPromiscuous),
    PortField("security.macChanges", .security, \.policy.security.macChanges),
    PortField("security.forgedTransmits", .security, \.policy.security.forgedTransmits),
    PortField("security.blockGuestBPDU", .security, \.policy.security.blockGuestBPDU),
    PortField(
      "security.reversePathCheckPromiscuous", .security,
      \.policy.security.reversePathCheckPromiscuous),
    PortField("macLearning.enabled", .macLearning, \.policy.macLearning.enabled),
    PortField(
      "macLearning.allowUnicastFlooding", .macLearning, \.policy.macLearning.allowUnicastFlooding),
    PortField("macLearning.limit", .macLearning, \.policy.macLearning.limit),
    PortField("macLearning.limitPolicy", .macLearning, \.policy.macLearning.limitPolicy) {
      $0.rawValue
    },
    PortField("inShaping.enabled", .shaping, \.policy.inShaping.enabled),
    PortField("inShaping.averageBandwidth", .shaping, \.policy.inShaping.averageBandwidth) {
      ShapingPolicy.text(bandwidth: $0)
    },
    PortField("inShaping.peakBandwidth", .shaping, \.policy.inShaping.peakBandwidth) {
      ShapingPolicy.text(bandwidth: $0)
    },
    PortField("inShaping.burstSize", .shaping, \.policy.inShaping.burstSize) {
      ShapingPolicy.text(burstSize: $0)
    },
    PortField("outShaping.enabled", .shaping, \.policy.outShaping.enabled),
    PortField("outShaping.averageBandwidth", .shaping, \.policy.outShaping.averageBandwidth) {
      ShapingPolicy.text(bandwidth: $0)
    },
    PortField("outShaping.peakBandwidth", .shaping, \.policy.outShaping.peakBandwidth) {
      ShapingPolicy.text(bandwidth: $0)
    },
    PortField("outShaping.burstSize", .shaping, \.policy.outShaping.burstSize) {
      ShapingPolicy.text(burstSize: $0)
    },
    PortField("filter", .filter, \.policy.filter) { rules in
      rules.isEmpty ? "no rules" : rules.map(\.name).joined(separator: ", ")
    },
    PortField("teaming.policy", .teaming, \.policy.teaming.policy) { $0.rawValue },
    PortField("teaming.activeUplinks", .teaming, \.policy.teaming.activeUplinks, names),
    PortField("teaming.standbyUplinks", .teaming, \.policy.teaming.standbyUplinks, names),
    PortField("teaming.failureDetection", .teaming, \.policy.teaming.failureDetection) {
      $0.rawValue
    },
    PortField("teaming.failback", .teaming, \.policy.teaming.failback),
    PortField("teaming.notifySwitches", .teaming, \.policy.teaming.notifySwitches),
    PortField("teaming.loadThresholdPercent", .teaming, \.policy.teaming.loadThresholdPercent),
    PortField("teaming.loadInterval", .teaming, \.policy.teaming.loadInterval),
  ]

  static let blocked = PortField("blocked", .block, \.policy.blocked)

  /// The settings of a name: one, or all of a family such as `security`; empty for an unknown name.
  public static func named(_ name: String) -> [PortField] {
    all.filter { $0.name == name || $0.name.hasPrefix("\(name).") }
  }

  @Sendable private static func names(_ names: [String]) -> String {
    names.isEmpty ? "none" : names.joined(separator: ", ")
  }
}

// Values, as a person types them.
extension PortField {
  /// Takes a value as a file has it. Throws what is wrong with it, without a place.
  ///
  /// Lists of names and VLANs may also be written as tables print them: `uplink1,uplink2`, `0-99,200`.
  public func read(_ value: ConfigNode, into port: inout PortSettings) throws(Failure) {
    let keys = name.split(separator: ".").map(String.init)
    var node = written(value)
    for key in (name == "vlan" ? keys : ["policy"] + keys).reversed() {
      let entry = ConfigNode.Entry(key: key, keyLocation: value.location, value: node)
      node = ConfigNode(.mapping([entry]), at: value.location)
    }
    let decoder = TopologyDecoder()
    let decoded = decoder.port(node, "a nic")
    guard var failure = decoder.log.sorted.first else {
      copy(decoded, &port)
      // 4095 and the trunk of all VLANs are told apart by what was written.
      if name == "vlan" { port.origin = decoded.origin }
      return
    }
    failure.location = nil
    throw failure
  }

  private func written(_ value: ConfigNode) -> ConfigNode {
    guard let scalar = value.scalar, !scalar.isQuoted else { return value }
    func list(_ parts: [String]) -> ConfigNode {
      ConfigNode(
        .sequence(parts.map { ConfigNode(.scalar(.init($0)), at: value.location) }),
        at: value.location)
    }
    func mapping(_ key: String, _ node: ConfigNode) -> ConfigNode {
      let entry = ConfigNode.Entry(key: key, keyLocation: value.location, value: node)
      return ConfigNode(.mapping([entry]), at: value.location)
    }
    let parts = scalar.text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    if name.hasSuffix("Uplinks") { return list(parts) }
    guard name == "vlan" else { return value }
    if scalar.text.hasPrefix("pvlan ") {
      return mapping(
        "pvlan", ConfigNode(.scalar(.init("\(scalar.text.dropFirst(6))")), at: value.location))
    }
    let isRange = scalar.text.dropFirst().contains { $0 == "-" || $0 == "," }
    return isRange ? mapping("trunk", list(parts)) : value
  }
}
