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
    public var origin: Origin

    public init(
      portgroup: String, mac: MACAddress, addresses: [IPPrefix] = [], origin: Origin = Origin()
    ) {
      self.portgroup = portgroup
      self.mac = mac
      self.addresses = addresses
      self.origin = origin
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
