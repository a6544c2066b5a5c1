// What a switch, a port group or a port may say about its ports. Every field is optional: nothing
// said means inherited (`EffectivePolicy` follows the chain).
//
// One file beside this one for each family of fields. Names are those of the vSphere API:
// `DVSMacManagementPolicy`, `DVSMacLearningPolicy`, `DVSTrafficShapingPolicy`, `DvsTrafficRuleset`,
// `VmwareUplinkPortTeamingPolicy`.

/// The policy of a switch (the defaults of its port groups), of a port group or of a port.
public struct Policy: Hashable, Sendable {
  /// No frame passes, in neither direction.
  public var blocked: Bool?
  public var security: SecurityPolicy
  public var macLearning: MACLearningPolicy
  /// Frames into the switch: what the VM sends.
  public var inShaping: ShapingPolicy
  /// Frames out of the switch: what the VM receives.
  public var outShaping: ShapingPolicy
  /// In order; the first rule that matches decides. One field: who sets it sets the whole list.
  public var filter: [FilterRule]?
  public var teaming: TeamingPolicy
  public var origin: Origin

  public init(
    blocked: Bool? = nil, security: SecurityPolicy = SecurityPolicy(),
    macLearning: MACLearningPolicy = MACLearningPolicy(),
    inShaping: ShapingPolicy = ShapingPolicy(), outShaping: ShapingPolicy = ShapingPolicy(),
    filter: [FilterRule]? = nil, teaming: TeamingPolicy = TeamingPolicy(),
    origin: Origin = Origin()
  ) {
    self.blocked = blocked
    self.security = security
    self.macLearning = macLearning
    self.inShaping = inShaping
    self.outShaping = outShaping
    self.filter = filter
    self.teaming = teaming
    self.origin = origin
  }

  /// Nothing is said: everything is inherited.
  public var isEmpty: Bool { self == Policy() }
}

/// What a port group may let its ports set for themselves.
public enum PolicyOverride: String, CaseIterable, Hashable, Codable, Sendable {
  case block
  case vlan
  case security
  case macLearning
  /// Both directions.
  case shaping
  case teaming
  case filter
}

extension Policy {
  /// The kinds of override that the policy makes use of, each with its keys in a file.
  var overrides: [(kind: PolicyOverride, key: String)] {
    var found: [(kind: PolicyOverride, key: String)] = []
    if blocked != nil { found.append((.block, "blocked")) }
    if security != SecurityPolicy() { found.append((.security, "security")) }
    if macLearning != MACLearningPolicy() { found.append((.macLearning, "macLearning")) }
    if inShaping != ShapingPolicy() { found.append((.shaping, "inShaping")) }
    if outShaping != ShapingPolicy() { found.append((.shaping, "outShaping")) }
    if filter != nil { found.append((.filter, "filter")) }
    if teaming != TeamingPolicy() { found.append((.teaming, "teaming")) }
    return found
  }
}
