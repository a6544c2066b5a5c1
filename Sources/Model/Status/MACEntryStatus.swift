// What the host agent tells about a MAC table: one object of `martlet mac list -o json`.

public import Wire

/// An address that a switch knows.
public struct MACEntryStatus: Hashable, Codable, Sendable {
  public enum Kind: String, CaseIterable, Hashable, Codable, Sendable {
    /// The address of the nic that is plugged in.
    case `static`
    /// Seen behind a port whose port group learns.
    case learned
    /// Seen behind an uplink.
    case external
  }

  public var mac: MACAddress
  /// 0 for frames without a tag; 4095, as in vSphere, for every VLAN: the own address of a trunk port.
  public var vlan: UInt16
  /// The port id, or the name of the uplink.
  public var port: String
  public var vm: String?
  public var type: Kind
  /// Since the address was last seen; nothing for a static entry, which does not age.
  public var ageSeconds: Int?
  public var host: String
  public var `switch`: String

  public init(
    mac: MACAddress, vlan: UInt16, port: String, vm: String? = nil, type: Kind,
    ageSeconds: Int? = nil, host: String, switch: String
  ) {
    self.mac = mac
    self.vlan = vlan
    self.port = port
    self.vm = vm
    self.type = type
    self.ageSeconds = ageSeconds
    self.host = host
    self.switch = `switch`
  }
}
