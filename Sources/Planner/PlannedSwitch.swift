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
  public var vlan: VLANSetting
  public var mac: MACAddress
  public var addresses: [IPPrefix]
}

/// An uplink slot that has a nic on this host.
public struct PlannedUplink: Hashable, Sendable {
  public var index: PortIndex
  public var name: String
  public var nic: String
  /// The best role that any port group gives it.
  public var role: UplinkStatus.Role
}

/// A switch on a host, compiled.
public struct PlannedSwitch: Sendable {
  public var hostSwitch: HostSwitch
  public var revision: UInt64
  public var ports: [PlannedPort]
  public var uplinks: [PlannedUplink]
  let portPlans: [PortPlan]
  let teams: [TeamPlan]
  let vlanSets: [VLANSet]
  let addresses: [IPAddress]

  /// The plan for the data plane. Made anew on each call; made off the data path.
  public func makePlan() -> SwitchPlan {
    SwitchPlan(
      revision: revision, mtu: hostSwitch.mtu, ports: portPlans, teams: teams,
      vlanSets: vlanSets, uplinks: uplinks.map(\.index), addresses: addresses)
  }
}
