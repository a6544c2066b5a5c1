// What both kinds of switch say about themselves beside ports and policies: multicast, beacons, the
// delay of failback, private VLANs and the port group of the uplinks.

/// The settings of a switch as a whole.
public struct SwitchSettings: Hashable, Sendable {
  /// In milliseconds; sites with slow spanning trees wait for minutes.
  public static let upDelayRange = 0...600_000

  public var multicastFiltering: MulticastFiltering
  /// Counts only where `multicastFiltering` is `snooping`.
  public var multicastSnooping: MulticastSnooping
  /// Counts only where a team probes with beacons.
  public var beacon: BeaconSettings
  /// How many milliseconds an uplink must be up before ports go back to it.
  public var uplinkUpDelay: Int
  public var privateVlans: [PrivateVLAN]
  /// Nothing: an uplink carries every VLAN, unfiltered.
  public var uplinkPortgroup: UplinkPortGroup?

  public init(
    multicastFiltering: MulticastFiltering = .basic,
    multicastSnooping: MulticastSnooping = MulticastSnooping(),
    beacon: BeaconSettings = BeaconSettings(), uplinkUpDelay: Int = 100,
    privateVlans: [PrivateVLAN] = [], uplinkPortgroup: UplinkPortGroup? = nil
  ) {
    self.multicastFiltering = multicastFiltering
    self.multicastSnooping = multicastSnooping
    self.beacon = beacon
    self.uplinkUpDelay = uplinkUpDelay
    self.privateVlans = privateVlans
    self.uplinkPortgroup = uplinkPortgroup
  }

  /// The row of the map that a port in this private VLAN belongs to.
  public func privateVLAN(_ secondary: UInt16) -> PrivateVLAN? {
    privateVlans.first { $0.secondary == secondary }
  }
}

/// Who gets a multicast frame.
public enum MulticastFiltering: String, CaseIterable, Hashable, Codable, Sendable {
  /// Ports whose device asks for its Ethernet address (vSphere: `legacyFiltering`).
  case basic
  /// Ports that joined its group by IGMP or MLD.
  case snooping
}

/// How the switch follows IGMP (RFC 3376) and MLD (RFC 3810).
public struct MulticastSnooping: Hashable, Codable, Sendable {
  public static let intervalRange = 1...3600
  public static let robustnessRange = 1...7

  /// The switch asks for members when it hears nobody else ask.
  public var querier: Bool
  /// Seconds between two general queries.
  public var queryInterval: Int
  /// How many queries may go unanswered, less one.
  public var robustness: Int
  /// 1-3: what the switch asks with.
  public var igmpVersion: Int
  /// 1-2.
  public var mldVersion: Int

  public init(
    querier: Bool = true, queryInterval: Int = 125, robustness: Int = 2, igmpVersion: Int = 3,
    mldVersion: Int = 2
  ) {
    self.querier = querier
    self.queryInterval = queryInterval
    self.robustness = robustness
    self.igmpVersion = igmpVersion
    self.mldVersion = mldVersion
  }
}

/// How teams probe their uplinks.
public struct BeaconSettings: Hashable, Codable, Sendable {
  public static let intervalRange = 1...60
  public static let missesRange = 1...100

  /// At least 0x0600, and no protocol that a switch reads.
  public var etherType: UInt16
  /// Seconds between two beacons of an uplink.
  public var interval: Int
  /// How many beacons in a row must be missing.
  public var misses: Int

  public init(etherType: UInt16 = 0x8922, interval: Int = 1, misses: Int = 3) {
    self.etherType = etherType
    self.interval = interval
    self.misses = misses
  }
}

/// The port group that the uplinks themselves are in.
public struct UplinkPortGroup: Hashable, Sendable {
  /// Unique among the port groups of the switch.
  public var name: String
  /// What uplinks let in and out; 0 stands for frames without a tag.
  public var vlan: VLANRanges
  /// `blocked` and `filter` only. Not inherited from the switch, and not by other port groups.
  public var policy: Policy
  public var origin: Origin

  public init(
    name: String, vlan: VLANRanges = .all, policy: Policy = Policy(), origin: Origin = Origin()
  ) {
    self.name = name
    self.vlan = vlan
    self.policy = policy
    self.origin = origin
  }
}
