// A named kind of port on a switch: its VLAN and its policy.

/// A port group of a standard or distributed switch.
public struct PortGroup: Hashable, Sendable {
  /// Unique on its switch.
  public var name: String
  public var vlan: VLANSetting
  /// Overrides the switch, field by field.
  public var policy: Policy
  public var origin: Origin

  public init(
    name: String, vlan: VLANSetting = .none, policy: Policy = Policy(), origin: Origin = Origin()
  ) {
    self.name = name
    self.vlan = vlan
    self.policy = policy
    self.origin = origin
  }
}
