// Private VLANs (vSphere: `VMwareDVSPvlanMapEntry`): a primary VLAN, divided into secondary ones whose
// ports reach only the promiscuous ports, and within a community each other.
//
// The map of a valid switch: every primary has its promiscuous row; an identifier is either primary or
// secondary to one primary; a primary has at most one isolated VLAN.

/// One row of a switch's map of private VLANs.
public struct PrivateVLAN: Hashable, Sendable {
  public enum Kind: String, CaseIterable, Hashable, Codable, Sendable {
    /// Reaches every port of the primary VLAN; `secondary` is the primary itself.
    case promiscuous
    /// Reaches promiscuous ports, and those of the same community.
    case community
    /// Reaches promiscuous ports only.
    case isolated
  }

  /// 1-4094, as `secondary`.
  public var primary: UInt16
  public var secondary: UInt16
  public var type: Kind
  public var origin: Origin

  public init(primary: UInt16, secondary: UInt16, type: Kind, origin: Origin = Origin()) {
    self.primary = primary
    self.secondary = secondary
    self.type = type
    self.origin = origin
  }
}
