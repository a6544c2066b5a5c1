// What the host agent tells about a port group: one object of `martlet portgroup list -o json`.

/// A port group, with its effective policy and where each field of it came from.
public struct PortGroupStatus: Hashable, Codable, Sendable {
  public var name: String
  public var `switch`: String
  /// A number, or text such as `0-99,200` for a trunk.
  public var vlan: VLANSetting
  /// How many ports it has.
  public var ports: Int
  public var policy: EffectivePolicy

  public init(
    name: String, switch: String, vlan: VLANSetting, ports: Int, policy: EffectivePolicy
  ) {
    self.name = name
    self.switch = `switch`
    self.vlan = vlan
    self.ports = ports
    self.policy = policy
  }
}
