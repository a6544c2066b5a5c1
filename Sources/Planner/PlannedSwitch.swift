// What the planner makes for one switch on one host: the plan for the data plane, and beside it
// everything with a name, for whoever attaches ports and reports status.

public import Dataplane
public import FrameMemory
public import Model
public import Wire

/// A VM port with its names.
public struct PlannedPort: Hashable, Sendable {
  public var index: PortIndex
  /// Stable while the nic is plugged in; unique on the switch.
  public var id: UInt32
  public var key: PortKey
  public var portgroup: String
  public var binding: PortBinding
  public var vlan: VLANSetting
  public var mac: MACAddress
  public var addresses: [IPPrefix]
  /// What holds for this port, its own settings included.
  public var policy: EffectivePolicy
  /// Another nic has the number that this one claims. It works, under a number of its own.
  public var isConflict: Bool
  /// The nic's cable is plugged in. Without, the port is to have no attachment.
  public var isConnected: Bool
  /// The QMP socket of the guest, and the name that the nic has there.
  public var qmp: String?
  public var qmpNic: String?
  /// How the guest is met behind vhost-user; nil: the nic is a device in the VM's namespace.
  public var vhostUser: VhostUserSocket?
}

/// An uplink slot that has a nic on this host.
public struct PlannedUplink: Hashable, Sendable {
  public var index: PortIndex
  public var name: String
  public var nic: String
  public var attachment: UplinkAttachment
  /// The best role that any port group or port gives it.
  public var role: UplinkStatus.Role
}

/// A port group with the ports that it has on all hosts.
public struct PlannedPortGroup: Hashable, Sendable {
  public var name: String
  /// What holds for ports that set nothing for themselves.
  public var policy: EffectivePolicy
  public var binding: PortBinding
  /// How many ports there are; nil with ephemeral binding.
  public var numPorts: Int?
  /// How many of them belong to a nic, connected or not. Conflict ports are not among them.
  public var usedPorts: Int
}

/// A switch on a host, compiled.
public struct PlannedSwitch: Sendable {
  public var hostSwitch: HostSwitch
  public var revision: UInt64
  /// In the order of the topology.
  public var ports: [PlannedPort]
  public var uplinks: [PlannedUplink]
  public var portgroups: [PlannedPortGroup]
  /// Nics of this host that are plugged in but have no port: disconnected, in an ephemeral port group.
  public var unplugged: [PortKey]
  /// What `Switch.uplinkUpDelayNanoseconds` is to be.
  public var uplinkUpDelayNanoseconds: UInt64
  package let parts: PlanParts

  /// The plan for the data plane.
  ///
  /// - Cost: made anew on each call, off the data path: some microseconds for each rule of each different
  ///   filter (10,000 rules: 0.4 s in a debug build), little for the rest.
  public func makePlan() -> SwitchPlan { parts.makePlan(revision: revision) }

  /// The declared rule behind a verdict (`FilterVerdict.rule`) of a VM port or uplink.
  ///
  /// - Cost: in the length of the filter.
  public func rule(_ place: Int, _ direction: Direction, at port: PortIndex) -> FilterRule? {
    let way: FilterDirection = direction == .ingress ? .ingress : .egress
    let filter =
      ports.first { $0.index == port }?.policy.filter.value
      ?? (uplinks.contains { $0.index == port } ? hostSwitch.uplinkPortgroup?.policy.filter : nil)
    return filter?.declaredRule(place, way)
  }
}
