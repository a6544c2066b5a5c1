// Which uplinks a port group uses, how it chooses among them, and how it finds out that one fails
// (vSphere: `VmwareUplinkPortTeamingPolicy`).

/// Which uplinks a port group uses, and how.
public struct TeamingPolicy: Hashable, Sendable {
  public static let loadThresholdRange = 10...100
  public static let loadIntervalRange = 10...3600
  /// Seconds; what vSphere looks at load with.
  public static let loadIntervalDefault = 30

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
  /// The mean load above which an uplink gives a port away. Counts only with `physicalLoad`.
  public var loadThresholdPercent: Int?
  /// The seconds over which the load is averaged, and between two moves. Only with `physicalLoad`.
  public var loadInterval: Int?

  public init(
    policy: LoadBalancing? = nil, activeUplinks: [String]? = nil, standbyUplinks: [String]? = nil,
    failureDetection: FailureDetection? = nil, failback: Bool? = nil,
    notifySwitches: Bool? = nil, loadThresholdPercent: Int? = nil, loadInterval: Int? = nil
  ) {
    self.policy = policy
    self.activeUplinks = activeUplinks
    self.standbyUplinks = standbyUplinks
    self.failureDetection = failureDetection
    self.failback = failback
    self.notifySwitches = notifySwitches
    self.loadThresholdPercent = loadThresholdPercent
    self.loadInterval = loadInterval
  }
}

/// How a team chooses the uplink of a port, or of a frame.
public enum LoadBalancing: String, CaseIterable, Hashable, Codable, Sendable {
  /// By the originating port id.
  case portID = "loadbalance_srcid"
  /// By a hash of each frame's source address.
  case sourceMAC = "loadbalance_srcmac"
  /// By a hash of each packet's addresses; the physical switch must have a static channel.
  case ipHash = "loadbalance_ip"
  /// By port id, and from an overloaded uplink the busiest port moves on.
  case physicalLoad = "loadbalance_loadbased"
  /// The first that works of the active uplinks, then of the standby uplinks.
  case explicitOrder = "failover_explicit"
}

/// How a team finds out that an uplink fails.
public enum FailureDetection: String, CaseIterable, Hashable, Codable, Sendable {
  /// The link of the nic alone.
  case linkStatus
  /// Also beacons between the uplinks of the team, which find a fault behind the first cable.
  case beaconProbing
}
