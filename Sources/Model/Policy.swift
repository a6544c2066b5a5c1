// What a switch or a port group may say about its ports. Every field is optional: nothing said
// means inherited (`EffectivePolicy` follows the chain).
//
// Names are those of the vSphere API: `DVSMacManagementPolicy`, `DVSMacLearningPolicy`,
// `VmwareUplinkPortTeamingPolicy`.

/// The policy of a switch (the defaults of its port groups) or of a port group (overrides).
public struct Policy: Hashable, Sendable {
  public var security: SecurityPolicy
  public var macLearning: MACLearningPolicy
  public var teaming: TeamingPolicy
  public var origin: Origin

  public init(
    security: SecurityPolicy = SecurityPolicy(),
    macLearning: MACLearningPolicy = MACLearningPolicy(),
    teaming: TeamingPolicy = TeamingPolicy(), origin: Origin = Origin()
  ) {
    self.security = security
    self.macLearning = macLearning
    self.teaming = teaming
    self.origin = origin
  }

  /// Nothing is said: everything is inherited.
  public var isEmpty: Bool { self == Policy() }
}

/// Which addresses a port may use and see.
public struct SecurityPolicy: Hashable, Sendable {
  /// The port sees all frames of its VLANs. Not available in this version.
  public var allowPromiscuous: Bool?
  /// The VM may receive on an address other than the declared one. Not available in this version.
  public var macChanges: Bool?
  /// The VM may send from an address other than the declared one.
  public var forgedTransmits: Bool?

  public init(
    allowPromiscuous: Bool? = nil, macChanges: Bool? = nil, forgedTransmits: Bool? = nil
  ) {
    self.allowPromiscuous = allowPromiscuous
    self.macChanges = macChanges
    self.forgedTransmits = forgedTransmits
  }
}

/// Whether the switch learns addresses that stand behind a port.
public struct MACLearningPolicy: Hashable, Sendable {
  public static let limitRange = 1...4096

  public var enabled: Bool?
  /// Unknown unicast reaches the port. Counts only where learning is enabled.
  public var allowUnicastFlooding: Bool?
  /// How many addresses a port may learn.
  public var limit: Int?
  /// What happens to a frame from one address more.
  public var limitPolicy: MACLimitPolicy?

  public init(
    enabled: Bool? = nil, allowUnicastFlooding: Bool? = nil, limit: Int? = nil,
    limitPolicy: MACLimitPolicy? = nil
  ) {
    self.enabled = enabled
    self.allowUnicastFlooding = allowUnicastFlooding
    self.limit = limit
    self.limitPolicy = limitPolicy
  }
}

/// What happens to a frame from a new address when the port has learnt as many as it may.
public enum MACLimitPolicy: String, CaseIterable, Hashable, Codable, Sendable {
  case drop
  /// The frame passes, and nothing is learnt.
  case allow
}

/// Which uplinks a port group uses, and how.
public struct TeamingPolicy: Hashable, Sendable {
  public var policy: LoadBalancing?
  /// In order of preference. With `standbyUplinks` one field: who sets one sets both.
  public var activeUplinks: [String]?
  /// In order of preference. Uplinks of the switch in neither list are unused.
  public var standbyUplinks: [String]?
  public var failureDetection: FailureDetection?
  /// An uplink that comes back takes its ports back.
  public var failback: Bool?
  /// The team announces its addresses when their uplink changes.
  public var notifySwitches: Bool?

  public init(
    policy: LoadBalancing? = nil, activeUplinks: [String]? = nil, standbyUplinks: [String]? = nil,
    failureDetection: FailureDetection? = nil, failback: Bool? = nil, notifySwitches: Bool? = nil
  ) {
    self.policy = policy
    self.activeUplinks = activeUplinks
    self.standbyUplinks = standbyUplinks
    self.failureDetection = failureDetection
    self.failback = failback
    self.notifySwitches = notifySwitches
  }
}

/// How a team chooses the uplink of a port.
public enum LoadBalancing: String, CaseIterable, Hashable, Codable, Sendable {
  /// By the originating port id.
  case portID = "loadbalance_srcid"
  /// The first that works of the active uplinks, then of the standby uplinks.
  case explicitOrder = "failover_explicit"
}

/// How a team finds out that an uplink fails.
public enum FailureDetection: String, CaseIterable, Hashable, Codable, Sendable {
  case linkStatus
}
