// From what people declare to what the data plane reads: one switch on one host, compiled.
//
// The planner keeps only which port index belongs to whom, so that a port's state stays where it is from
// plan to plan. Everything else follows from the topology.

public import Base
public import Dataplane
internal import FrameMemory
public import Model
internal import Wire

/// Compiles one switch for one host, again and again.
public struct SwitchPlanner: Sendable {
  private enum Slot: Hashable {
    case uplink(String)
    case port(PortKey)
  }

  private let limits: SwitchLimits
  private var indices: [Slot: Int] = [:]
  private var trunkSlots: [Slot: Int] = [:]

  public init(limits: SwitchLimits = SwitchLimits()) { self.limits = limits }

  /// Compiles the switch. Fails when the topology asks for more ports than the limits allow; then the
  /// planner is as it was.
  public mutating func plan(
    _ hostSwitch: HostSwitch, in topology: Topology, directory: PortDirectory, revision: UInt64
  ) throws(Failure) -> PlannedSwitch {
    let nics = topology.nics(on: hostSwitch)
    let slots = hostSwitch.uplinks.map { Slot.uplink($0.uplink) } + nics.map { .port($0.key) }
    let trunks = nics.filter(\.isTrunk).map { Slot.port($0.key) }
    try check(hostSwitch, portCount: slots.count, trunkCount: trunks.count)
    Self.assign(slots, &indices)
    Self.assign(trunks, &trunkSlots)
    var draft = Draft(hostSwitch, portCount: (indices.values.max() ?? -1) + 1)
    for (position, binding) in hostSwitch.uplinks.enumerated() {
      let index = indices[.uplink(binding.uplink)]!
      draft.addUplink(binding, position: position, index: PortIndex(index))
    }
    for nic in nics {
      guard let id = directory.ids[nic.key] else { preconditionFailure("the directory is stale") }
      let slot = Slot.port(nic.key)
      draft.addPort(
        nic, id: id, index: PortIndex(indices[slot]!), trunkSlot: trunkSlots[slot])
    }
    return draft.finished(revision: revision)
  }

  private func check(_ hostSwitch: HostSwitch, portCount: Int, trunkCount: Int) throws(Failure) {
    let limit: (why: String, remedy: String)
    if hostSwitch.uplinks.count > SwitchLimits.uplinks {
      limit = (
        "it has \(hostSwitch.uplinks.count) uplinks; a team has at most \(SwitchLimits.uplinks)",
        "give it fewer uplinks"
      )
    } else if portCount > limits.ports {
      limit = (
        "it needs \(portCount) ports on host \(hostSwitch.host); a switch has \(limits.ports)",
        "move VMs to another host or switch"
      )
    } else if trunkCount > limits.trunkPorts {
      limit = (
        "\(trunkCount) ports on host \(hostSwitch.host) have a VLAN trunk, over the limit of "
          + "\(limits.trunkPorts)", "move VMs to another host, or give them access VLANs"
      )
    } else {
      return
    }
    throw Failure(
      "cannot plan switch \(hostSwitch.name)", why: limit.why, remedy: limit.remedy,
      at: hostSwitch.origin.location)
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

/// A nic that is plugged into the switch that is being planned.
struct PluggedNIC {
  var key: PortKey
  var nic: VirtualMachine.NIC
  var portgroup: PortGroup

  var isTrunk: Bool {
    if case .trunk = portgroup.vlan { return true }
    return false
  }
}

extension Topology {
  /// The nics of the host's VMs that are plugged into one of its switches, in the order of the file.
  fileprivate func nics(on hostSwitch: HostSwitch) -> [PluggedNIC] {
    vms(onHost: hostSwitch.host).flatMap { vm in
      vm.nics.enumerated().compactMap { index, nic -> PluggedNIC? in
        guard let reference = portgroup(of: nic, of: vm),
          reference.hostSwitch.name == hostSwitch.name
        else { return nil }
        let device = VirtualMachine.deviceName(ofNIC: index)
        return PluggedNIC(
          key: PortKey(vm: vm.name, device: device), nic: nic, portgroup: reference.portgroup)
      }
    }
  }
}
