// A workload with virtual nics: a guest, a container, a network namespace.

public import Wire

/// A VM and the host that it runs on.
public struct VirtualMachine: Hashable, Sendable {
  /// A virtual nic; in the VM the first is eth0, the next eth1.
  public struct NIC: Hashable, Sendable {
    /// The name of a port group at the VM's host: `web`, or `dvs1/web` where two switches have one.
    public var portgroup: String
    /// Unicast, unique in the topology. A file may leave it out: then it is derived from the names.
    public var mac: MACAddress
    /// What the nic is given in the VM, and what is announced for it. May be empty.
    public var addresses: [IPPrefix]
    /// The cable is plugged in. A nic that is not keeps its static port, and passes no frame.
    public var isConnected: Bool
    /// The QMP socket of the guest, which tells its addresses; nothing: they are seen otherwise.
    public var qmp: String?
    /// The name of the nic in the guest's QMP; nothing: the one that has the declared address.
    public var qmpNic: String?
    /// The guest is behind vhost-user; nothing: the nic is a device in the VM's network namespace.
    public var vhostUser: VhostUserSocket?
    /// What its port says for itself.
    public var port: PortSettings?
    public var origin: Origin

    public init(
      portgroup: String, mac: MACAddress, addresses: [IPPrefix] = [],
      isConnected: Bool = true, qmp: String? = nil, qmpNic: String? = nil,
      vhostUser: VhostUserSocket? = nil, port: PortSettings? = nil, origin: Origin = Origin()
    ) {
      self.portgroup = portgroup
      self.mac = mac
      self.addresses = addresses
      self.isConnected = isConnected
      self.qmp = qmp
      self.qmpNic = qmpNic
      self.vhostUser = vhostUser
      self.port = port
      self.origin = origin
    }

    /// The settings of the port that count now: none after a disconnect that resets them.
    public func port(in portgroup: PortGroup) -> PortSettings? {
      guard var port, !isConnected, portgroup.resetAtDisconnect else { return port }
      port.vlan = nil
      port.policy = Policy()
      return port
    }
  }

  public var name: String
  public var host: String
  public var nics: [NIC]
  public var origin: Origin

  public init(name: String, host: String, nics: [NIC] = [], origin: Origin = Origin()) {
    self.name = name
    self.host = host
    self.nics = nics
    self.origin = origin
  }

  /// The device of a nic in the VM.
  public static func deviceName(ofNIC index: Int) -> String { "eth\(index)" }
}
