// Making the announcements of a port: the frames that tell the physical network, and the neighbours
// beyond it, where its addresses are now.
//
// For every MAC address and VLAN of the port one RARP (what vSphere sends; it moves the physical
// switches' tables), and for every known IP address a gratuitous ARP or an unsolicited neighbour
// advertisement (which also mend the neighbours' caches). The frames leave by the port's uplink only.

internal import Base
public import FrameMemory
internal import Tables
internal import Wire

/// How far the announcement of a port has come, when it does not fit into one batch.
public struct AnnouncementCursor: Equatable, Sendable {
  enum Stage: Equatable, Sendable {
    /// The vNIC's own address, in this VLAN, from this item on (0 is the RARP).
    case own(vlan: UInt16, item: Int)
    /// Addresses learned behind the port, from this place in the MAC table on.
    case learned(Int)
    case done
  }

  var stage = Stage.own(vlan: 0, item: 0)

  public init() {}

  public var isDone: Bool { stage == .done }
}

extension Switch {
  /// Appends announcements of `port` to the batch and their deliveries to the list, until one is full or
  /// the batch has `limit` frames.
  ///
  /// Call again with the same cursor until it is done. Does nothing when the port has no uplink now. Traps
  /// when the list could never hold one frame by each uplink.
  public mutating func announce(
    _ port: PortIndex, into batch: inout FrameBatch, _ deliveries: inout DeliveryList,
    _ cursor: inout AnnouncementCursor, limit: Int = .max
  ) {
    var tracer = NullTracer()
    announce(port, into: &batch, &deliveries, &cursor, limit: limit, tracer: &tracer)
  }

  /// The same, telling `tracer` every step.
  public mutating func announce(
    _ port: PortIndex, into batch: inout FrameBatch, _ deliveries: inout DeliveryList,
    _ cursor: inout AnnouncementCursor, limit: Int = .max, tracer: inout some Tracer
  ) {
    precondition(deliveries.capacity >= plan.uplinks.count, "no room for one announcement")
    let policy = portPlan(port)
    guard policy.kind == .vm, policy.isOpen, states[port.index].isAttached,
      states[port.index].uplink != .none
    else {
      cursor.stage = .done
      return
    }
    while !cursor.isDone, !batch.isFull, batch.count < limit,
      deliveries.freeCapacity >= max(1, plan.uplinks.count)
    {
      switch cursor.stage {
      case .own(let vlan, let item):
        announceOwn(port, policy, vlan, item, &batch, &deliveries, &cursor, &tracer)
      case .learned: announceLearned(port, &batch, &deliveries, &cursor, &tracer)
      case .done: break
      }
    }
  }

  /// One item of the port's own address: the RARP, then a frame for each IP address.
  private mutating func announceOwn(
    _ port: PortIndex, _ policy: PortPlan, _ from: UInt16, _ item: Int,
    _ batch: inout FrameBatch, _ deliveries: inout DeliveryList,
    _ cursor: inout AnnouncementCursor, _ tracer: inout some Tracer
  ) {
    guard let vlan = nextVLAN(of: policy, from: from) else {
      // Most ports that may learn have nothing behind them: no pass over the table for those.
      cursor.stage = macs.dynamicCount(ofPort: port.rawValue) > 0 ? .learned(0) : .done
      return
    }
    let address = states[port.index].address
    switch item == 0 ? .send(.rarp(address)) : addressItem(item - 1, port, policy, vlan) {
    case .send(let announcement): send(announcement, vlan, port, &batch, &deliveries, &tracer)
    case .skip: break
    case .end:
      cursor.stage = .own(vlan: vlan + 1, item: 0)
      return
    }
    cursor.stage = .own(vlan: vlan, item: item + 1)
  }

  private mutating func announceLearned(
    _ port: PortIndex, _ batch: inout FrameBatch, _ deliveries: inout DeliveryList,
    _ cursor: inout AnnouncementCursor, _ tracer: inout some Tracer
  ) {
    guard case .learned(var place) = cursor.stage, let (key, entry) = macs.next(&place) else {
      cursor.stage = .done
      return
    }
    cursor.stage = .learned(place)
    guard entry.kind == .learned, entry.port == port.rawValue,
      macs.current(entry, nowSeconds: BatchContext(now: latest).seconds) != nil
    else { return }
    send(.rarp(key.address), announcedVLAN(key.vlan, port), port, &batch, &deliveries, &tracer)
  }

  /// The tag for an address that was learned in a VLAN: a private VLAN learns in its primary and tags
  /// with the port's own.
  private func announcedVLAN(_ vlan: UInt16, _ port: PortIndex) -> UInt16 {
    let policy = plan.ports[port.index]
    return policy.vlanMode == .access ? policy.vlan : vlan
  }

  /// The VLANs of a port in order: its own, or for a trunk untagged and those that the guest used.
  private func nextVLAN(of policy: PortPlan, from vlan: UInt16) -> UInt16? {
    if policy.vlanMode == .trunk, vlan == 0, plan.carries(policy, 0) { return 0 }
    var next = nextUsedVLAN(of: policy, from: vlan)
    while let used = next, !plan.carries(policy, used) {
      next = nextUsedVLAN(of: policy, from: used + 1)
    }
    return next
  }

  /// What comes next in the list of a port's announcements.
  private enum Item {
    case send(Announcement)
    /// A note for another VLAN, an empty one, or one that the plan declares as well.
    case skip
    /// There are no more.
    case end
  }

  /// The announcement of a port's `index`-th address in a VLAN: the declared ones, then those seen.
  private func addressItem(
    _ index: Int, _ port: PortIndex, _ policy: PortPlan, _ vlan: UInt16
  ) -> Item {
    let declared = Int(policy.addressCount)
    let slots = seenSlots(of: port)
    if index < declared {
      // A trunk's declared addresses could be in any VLAN; only the guest's own frames can tell.
      guard policy.vlanMode != .trunk || vlan == 0 else { return .skip }
      let address = plan.addresses[Int(policy.firstAddress) + index]
      var isRouter = false
      for slot in slots
      where seenAddresses[slot].address == address && seenAddresses[slot].vlan == vlan {
        isRouter = seenAddresses[slot].isRouter
      }
      return .send(Announcement(states[port.index].address, address, isRouter: isRouter))
    }
    guard index - declared < slots.count else { return .end }
    let seen = seenAddresses[slots.lowerBound + index - declared]
    guard seen.vlan == vlan, let address = seen.address else { return .skip }
    for other in 0..<declared
    where plan.addresses[Int(policy.firstAddress) + other] == address && vlan == policy.vlan {
      return .skip
    }
    return .send(Announcement(states[port.index].address, address, isRouter: seen.isRouter))
  }

  private mutating func send(
    _ announcement: Announcement, _ vlan: UInt16, _ port: PortIndex, _ batch: inout FrameBatch,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) {
    let index = batch.appendZeroed(byteCount: Announcement.largestFrameBytes, ingress: port)
    var bytes = batch.mutableBytes(of: index)
    let byteCount = announcement.emit(into: &bytes)
    batch[index].byteCount = UInt32(byteCount)
    sums.generated &+= 1
    var header = generatedHeader(index, vlan: vlan, batch, &tracer)
    // The uplink that the address's own frames take: that is where it is to be learned.
    guard states[port.index].hasTeamPerFrame else {
      return deliverOut(&header, by: states[port.index].uplink, batch, &deliveries, &tracer)
    }
    finish(copies: toTeamPerFrame(&header, batch, &deliveries, &tracer))
  }
}
