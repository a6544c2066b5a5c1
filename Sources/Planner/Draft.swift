// A plan in the making: the policy of each port becomes teams, VLAN sets, rules and shapes, which ports
// with the same policy share.
//
//   default -> switch -> port group -> port     each field on its own; a port group that lets its ports
//                                               set nothing is compiled once for all of them

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Model
internal import Tables
internal import Wire

/// Why a switch cannot be planned.
struct DraftError: Error {
  var why: String
  var remedy: String
}

struct Draft {
  /// Shapes are named by 16 bits, 0 being none.
  private static let shapeLimit = Int(UInt16.max)

  private let hostSwitch: HostSwitch
  private var parts: PlanParts
  private var teams: TeamDraft
  private var rules = RuleDraft()
  private var shapes = ValuePool<TrafficShape>()
  private var trunks = ValuePool<VLANRanges>()
  /// The ports of each port group that set nothing for themselves.
  private var compiled: [String: PortPlan] = [:]
  private var policies: [String: EffectivePolicy] = [:]
  private var ports: [PlannedPort] = []
  private var uplinks: [PlannedUplink] = []

  init(_ hostSwitch: HostSwitch, portCount: Int, random: UInt64) {
    self.hostSwitch = hostSwitch
    parts = PlanParts(mtu: hostSwitch.mtu)
    parts.ports = Array(repeating: PortPlan(), count: portCount)
    parts.addSettings(hostSwitch, random: random)
    teams = TeamDraft(hostSwitch.uplinks)
    for portgroup in hostSwitch.portgroups {
      policies[portgroup.name] = hostSwitch.effectivePolicy(of: portgroup)
    }
  }

  // MARK: - Uplinks

  /// Adds an uplink, with what the uplink port group says.
  mutating func addUplink(_ binding: UplinkBinding, position: Int, index: PortIndex)
    throws(DraftError)
  {
    let group = hostSwitch.uplinkPortgroup
    var plan = PortPlan()
    plan.kind = .uplink
    plan.mac = .uplink(binding.uplink, switch: hostSwitch.name, host: hostSwitch.host)
    plan.vlanMode = .trunk
    plan.vlanSet = UInt16(trunks.number(of: group?.vlan ?? .all))
    plan.team = UInt16(position)
    plan.isBlocked = group?.policy.blocked ?? false
    plan.set(try rules.add(group?.policy.filter ?? [], hidesTags: false))
    // Uplinks are numbered apart from VM ports. Not by position: that changes when an uplink before
    // this one gets or loses its nic, and another id means another port.
    plan.id = UInt32.max - UInt32(index.rawValue)
    parts.ports[index.index] = plan
    uplinks.append(
      PlannedUplink(
        index: index, name: binding.uplink, nic: binding.nic, attachment: hostSwitch.attachment,
        role: .unused))
  }

  // MARK: - Ports

  /// Adds a VM port; `trunkSlot` is where its VLANs in use are noted, if it has a trunk.
  mutating func addPort(_ plugged: PluggedNIC, id: UInt32, index: PortIndex, trunkSlot: Int?)
    throws(DraftError)
  {
    let (portgroup, nic) = (plugged.portgroup, plugged.nic)
    guard var policy = policies[portgroup.name] else { preconditionFailure("no such group") }
    var plan: PortPlan
    if let settings = plugged.settings {
      policy = hostSwitch.effectivePolicy(of: portgroup, port: settings)
      plan = try compile(policy, of: portgroup)
    } else if let known = compiled[portgroup.name] {
      plan = known
    } else {
      plan = try compile(policy, of: portgroup)
      compiled[portgroup.name] = plan
    }
    plan.id = id
    plan.mac = nic.mac
    plan.trunkSlot = UInt16(trunkSlot ?? 0)
    plan.firstAddress = UInt32(parts.addresses.count)
    plan.addressCount = UInt16(nic.addresses.count)
    parts.addresses += nic.addresses.map(\.address)
    parts.ports[index.index] = plan
    ports.append(
      PlannedPort(
        index: index, id: id, key: plugged.key, portgroup: portgroup.name,
        binding: portgroup.binding, vlan: policy.vlan.value, mac: nic.mac,
        addresses: nic.addresses, policy: policy,
        isConflict: id >= PortDirectory.firstConflictID, isConnected: nic.isConnected,
        qmp: nic.qmp, qmpNic: nic.qmpNic, vhostUser: nic.vhostUser))
  }

  /// What a policy makes of a VM port.
  private mutating func compile(_ policy: EffectivePolicy, of portgroup: PortGroup)
    throws(DraftError) -> PortPlan
  {
    var plan = PortPlan()
    plan.kind = .vm
    plan.isBlocked = policy.blocked.value
    plan.set(policy.security)
    plan.set(policy.macLearning)
    let probedVLAN = setVLAN(policy.vlan.value, of: &plan)
    plan.team = UInt16(teams.add(policy.teaming, vlan: probedVLAN))
    plan.notifiesSwitches = policy.teaming.notifySwitches.value
    plan.set(
      try rules.add(
        policy.filter, portgroup: portgroup.name, hidesTags: plan.vlanMode != .trunk))
    plan.ingressShape = try shape(policy.inShaping)
    plan.egressShape = try shape(policy.outShaping)
    return plan
  }

