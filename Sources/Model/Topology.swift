// A whole declared network: the physical switches, hosts, virtual switches and VMs of one file.
//
// The words and units are those of the vSphere API where it has one. A `Topology` that came from
// `TopologyDecoder` is valid; one that was made in code is checked by `validationFailures()`.

/// What a topology file declares.
public struct Topology: Hashable, Sendable {
  public static let apiVersion = "martlet/v1"
  public static let kind = "Topology"

  /// The default name of the lab.
  public var name: String
  public var physicalSwitches: [PhysicalSwitch]
  public var hosts: [Host]
  public var distributedSwitches: [DistributedSwitch]
  public var standardSwitches: [StandardSwitch]
  public var vms: [VirtualMachine]
  public var origin: Origin

  public init(
    name: String, physicalSwitches: [PhysicalSwitch] = [], hosts: [Host] = [],
    distributedSwitches: [DistributedSwitch] = [], standardSwitches: [StandardSwitch] = [],
    vms: [VirtualMachine] = [], origin: Origin = Origin()
  ) {
    self.name = name
    self.physicalSwitches = physicalSwitches
    self.hosts = hosts
    self.distributedSwitches = distributedSwitches
    self.standardSwitches = standardSwitches
    self.vms = vms
    self.origin = origin
  }
}

/// A switch of the physical network, as a lab builds it.
public struct PhysicalSwitch: Hashable, Sendable {
  public enum Kind: String, CaseIterable, Hashable, Sendable {
    /// A Linux bridge, without spanning tree.
    case bridge
    /// Open vSwitch in user space. Known to the schema, not available in this version.
    case ovs
  }

  public var name: String
  public var kind: Kind
  /// Names of the physical switches that a cable joins to this one; each cable is told at one end.
  public var links: [String]
  public var origin: Origin

  public init(
    name: String, kind: Kind = .bridge, links: [String] = [], origin: Origin = Origin()
  ) {
    self.name = name
    self.kind = kind
    self.links = links
    self.origin = origin
  }
}

/// A machine that runs virtual switches and VMs.
public struct Host: Hashable, Sendable {
  /// A network interface of the host, and the physical switch that its cable goes to.
  public struct NIC: Hashable, Sendable {
    public var name: String
    public var physicalSwitch: String

    public init(name: String, physicalSwitch: String) {
      self.name = name
      self.physicalSwitch = physicalSwitch
    }
  }

  public var name: String
  /// In the order of the file.
  public var nics: [NIC]
  public var origin: Origin

  public init(name: String, nics: [NIC] = [], origin: Origin = Origin()) {
    self.name = name
    self.nics = nics
    self.origin = origin
  }
}
