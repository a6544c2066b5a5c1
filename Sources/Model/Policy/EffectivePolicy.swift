// What holds for a port in the end, and who said so: the switch's policy, overridden field by field by
// the port group's, and that by the port's own.
//
// Defaults: reject x3 on both kinds of switch; no learning; no shaping; no filter; all uplinks active,
// by port id, link status, failback, announcements.

/// Every field of a policy, decided. Its JSON is `{value, source}` in the shape of the file.
public struct EffectivePolicy: Hashable, Codable, Sendable {
  public struct Security: Hashable, Codable, Sendable {
    public var allowPromiscuous: Effective<Bool>
    public var macChanges: Effective<Bool>
    public var forgedTransmits: Effective<Bool>
    public var blockGuestBPDU: Effective<Bool>
    /// Counts only where `allowPromiscuous` is true.
    public var reversePathCheckPromiscuous: Effective<Bool>
  }

  public struct MACLearning: Hashable, Codable, Sendable {
    public var enabled: Effective<Bool>
    /// Counts only where `enabled` is true.
    public var allowUnicastFlooding: Effective<Bool>
    public var limit: Effective<Int>
    public var limitPolicy: Effective<MACLimitPolicy>
  }

  /// The other fields count only where `enabled` is true.
  public struct Shaping: Hashable, Codable, Sendable {
    public var enabled: Effective<Bool>
    /// Bits per second.
    public var averageBandwidth: Effective<Int>
    /// Bits per second; not below the average, unless somebody says so.
    public var peakBandwidth: Effective<Int>
    /// Bytes.
    public var burstSize: Effective<Int>
  }

  public struct Teaming: Hashable, Codable, Sendable {
    public var policy: Effective<LoadBalancing>
    /// Names of uplinks of the switch, in order of preference; also those without a nic on a host.
    public var activeUplinks: Effective<[String]>
    public var standbyUplinks: Effective<[String]>
    public var failureDetection: Effective<FailureDetection>
    public var failback: Effective<Bool>
    public var notifySwitches: Effective<Bool>
    public var loadThresholdPercent: Effective<Int>
    /// Seconds.
    public var loadInterval: Effective<Int>
  }

  public var blocked: Effective<Bool>
  public var vlan: Effective<VLANSetting>
  public var security: Security
  public var macLearning: MACLearning
  public var inShaping: Shaping
  public var outShaping: Shaping
  public var filter: Effective<[FilterRule]>
  public var teaming: Teaming

  /// Decides every field for a port of a switch that has the named uplinks.
  ///
  /// Without `port`, for the ports of the port group that set nothing for themselves.
  public init(
    switch switchPolicy: Policy, portgroup: PortGroup, port: PortSettings? = nil,
    uplinks: [String]
  ) {
    let chain = PolicyChain(
      switch: switchPolicy, portgroup: portgroup.policy, port: port?.policy ?? Policy())
    blocked = chain(\.blocked, default: false)
    vlan =
      port?.vlan.map { Effective($0, from: .port) } ?? Effective(portgroup.vlan, from: .portgroup)
    security = Security(chain)
    macLearning = MACLearning(chain)
    inShaping = Shaping(chain, \.inShaping)
    outShaping = Shaping(chain, \.outShaping)
    filter = chain(\.filter, default: [])
    teaming = Teaming(chain, uplinks: uplinks)
  }

  /// The same, for a port group without a VLAN.
  public init(switch switchPolicy: Policy, portgroup: Policy, uplinks: [String]) {
    self.init(
      switch: switchPolicy, portgroup: PortGroup(name: "", policy: portgroup), uplinks: uplinks)
  }
}

extension EffectivePolicy.Security {
  fileprivate init(_ chain: PolicyChain) {
    self.init(
      allowPromiscuous: chain(\.security.allowPromiscuous, default: false),
      macChanges: chain(\.security.macChanges, default: false),
      forgedTransmits: chain(\.security.forgedTransmits, default: false),
      blockGuestBPDU: chain(\.security.blockGuestBPDU, default: false),
      reversePathCheckPromiscuous: chain(\.security.reversePathCheckPromiscuous, default: false))
  }
}

extension EffectivePolicy.MACLearning {
  fileprivate init(_ chain: PolicyChain) {
    self.init(
      enabled: chain(\.macLearning.enabled, default: false),
      allowUnicastFlooding: chain(\.macLearning.allowUnicastFlooding, default: true),
      limit: chain(\.macLearning.limit, default: MACLearningPolicy.limitRange.upperBound),
      limitPolicy: chain(\.macLearning.limitPolicy, default: .drop))
  }
}

extension EffectivePolicy.Shaping {
  /// A peak that nobody says follows an average above the default.
  fileprivate init(_ chain: PolicyChain, _ way: KeyPath<Policy, ShapingPolicy>) {
    let average = chain(
      way.appending(path: \.averageBandwidth), default: ShapingPolicy.bandwidthDefault)
    self.init(
      enabled: chain(way.appending(path: \.enabled), default: false),
      averageBandwidth: average,
      peakBandwidth: chain(
        way.appending(path: \.peakBandwidth),
        default: max(average.value, ShapingPolicy.bandwidthDefault)),
      burstSize: chain(way.appending(path: \.burstSize), default: ShapingPolicy.burstDefault))
  }
}

extension EffectivePolicy.Teaming {
  fileprivate init(_ chain: PolicyChain, uplinks: [String]) {
    let (active, standby) = Self.order(chain, uplinks: uplinks)
    self.init(
      policy: chain(\.teaming.policy, default: .portID),
      activeUplinks: active, standbyUplinks: standby,
      failureDetection: chain(\.teaming.failureDetection, default: .linkStatus),
      failback: chain(\.teaming.failback, default: true),
      notifySwitches: chain(\.teaming.notifySwitches, default: true),
      loadThresholdPercent: chain(\.teaming.loadThresholdPercent, default: 75),
      loadInterval: chain(\.teaming.loadInterval, default: TeamingPolicy.loadIntervalDefault))
  }

  /// The failover order is one field, as in vSphere: the level that sets either list sets both.
  private static func order(
    _ chain: PolicyChain, uplinks: [String]
  ) -> (active: Effective<[String]>, standby: Effective<[String]>) {
    for (policy, source) in chain.levels {
      let (active, standby) = (policy.teaming.activeUplinks, policy.teaming.standbyUplinks)
      guard active != nil || standby != nil else { continue }
      return (Effective(active ?? [], from: source), Effective(standby ?? [], from: source))
    }
    return (Effective(uplinks, from: .default), Effective([], from: .default))
  }
}
