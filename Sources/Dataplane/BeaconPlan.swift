// Beacon probing as the data plane reads it (vSphere: failure detection "beacon probing").

/// Uplinks that are probed together: those of a team, in the VLAN of its port group.
public struct BeaconDomain: Equatable, Sendable, BitwiseCopyable {
  /// Positions among the switch's uplinks, one bit each; active and standby ones.
  public var members: UInt32
  /// 0 is untagged.
  public var vlan: UInt16

  public init(members: UInt32, vlan: UInt16) {
    self.members = members
    self.vlan = vlan
  }
}

/// How beacons are sent and judged on a switch.
public struct BeaconSettings: Equatable, Sendable, BitwiseCopyable {
  /// The EtherType of beacons (vSphere since 4.1: 0x8922).
  public var etherType: UInt16 = 0x8922
  public var intervalNanoseconds: UInt64 = 1_000_000_000
  /// An uplink that is not heard for so many intervals in a row has failed.
  public var misses: UInt8 = 3
  /// Tells the beacons of this switch from those of all others.
  public var identity: UInt64 = 0

  public init() {}
}
