// A named kind of port on a switch: its VLAN, its policy, and how ports come and go.

/// A port group of a standard or distributed switch.
public struct PortGroup: Hashable, Sendable {
  public static let portsRange = 1...8192
  /// How many ports an elastic port group has at first, and gets more when it is full.
  public static let portsDefault = 8

  /// Unique on its switch.
  public var name: String
  public var vlan: VLANSetting
  public var binding: PortBinding
  /// Counts only with static binding, as `numPorts`.
  public var allocation: PortAllocation
  /// How many ports there are; with elastic allocation, at first.
  public var numPorts: Int
  /// Which settings a port may make for itself.
  public var allowOverride: Set<PolicyOverride>
  /// A port's own settings count only while its nic is connected.
  public var resetAtDisconnect: Bool
  /// Overrides the switch, field by field.
  public var policy: Policy
  public var origin: Origin

  public init(
    name: String, vlan: VLANSetting = .none, binding: PortBinding = .static,
    allocation: PortAllocation = .elastic, numPorts: Int = portsDefault,
    allowOverride: Set<PolicyOverride> = [], resetAtDisconnect: Bool = true,
    policy: Policy = Policy(), origin: Origin = Origin()
  ) {
    self.name = name
    self.vlan = vlan
    self.binding = binding
    self.allocation = allocation
    self.numPorts = numPorts
    self.allowOverride = allowOverride
    self.resetAtDisconnect = resetAtDisconnect
    self.policy = policy
    self.origin = origin
  }
}

/// When a nic gets its port.
public enum PortBinding: String, CaseIterable, Hashable, Codable, Sendable {
  /// When it is declared; the port stays while the nic is disconnected (vSphere: `earlyBinding`).
  case `static`
  /// When it is connected; the port goes with it.
  case ephemeral
}

/// What happens when a port group has no free port.
public enum PortAllocation: String, CaseIterable, Hashable, Codable, Sendable {
  /// It gets eight more.
  case elastic
  /// The nic is refused.
  case fixed
}

/// What a port says for itself, where its port group allows it.
public struct PortSettings: Hashable, Sendable {
  public static let idRange = 0...999_999

  /// The port that the nic claims; nothing: the switch gives it a free one.
  public var id: UInt32?
  public var vlan: VLANSetting?
  /// Overrides the port group, field by field.
  public var policy: Policy
  public var origin: Origin

  public init(
    id: UInt32? = nil, vlan: VLANSetting? = nil, policy: Policy = Policy(),
    origin: Origin = Origin()
  ) {
    self.id = id
    self.vlan = vlan
    self.policy = policy
    self.origin = origin
  }
}
