// A switch that spans hosts: one set of port groups, and on every member host its own nics in the
// uplink slots.

/// A distributed switch.
@dynamicMemberLookup
public struct DistributedSwitch: Hashable, Sendable {
  public static let mtuRange = 1280...9190
  public static let mtuDefault = 1500

  /// A host that carries the switch, and which of its nics fill which uplink.
  public struct Member: Hashable, Sendable {
    public var host: String
    /// In the order of the file. An uplink that is not here has no nic on this host.
    public var uplinks: [UplinkBinding]
    public var attachment: UplinkAttachment
    public var origin: Origin

    public init(
      host: String, uplinks: [UplinkBinding] = [], attachment: UplinkAttachment = .auto,
      origin: Origin = Origin()
    ) {
      self.host = host
      self.uplinks = uplinks
      self.attachment = attachment
      self.origin = origin
    }
  }

  public var name: String
  /// The largest Ethernet payload, in bytes.
  public var mtu: Int
  /// The names of the uplink slots, in their order.
  public var uplinks: [String]
  public var hosts: [Member]
  /// What port groups inherit.
  public var policy: Policy
  public var portgroups: [PortGroup]
  public var settings: SwitchSettings
  public var origin: Origin

  public init(
    name: String, mtu: Int = mtuDefault, uplinks: [String] = [], hosts: [Member] = [],
    policy: Policy = Policy(), portgroups: [PortGroup] = [],
    settings: SwitchSettings = SwitchSettings(), origin: Origin = Origin()
  ) {
    self.name = name
    self.mtu = mtu
    self.uplinks = uplinks
    self.hosts = hosts
    self.policy = policy
    self.portgroups = portgroups
    self.settings = settings
    self.origin = origin
  }

  /// A setting of the switch, by its own name.
  public subscript<Value>(
    dynamicMember setting: WritableKeyPath<SwitchSettings, Value>
  ) -> Value {
    get { settings[keyPath: setting] }
    set { settings[keyPath: setting] = newValue }
  }
}

/// An uplink of a switch, and the nic that fills it on one host.
public struct UplinkBinding: Hashable, Sendable {
  public var uplink: String
  public var nic: String

  public init(uplink: String, nic: String) {
    self.uplink = uplink
    self.nic = nic
  }
}
