// Taking in what another lane has learned.
//
// Everything here has been judged by the lane that took the frame, with the same plan or one that is as good:
// see LaneState for notes that cross a control call. Deliveries, drops, counters and conservation are that
// lane's. What this lane learns so is not told on: every lane tells all others itself.

public import Base
internal import FrameMemory
internal import Protocols
internal import Tables
internal import Wire

extension Switch {
  /// Takes a note of another lane into account.
  ///
  /// - Returns: false when it has to wait: that lane has seen a control call that this one has not. Notes
  ///   behind it wait, too.
  /// - Cost: about that of learning an address; a note that changes a guest's address costs more.
  public mutating func observe(_ note: LaneNote, now: MonotonicTime) -> Bool {
    guard lanes.hasOthers else { return true }
    guard note.epoch <= lanes.epoch else { return false }
    latest = max(latest, now)
    lanes.stamp = max(lanes.stamp, note.stamp)
    let port = note.port
    guard port.index < plan.ports.count else { return true }
    let cleared = lanes.ports[port.index]
    let kind = plan.ports[port.index].kind
    switch note.fact {
    case .place(let key, let entry):
      observePlace(key, entry, note)
    case .outside(let key): if kind == .uplink { judgeOutside(key, uplink: port) }
    case .guest(let address):
      if note.epoch >= cleared.guest, kind == .vm { observeGuest(port, address) }
    case .claim(let address, let vlan, let isRouter):
      if note.epoch >= cleared.policy { enterClaim(address, isRouter, vlan, port) }
    case .vlan(let vlan):
      if note.epoch >= cleared.policy { enterTrunkVLAN(vlan, port) }
    case .beacon(let vlan, let from):
      if kind == .uplink { heardBeacon(vlan: vlan, by: port, from: from, now: latest) }
    case .load(let out, let into): observeLoad(port, out: out, into)
    case .uplink(let uplink):
      if note.epoch >= cleared.policy, kind == .vm {
        states[port.index].loadUplink = uplink
        selectUplink(port)
      }
    case .unheard: overflowGroups(port)
    }
    return true
  }

  /// Takes a group message of another lane into account; false when it has to wait, as with notes.
  public mutating func observe(_ message: borrowing LaneMessage, now: MonotonicTime) -> Bool {
    guard message.epoch <= lanes.epoch else { return false }
    latest = max(latest, now)
    let port = message.port
    guard plan.multicast == .snooping, port.index < plan.ports.count else { return true }
    let cleared = lanes.ports[port.index]
    guard message.epoch >= max(cleared.attachment, cleared.policy) else { return true }
    let bytes = message.bytes.span.rawSpan
    guard let parsed = GroupMessage(bytes.extracting(first: Int(message.byteCount))) else {
      return true
    }
    groups.receive(
      parsed, port: port.index, isUplink: message.isFromUplink, vlan: message.vlan, now: latest)
    return true
  }

  /// Of two places of an address the later one counts; of the same one the later sight.
  private mutating func observePlace(_ key: MACKey, _ entry: MACEntry, _ note: LaneNote) {
    let isPossible =
      entry.kind == .external
      ? plan.ports[note.port.index].kind == .uplink
      : entry.kind == .learned && plan.ports[note.port.index].learnsMACs
    guard !isOwned(key) else { return }
    let known = macs.find(key, nowSeconds: BatchContext(now: latest).seconds)
    let isSame = known.map { $0.port == entry.port && $0.kind == entry.kind } ?? false
    var isLater = true
    if let order = lanes.order(of: key) {
      isLater = order.isBefore(note)
    } else if let known {
      isLater = isSame || entry.seenSeconds >= known.seenSeconds
    }
    guard isLater || isSame else { return }
    if isLater { lanes.remember(key, note) }
    // It left its old place for one that was cleared since.
    guard isPossible, note.epoch >= lanes.ports[note.port.index].places else {
      if !isSame { macs.remove(key) }
      return
    }
    var seen = entry.seenSeconds
    if isSame, let known { seen = max(seen, known.seenSeconds) }
    _ =
      entry.kind == .external
      ? macs.learnExternal(key, uplink: entry.port, nowSeconds: seen)
      : macs.learn(key, port: entry.port, nowSeconds: seen)
  }

  /// Whether an address is a port's own, in its VLAN or in a trunk.
  private func isOwned(_ key: MACKey) -> Bool {
    if macs.find(key, nowSeconds: 0)?.kind == .static { return true }
    guard plan.trunks.count > 0,
      let trunk = macs.find(MACKey(key.address, vlan: MACKey.anyVLAN), nowSeconds: 0)
    else { return false }
    return plan.carries(plan.ports[Int(trunk.port)], key.vlan)
  }

  /// A frame of an address that is known here came in at an uplink of another lane. The home lane of its port
  /// knows whether the guest was silent; then it has moved, else the frame was a reflection, and the others
  /// hear when the guest was last seen.
  private mutating func judgeOutside(_ key: MACKey, uplink: PortIndex) {
    let seconds = BatchContext(now: latest).seconds
    guard let known = macs.find(key, nowSeconds: seconds), known.kind == .learned,
      lanes.isHome(of: known.port)
    else { return }
    if seconds &- known.seenSeconds > 1 {
      _ = learn(key, .external, at: uplink, seconds)
    } else {
      lanes.append(.place(key, known), at: PortIndex(rawValue: known.port), latest)
    }
  }

  private mutating func observeGuest(_ port: PortIndex, _ address: MACAddress) {
    guard !states[port.index].nic.isObserved, !plan.ports[port.index].allowsForgedTransmits,
      states[port.index].nic.address != address
    else { return }
    setAssumedAddress(address, port)
  }

  private mutating func observeLoad(_ port: PortIndex, out: UInt64, _ into: UInt64) {
    guard lanes.isFirst else { return }
    switch plan.ports[port.index].kind {
    case .absent: break
    case .vm:
      states[port.index].loadBytesOut &+= out
      states[port.index].loadBytesIn &+= into
    case .uplink:
      lanes.foreignLoads[port.index].out &+= out
      lanes.foreignLoads[port.index].in &+= into
    }
  }

  /// Nobody knows what a port listens to: it gets everything until it has been asked again.
  mutating func overflowGroups(_ port: PortIndex) {
    let policy = portPlan(port)
    guard plan.multicast == .snooping, policy.kind == .vm else { return }
    var next = nextUsedVLAN(of: policy, from: 0)
    while let vlan = next {
      groups.giveAll(port: port.index, vlan: plan.lookupVLAN(of: vlan), now: latest)
      next = nextUsedVLAN(of: policy, from: vlan + 1)
    }
  }
}
