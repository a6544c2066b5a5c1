// What holds for a port group in the end, and who said so: the switch's policy, overridden field by
// field by the port group's. The port's own will come as the last link of the same chain.
//
// Defaults: reject x3 on both kinds of switch; no learning; all uplinks active, by port id, link
// status, failback, announcements.

/// Who set a field.
public enum PolicySource: String, CaseIterable, Hashable, Codable, Sendable {
  case `default`
  case `switch`
  case portgroup
}

/// The value of a policy field, with who set it.
public struct Effective<Value: Hashable & Codable & Sendable>: Hashable, Codable, Sendable {
  public var value: Value
  public var source: PolicySource

  public init(_ value: Value, from source: PolicySource) {
    self.value = value
    self.source = source
  }

  /// The value nearest to the port: the port group's, else the switch's, else the default.
  init(_ field: KeyPath<Policy, Value?>, _ chain: PolicyChain, default value: Value) {
    if let own = chain.portgroup[keyPath: field] {
      self.init(own, from: .portgroup)
    } else if let inherited = chain.switch[keyPath: field] {
      self.init(inherited, from: .switch)
    } else {
      self.init(value, from: .default)
    }
  }
}

struct PolicyChain {
  var `switch`: Policy
  var portgroup: Policy
}

/// Every field of a policy, decided. Its JSON is `{value, source}` in the shape of the file.
public struct EffectivePolicy: Hashable, Codable, Sendable {
  public struct Security: Hashable, Codable, Sendable {
    public var allowPromiscuous: Effective<Bool>
    public var macChanges: Effective<Bool>
    public var forgedTransmits: Effective<Bool>
  }

  public struct MACLearning: Hashable, Codable, Sendable {
    public var enabled: Effective<Bool>
    /// Counts only where `enabled` is true.
    public var allowUnicastFlooding: Effective<Bool>
    public var limit: Effective<Int>
    public var limitPolicy: Effective<MACLimitPolicy>
  }

  public struct Teaming: Hashable, Codable, Sendable {
    public var policy: Effective<LoadBalancing>
    /// Names of uplinks of the switch, in order of preference; also those without a nic on a host.
    public var activeUplinks: Effective<[String]>
    public var standbyUplinks: Effective<[String]>
    public var failureDetection: Effective<FailureDetection>
    public var failback: Effective<Bool>
    public var notifySwitches: Effective<Bool>
  }

  public var security: Security
  public var macLearning: MACLearning
  public var teaming: Teaming

  /// Decides every field for a port group of a switch that has the named uplinks.
  public init(switch switchPolicy: Policy, portgroup: Policy, uplinks: [String]) {
    let chain = PolicyChain(switch: switchPolicy, portgroup: portgroup)
    security = Security(
      allowPromiscuous: Effective(\.security.allowPromiscuous, chain, default: false),
      macChanges: Effective(\.security.macChanges, chain, default: false),
      forgedTransmits: Effective(\.security.forgedTransmits, chain, default: false))
    macLearning = MACLearning(
      enabled: Effective(\.macLearning.enabled, chain, default: false),
      allowUnicastFlooding: Effective(\.macLearning.allowUnicastFlooding, chain, default: true),
      limit: Effective(
        \.macLearning.limit, chain, default: MACLearningPolicy.limitRange.upperBound),
      limitPolicy: Effective(\.macLearning.limitPolicy, chain, default: .drop))
    let (active, standby) = Self.order(chain, uplinks: uplinks)
    teaming = Teaming(
      policy: Effective(\.teaming.policy, chain, default: .portID),
      activeUplinks: active, standbyUplinks: standby,
      failureDetection: Effective(\.teaming.failureDetection, chain, default: .linkStatus),
      failback: Effective(\.teaming.failback, chain, default: true),
      notifySwitches: Effective(\.teaming.notifySwitches, chain, default: true))
  }

  /// The failover order is one field, as in vSphere: the level that sets either list sets both.
  private static func order(
    _ chain: PolicyChain, uplinks: [String]
  ) -> (active: Effective<[String]>, standby: Effective<[String]>) {
    let levels: [(TeamingPolicy, PolicySource)] = [
      (chain.portgroup.teaming, .portgroup), (chain.switch.teaming, .switch),
    ]
    for (teaming, source) in levels
    where teaming.activeUplinks != nil || teaming.standbyUplinks != nil {
      return (
        Effective(teaming.activeUplinks ?? [], from: source),
        Effective(teaming.standbyUplinks ?? [], from: source)
      )
    }
    return (Effective(uplinks, from: .default), Effective([], from: .default))
  }
}
