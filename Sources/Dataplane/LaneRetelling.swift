// Telling all again: a lane whose notes found no room is out of step with the others.
//
// It then tells what it knows port by port (the address of the guest's nic, claims, VLANs of a trunk), and
// then the whole MAC table, a part whenever notes have been taken, and at most once a second from the
// beginning. An address that is moved within the table meanwhile may be missed; it is told when its age is
// next due. Lost group messages are not told again: the port gets every group until it has answered anew.

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

extension Switch {
  /// Goes on telling, while at least half of the room is free.
  mutating func retell(now: MonotonicTime) {
    tellUnheard()
    if lanes.isOutOfStep, lanes.retelling == nil,
      now >= lanes.retold.advanced(byMilliseconds: 1_000) || lanes.retold == .zero
    {
      lanes.isOutOfStep = false
      lanes.retelling = .port(0)
      lanes.retold = now
    }
    // A port tells a dozen notes and its VLANs.
    while let step = lanes.retelling, lanes.noteCount < LaneState.noteCapacity / 2 {
      switch step {
      case .port(let index):
        retellPort(PortIndex(index))
        lanes.retelling = index + 1 < plan.ports.count ? .port(index + 1) : .places(0)
      case .places(var cursor):
        guard let (key, entry) = macs.next(&cursor) else {
          lanes.retelling = nil
          break
        }
        lanes.retelling = .places(cursor)
        let seconds = BatchContext(now: latest).seconds
        if entry.kind != .static, macs.current(entry, nowSeconds: seconds) != nil {
          retellPlace(key, entry)
        }
      }
    }
  }

  /// With the order that the place has: who knows a later one keeps it.
  private mutating func retellPlace(_ key: MACKey, _ entry: MACEntry) {
    let order = lanes.order(of: key)
    let nanoseconds = UInt64(entry.seenSeconds) * 1_000_000_000
    let (stamp, lane) = order.map { ($0.stamp, $0.lane) } ?? (nanoseconds, lanes.number)
    lanes.append(
      LaneNote(
        .place(key, entry), at: PortIndex(rawValue: entry.port), lane: lane, epoch: lanes.epoch,
        stamp: stamp))
  }

  private mutating func retellPort(_ port: PortIndex) {
    guard port.index < plan.ports.count, plan.ports[port.index].kind == .vm else { return }
    let nic = states[port.index].nic
    if !nic.isObserved { tell(.guest(nic.address), at: port) }
    if lanes.isFirst { tell(.uplink(states[port.index].loadUplink), at: port) }
    for slot in seenSlots(of: port) {
      let seen = seenAddresses[slot]
      guard let address = seen.address else { continue }
      tell(.claim(address, vlan: seen.vlan, isRouter: seen.isRouter), at: port)
    }
    guard plan.ports[port.index].vlanMode == .trunk else { return }
    var next = trunkVLANs[Int(plan.ports[port.index].trunkSlot)].next(from: 0)
    while let vlan = next {
      tell(.vlan(vlan), at: port)
      next = trunkVLANs[Int(plan.ports[port.index].trunkSlot)].next(from: vlan + 1)
    }
  }

  private mutating func tellUnheard() {
    while lanes.noteCount < LaneState.noteCapacity, let port = lanes.unheard.next(from: 0) {
      lanes.unheard.remove(port)
      tell(.unheard, at: PortIndex(port))
    }
  }
}