  /// Sets the VLAN of a port; returns the one in which its team sends beacons.
  private mutating func setVLAN(_ vlan: VLANSetting, of plan: inout PortPlan) -> UInt16 {
    switch vlan {
    case .none: return 0
    case .access(let id):
      plan.vlanMode = .access
      plan.vlan = id
      return id
    case .privateVLAN(let secondary):
      plan.vlanMode = .access
      plan.vlan = secondary
      plan.primaryVLAN = hostSwitch.settings.privateVLAN(secondary)?.primary ?? 0
      return plan.primaryVLAN == 0 ? secondary : plan.primaryVLAN
    case .trunk(let ranges):
      plan.vlanMode = .trunk
      plan.vlanSet = UInt16(trunks.number(of: ranges))
      return ranges.ranges.first?.lowerBound ?? 0
    }
  }

  private mutating func shape(_ shaping: EffectivePolicy.Shaping) throws(DraftError) -> UInt16 {
    guard shaping.enabled.value else { return 0 }
    let average = UInt64(shaping.averageBandwidth.value)
    let shape = TrafficShape(
      averageBitsPerSecond: average,
      peakBitsPerSecond: max(average, UInt64(shaping.peakBandwidth.value)),
      burstBytes: UInt64(shaping.burstSize.value))
    let number = shapes.number(of: shape) + 1
    guard number <= Self.shapeLimit else {
      throw DraftError(
        why: "its ports have more than \(Self.shapeLimit) different traffic shapes",
        remedy: "shape port groups instead of their ports")
    }
    return UInt16(number)
  }

  // MARK: - The end

  /// The planned switch; `all` are the nics on every host, also those without a port.
  mutating func finish(_ all: [PluggedNIC], _ directory: PortDirectory, revision: UInt64)
    throws(DraftError) -> PlannedSwitch
  {
    parts.uplinks = uplinks.map(\.index)
    parts.beaconDomains = try teams.domains(on: hostSwitch.host)
    parts.teams = teams.plans(parts.beaconDomains)
    parts.loadIntervalSeconds = teams.loadIntervalSeconds
    parts.vlanSets = trunks.values.map { VLANSet($0.ranges) }
    parts.ruleSets = rules.sets
    parts.shapes = shapes.values
    setRoles()
    return PlannedSwitch(
      hostSwitch: hostSwitch, revision: revision, ports: ports, uplinks: uplinks,
      portgroups: portgroups(all, directory),
      unplugged: all.filter { $0.host == hostSwitch.host && !$0.hasPort }.map(\.key),
      uplinkUpDelayNanoseconds: UInt64(hostSwitch.uplinkUpDelay) * 1_000_000, parts: parts)
  }

  private func portgroups(_ all: [PluggedNIC], _ directory: PortDirectory) -> [PlannedPortGroup] {
    var used: [String: Int] = [:]
    for nic in all {
      guard let id = directory.ids[nic.key], id < PortDirectory.firstConflictID else { continue }
      used[nic.portgroup.name, default: 0] += 1
    }
    return hostSwitch.portgroups.compactMap { portgroup in
      guard let policy = policies[portgroup.name] else { return nil }
      return PlannedPortGroup(
        name: portgroup.name, policy: policy, binding: portgroup.binding,
        numPorts: portgroup.binding == .static ? directory.portCount(of: portgroup.name) : nil,
        usedPorts: used[portgroup.name] ?? 0)
    }
  }

  private mutating func setRoles() {
    let teamings =
      policies.values.map(\.teaming)
      + ports.map(\.policy.teaming).filter { $0.activeUplinks.source == .port }
    let active = Set(teamings.flatMap(\.activeUplinks.value))
    let standby = Set(teamings.flatMap(\.standbyUplinks.value))
    for position in uplinks.indices {
      let name = uplinks[position].name
      uplinks[position].role =
        teamings.isEmpty || active.contains(name)
        ? .active : standby.contains(name) ? .standby : .unused
    }
  }
}

extension PortPlan {
  fileprivate mutating func set(_ numbers: RuleNumbers) {
    ingressRules = numbers.ingress
    egressRules = numbers.egress
  }

  fileprivate mutating func set(_ security: EffectivePolicy.Security) {
    allowsPromiscuous = security.allowPromiscuous.value
    acceptsMACChanges = security.macChanges.value
    allowsForgedTransmits = security.forgedTransmits.value
    blocksBPDU = security.blockGuestBPDU.value
    checksReversePathPromiscuous = security.reversePathCheckPromiscuous.value
  }

  fileprivate mutating func set(_ learning: EffectivePolicy.MACLearning) {
    learnsMACs = learning.enabled.value
    floodsUnknown = learnsMACs && learning.allowUnicastFlooding.value
    macLimit = UInt16(learning.limit.value)
    forwardsBeyondLimit = learning.limitPolicy.value == .allow
  }
}
