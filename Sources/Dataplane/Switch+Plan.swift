// Swapping plans: the state of ports that stay is kept, that of ports that go is cleared.

public import Base
internal import FrameMemory
internal import Protocols
internal import Tables

extension Switch {
  /// Puts a new plan into force between two batches and gives the old one back, to be freed elsewhere.
  ///
  /// A port that keeps its index and id keeps its counters, learned addresses and uplink. No frame is
  /// lost: the caller is between batches, and the next frame meets the new plan whole.
  /// - Cost: in the number of ports; a pass over the MAC table for each port that goes or changes VLAN.
  public mutating func apply(_ new: consuming SwitchPlan, now: MonotonicTime) -> SwitchPlan {
    precondition(new.ports.count <= limits.ports, "more ports than the limits allow")
    precondition(new.teams.count <= limits.ports, "more teams than the limits allow")
    var other = new
    swap(&plan, &other)
    latest = max(latest, now)
    flowGeneration = max(1, flowGeneration &+ 1)
    lanes.countControlCall()
    if !hasSamePrivateVLANs(as: other) {
      macs.flush()
      lanes.clearedPlaces(of: nil)
    }
    settle(after: other)
    settleBeacons(now: now)
    settleGroups()
    settleShapers(before: other, now: now)
    for number in teamStates.indices { teamStates[number] = TeamState() }
    updateUplinks(now: now)
    selectUplinks()
    settleLines()
    return other
  }

  /// Brings the state of every port in line with the plan in force.
  private mutating func settle(after old: borrowing SwitchPlan) {
    for index in 0..<max(old.ports.count, plan.ports.count) {
      let before = index < old.ports.count ? old.ports[index] : PortPlan()
      let after = index < plan.ports.count ? plan.ports[index] : PortPlan()
      let isSameSet = carriesSame(before, old, after)
      if before != after || !isSameSet {
        change(PortIndex(index), from: before, to: after, isSameSet: isSameSet)
      }
    }
    for index in plan.ports.indices where plan.ports[index].kind == .vm {
      settleGuest(PortIndex(index))
    }
    listPromiscuous()
    claimAddresses()
  }

  private func hasSamePrivateVLANs(as old: borrowing SwitchPlan) -> Bool {
    guard plan.hasPrivateVLANs == old.hasPrivateVLANs else { return false }
    for vlan in plan.privateVLANs.indices
    where plan.privateVLANs[vlan] != old.privateVLANs[vlan] { return false }
    return true
  }

  /// Whether the sets of two trunks are equal; true where one is no trunk.
  private func carriesSame(
    _ before: PortPlan, _ old: borrowing SwitchPlan, _ after: PortPlan
  ) -> Bool {
    guard before.kind != .absent, after.kind != .absent, before.vlanMode == .trunk,
      after.vlanMode == .trunk
    else { return true }
    return old.vlanSets[Int(before.vlanSet)] == plan.vlanSets[Int(after.vlanSet)]
  }

  private mutating func change(
    _ port: PortIndex, from before: PortPlan, to after: PortPlan, isSameSet: Bool
  ) {
    let isSamePort = before.kind == after.kind && before.id == after.id
    let address = states[port.index].address
    if let key = before.staticKey(address),
      !isSamePort || !isSameSet || key != after.staticKey(address)
    {
      release(key, of: port)
    }
    if after.kind == .vm, after.vlanMode == .trunk,
      !isSamePort || before.trunkSlot != after.trunkSlot
    {
      trunkVLANs[Int(after.trunkSlot)] = VLANSet()
      states[port.index].lastVLAN = .max
    }
    guard isSamePort else {
      if before.kind != .absent { forget(port, before) }
      resetCounters(port)
      loads[port.index] = UplinkLoad()
      if lanes.hasOthers { lanes.foreignLoads[port.index] = LaneLoad() }
      states[port.index].nic = GuestNIC(assumed: after.mac)
      lanes.clearedGuest(of: port)
      lanes.clearedPolicy(of: port)
      askForGroups(port)
      return
    }
    if after.mac != before.mac, !states[port.index].nic.isObserved {
      states[port.index].nic.address = after.mac
      lanes.clearedGuest(of: port)
    }
    if before.team != after.team { states[port.index].loadUplink = .none }
    let isSameVLAN =
      before.vlanMode == after.vlanMode && before.vlan == after.vlan
      && before.primaryVLAN == after.primaryVLAN
    if !isSameVLAN || !isSameSet {
      lanes.clearedPolicy(of: port)
      dropWaiting(at: port)
      setGroupsOfPort(port, isAttached: states[port.index].isAttached)
    }
    if !isSameVLAN || !isSameSet || (before.learnsMACs && !after.learnsMACs) {
      forgetPlaces(of: port)
    }
    if !isSameVLAN, after.kind == .vm {
      announceAfterVLANChange(port, after)
    } else if after.isOpen && !before.isOpen {
      // It could be neither announced nor asked when it was attached.
      announce(port)
      askForGroups(port)
    }
  }

  /// Clears what is remembered about the port that had this index.
  private mutating func forget(_ port: PortIndex, _ before: PortPlan) {
    if before.kind == .vm, before.vlanMode == .trunk {
      trunkVLANs[Int(before.trunkSlot)] = VLANSet()
    }
    forgetPlaces(of: port)
    groupFilter.remove(port: port.index)
    groups.remove(port: port.index)
    dropWaiting(at: port)
    states[port.index] = PortState()
    for slot in seenSlots(of: port) { seenAddresses[slot] = SeenAddress() }
  }

  private mutating func announceAfterVLANChange(_ port: PortIndex, _ policy: PortPlan) {
    for slot in seenSlots(of: port) { seenAddresses[slot] = SeenAddress() }
    if policy.vlanMode == .trunk { trunkVLANs[Int(policy.trunkSlot)] = VLANSet() }
    states[port.index].lastVLAN = .max
    announce(port)
  }
}
