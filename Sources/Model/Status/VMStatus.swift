// What the host agent tells about a VM: one object of `martlet vm list -o json`.

public import Wire

/// A VM and its nics.
public struct VMStatus: Hashable, Codable, Sendable {
  public struct NIC: Hashable, Codable, Sendable {
    /// The device in the VM: eth0.
    public var device: String
    public var portgroup: String
    public var `switch`: String
    public var mac: MACAddress
    public var addresses: [IPPrefix]
    public var portId: String
    public var state: PortState
    public var teamUplink: String?
    /// The guest's side of a vhost-user port that is open; nothing for others.
    public var vhostUser: VhostUserStatus?

    public init(
      device: String, portgroup: String, switch: String, mac: MACAddress,
      addresses: [IPPrefix] = [], portId: String, state: PortState, teamUplink: String? = nil
    ) {
      self.device = device
      self.portgroup = portgroup
      self.switch = `switch`
      self.mac = mac
      self.addresses = addresses
      self.portId = portId
      self.state = state
      self.teamUplink = teamUplink
    }
  }

  public var name: String
  public var host: String
  public var nics: [NIC]

  public init(name: String, host: String, nics: [NIC]) {
    self.name = name
    self.host = host
    self.nics = nics
  }
}
