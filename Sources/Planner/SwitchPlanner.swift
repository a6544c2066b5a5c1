// From what people declare to what the data plane reads: one switch on one host, compiled.
//
// The planner keeps only which port index belongs to whom, so that a port's state stays where it is from
// plan to plan. Everything else follows from the topology.

public import Base
public import Dataplane
internal import FrameMemory
public import Model

/// Compiles one switch for one host, again and again.
public struct SwitchPlanner: Sendable {
  private enum Slot: Hashable {
    case uplink(String)
    case port(PortKey)
  }

  private let limits: SwitchLimits
  private let random: UInt64
  private var indices: [Slot: Int] = [:]
  private var trunkSlots: [Slot: Int] = [:]

  /// `random` goes into what nobody outside may guess: the identity of beacons, the hash of filters.
  public init(limits: SwitchLimits = SwitchLimits(), random: UInt64 = 0) {
    self.limits = limits
    self.random = random
  }

  /// Compiles the switch. Fails when the topology asks for more than the limits allow; then the planner
  /// is as it was.
  public mutating func plan(
    _ hostSwitch: HostSwitch, in topology: Topology, directory: PortDirectory, revision: UInt64
  ) throws(Failure) -> PlannedSwitch {
    var next = self
    do throws(DraftError) {
      let planned = try next.compile(hostSwitch, in: topology, directory, revision)
      self = next
      return planned
    } catch {
      throw Failure(
        "cannot plan switch \(hostSwitch.name)", why: error.why, remedy: error.remedy,
        at: hostSwitch.origin.location)
    }
  }

  private mutating func compile(
    _ hostSwitch: HostSwitch, in topology: Topology, _ directory: PortDirectory,
    _ revision: UInt64
  ) throws(DraftError) -> PlannedSwitch {
    let all = topology.nics(pluggedInto: hostSwitch)
    let nics = all.filter { $0.host == hostSwitch.host && $0.hasPort }
    let slots = hostSwitch.uplinks.map { Slot.uplink($0.uplink) } + nics.map { .port($0.key) }
    let trunks = nics.filter(\.isTrunk).map { Slot.port($0.key) }
    try check(hostSwitch, portCount: slots.count, trunkCount: trunks.count)
    try check(all, directory)
    Self.assign(slots, &indices)
    Self.assign(trunks, &trunkSlots)
    var draft = Draft(
      hostSwitch, portCount: (indices.values.max() ?? -1) + 1, random: random)
    for (position, binding) in hostSwitch.uplinks.enumerated() {
      let index = indices[.uplink(binding.uplink)]!
      try draft.addUplink(binding, position: position, index: PortIndex(index))
    }
    for nic in nics {
      guard let id = directory.ids[nic.key] else { preconditionFailure("the directory is stale") }
      let slot = Slot.port(nic.key)
      try draft.addPort(
        nic, id: id, index: PortIndex(indices[slot]!), trunkSlot: trunkSlots[slot])
    }
    return try draft.finish(all, directory, revision: revision)
  }

  private func check(_ hostSwitch: HostSwitch, portCount: Int, trunkCount: Int)
    throws(DraftError)
  {
    if hostSwitch.uplinks.count > SwitchLimits.uplinks {
      throw DraftError(
        why: "it has \(hostSwitch.uplinks.count) uplinks; a team has at most "
          + "\(SwitchLimits.uplinks)", remedy: "give it fewer uplinks")
    }
    if portCount > limits.ports {
      throw DraftError(
        why: "it needs \(portCount) ports on host \(hostSwitch.host); a switch has "
          + "\(limits.ports)", remedy: "move VMs to another host or switch")
    }
    if trunkCount > limits.trunkPorts {
      throw DraftError(
        why: "\(trunkCount) ports on host \(hostSwitch.host) have a VLAN trunk, over the limit of "
          + "\(limits.trunkPorts)",
        remedy: "move VMs to another host, or give them access VLANs")
    }
  }

  /// No port group has more nics than it has ports.
  private func check(_ all: [PluggedNIC], _ directory: PortDirectory) throws(DraftError) {
    var counts: [String: Int] = [:]
    for nic in all where nic.portgroup.binding == .static && nic.portgroup.allocation == .fixed {
      if let id = directory.ids[nic.key], id >= PortDirectory.firstConflictID { continue }
      let portgroup = nic.portgroup
      counts[portgroup.name, default: 0] += 1
      guard counts[portgroup.name, default: 0] > portgroup.numPorts else { continue }
      throw DraftError(
        why: "port group \(portgroup.name) has \(portgroup.numPorts) fixed ports, and no free one "
          + "for nic \(nic.key.device) of \(nic.key.vm)",
        remedy: "raise its `numPorts`, or write `allocation: elastic`")
    }
  }

  /// Who stays keeps its index; the lowest free ones go to who is new.
  private static func assign(_ slots: [Slot], _ indices: inout [Slot: Int]) {
    let wanted = Set(slots)
    indices = indices.filter { wanted.contains($0.key) }
    var taken = Set(indices.values)
    var next = 0
    for slot in slots where indices[slot] == nil {
      while taken.contains(next) { next += 1 }
      indices[slot] = next
      taken.insert(next)
    }
  }
}
