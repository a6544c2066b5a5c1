// A switch of one host, declared on that host. Without uplinks it is internal: its VMs reach only
// each other.

/// A standard switch.
@dynamicMemberLookup
public struct StandardSwitch: Hashable, Sendable {
  public static let mtuRange = 1280...9000
  public static let mtuDefault = 1500

  public var host: String
  /// Unique on its host; other hosts may have a standard switch of the same name.
  public var name: String
  /// The largest Ethernet payload, in bytes.
  public var mtu: Int
  /// Names of nics of the host. Each is an uplink of the same name.
  public var uplinks: [String]
  public var attachment: UplinkAttachment
  /// What port groups inherit.
  public var policy: Policy
  public var portgroups: [PortGroup]
  public var settings: SwitchSettings
  public var origin: Origin

  public init(
    host: String, name: String, mtu: Int = mtuDefault, uplinks: [String] = [],
    attachment: UplinkAttachment = .auto, policy: Policy = Policy(), portgroups: [PortGroup] = [],
    settings: SwitchSettings = SwitchSettings(), origin: Origin = Origin()
  ) {
    self.host = host
    self.name = name
    self.mtu = mtu
    self.uplinks = uplinks
    self.attachment = attachment
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
