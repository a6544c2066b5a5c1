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
  // Those that follow came later: optional, so that what an older agent says can still be read.
  public var binding: PortBinding?
  /// Nothing with ephemeral binding, as `numPorts`.
  public var allocation: PortAllocation?
  /// How many ports there are; an elastic port group may have more than the file says.
  public var numPorts: Int?
  /// How many of them belong to a nic.
  public var usedPorts: Int?

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
