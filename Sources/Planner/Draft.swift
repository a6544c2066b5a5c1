// A plan in the making: port groups become teams and VLAN sets, nics become ports.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Model
internal import Wire

/// What a port group compiles to; shared by its ports.
private struct CompiledGroup {
  var policy: EffectivePolicy
  var team: UInt16
  var vlanMode: PortPlan.VLANMode
  var vlan: UInt16
  var vlanSet: UInt16
}

struct Draft {
  private let hostSwitch: HostSwitch
  private var plans: [PortPlan]
  private var teams: [TeamPlan] = []
  /// The first is every VLAN: what an uplink carries.
  private var vlanSets = [VLANSet.all]
  private var addresses: [IPAddress] = []
  private var groups: [String: CompiledGroup] = [:]
  private var ports: [PlannedPort] = []
  private var uplinks: [PlannedUplink] = []

  init(_ hostSwitch: HostSwitch, portCount: Int) {
    self.hostSwitch = hostSwitch
    plans = Array(repeating: PortPlan(), count: portCount)
    for portgroup in hostSwitch.portgroups { compile(portgroup) }
  }

  private mutating func compile(_ portgroup: PortGroup) {
    let policy = hostSwitch.effectivePolicy(of: portgroup)
    var group = CompiledGroup(
      policy: policy, team: UInt16(teams.count), vlanMode: .none, vlan: 0, vlanSet: 0)
    teams.append(team(policy.teaming))
    switch portgroup.vlan {
    case .none: break
    case .access(let vlan), .privateVLAN(let vlan):
      group.vlanMode = .access
      group.vlan = vlan
    case .trunk(let ranges):
      group.vlanMode = .trunk
      group.vlanSet = UInt16(vlanSets.count)
      vlanSets.append(VLANSet(ranges.ranges))
    }
    groups[portgroup.name] = group
  }

  /// Uplinks without a nic on this host cannot carry frames here, so they are not in its team.
  private func team(_ teaming: EffectivePolicy.Teaming) -> TeamPlan {
    func positions(_ names: [String]) -> [UInt8] {
      names.compactMap { name in
        hostSwitch.uplinks.firstIndex { $0.uplink == name }.map { UInt8($0) }
      }
    }
    return TeamPlan(
      policy: teaming.policy.value == .explicitOrder ? .explicitFailover : .originatingPortID,
      active: positions(teaming.activeUplinks.value),
      standby: positions(teaming.standbyUplinks.value), failsBack: teaming.failback.value)
  }

  mutating func addUplink(_ binding: UplinkBinding, position: Int, index: PortIndex) {
    var plan = PortPlan()
    plan.kind = .uplink
    plan.vlanMode = .trunk
    plan.team = UInt16(position)
    // Uplinks are numbered apart from VM ports. Not by position: that changes when an uplink before
    // this one gets or loses its nic, and another id means another port.
    plan.id = UInt32.max - UInt32(index.rawValue)
    plans[index.index] = plan
    uplinks.append(
      PlannedUplink(
        index: index, name: binding.uplink, nic: binding.nic, role: role(of: binding.uplink)))
  }

  private func role(of uplink: String) -> UplinkStatus.Role {
    let teamings = groups.values.map(\.policy.teaming)
    if teamings.contains(where: { $0.activeUplinks.value.contains(uplink) }) { return .active }
    if teamings.contains(where: { $0.standbyUplinks.value.contains(uplink) }) { return .standby }
    return teamings.isEmpty ? .active : .unused
  }

  /// Adds a VM port; `trunkSlot` is where its VLANs in use are noted, if it has a trunk.
  mutating func addPort(_ plugged: PluggedNIC, id: UInt32, index: PortIndex, trunkSlot: Int?) {
    guard let group = groups[plugged.portgroup.name] else { preconditionFailure("no such group") }
    let policy = group.policy
    var plan = PortPlan()
    plan.kind = .vm
    plan.id = id
    plan.mac = plugged.nic.mac
    plan.team = group.team
    plan.vlanMode = group.vlanMode
    plan.vlan = group.vlan
    plan.vlanSet = group.vlanSet
    plan.trunkSlot = UInt16(trunkSlot ?? 0)
    plan.allowsForgedTransmits = policy.security.forgedTransmits.value
    plan.learnsMACs = policy.macLearning.enabled.value
    plan.floodsUnknown = plan.learnsMACs && policy.macLearning.allowUnicastFlooding.value
    plan.macLimit = UInt16(policy.macLearning.limit.value)
    plan.forwardsBeyondLimit = policy.macLearning.limitPolicy.value == .allow
    plan.notifiesSwitches = policy.teaming.notifySwitches.value
    plan.firstAddress = UInt32(addresses.count)
    plan.addressCount = UInt16(plugged.nic.addresses.count)
    addresses += plugged.nic.addresses.map(\.address)
    plans[index.index] = plan
    ports.append(
      PlannedPort(
        index: index, id: id, key: plugged.key, portgroup: plugged.portgroup.name,
        vlan: plugged.portgroup.vlan, mac: plugged.nic.mac, addresses: plugged.nic.addresses))
  }

  func finished(revision: UInt64) -> PlannedSwitch {
    PlannedSwitch(
      hostSwitch: hostSwitch, revision: revision, ports: ports, uplinks: uplinks,
      portPlans: plans, teams: teams, vlanSets: vlanSets, addresses: addresses)
  }
}
