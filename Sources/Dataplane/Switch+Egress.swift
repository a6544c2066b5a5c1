// The end of every frame: handed to a port's attachment, or dropped with a reason.

internal import Base
public import FrameMemory
internal import Wire

extension Switch {
  /// Takes a frame to a port: its state, what it may get, egress policies; then on to `hand`.
  @inline(__always)
  mutating func deliver(
    _ header: inout FrameHeader, to port: PortIndex, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) {
    tracer.record(.leaving(port: port))
    guard lines[port.index].isPlainEgress
    else { return deliverWithCare(&header, to: port, batch, &deliveries, &tracer) }
    hand(&header, to: port, &deliveries, &tracer)
  }

  /// The same for a port that takes nothing now, or has policies of its own.
  @inline(never)
  private mutating func deliverWithCare(
    _ header: inout FrameHeader, to port: PortIndex, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) {
    if let reason = egressReason(&header, port) {
      return drop(reason, at: port, .egress, &tracer)
    }
    if plan.ports[port.index].hasEgressStages || lanes.hasOthers {
      return deliverThroughStages(&header, to: port, batch, &deliveries, &tracer)
    }
    hand(&header, to: port, &deliveries, &tracer)
  }

  /// Why a port does not get a frame, whatever its filter and shaper say; nil when it may.
  mutating func egressReason(_ header: inout FrameHeader, _ port: PortIndex) -> DropReason? {
    if !states[port.index].isAttached { return .portDown }
    if plan.ports[port.index].isBlocked { return .portBlocked }
    if plan.ports[port.index].isFenced { return .portFenced }
    if states[port.index].isReceiveDisabled { return .macChange }
    return plan.hasPrivateVLANs
      ? plan.privateVLANReason(header.tag.vlan, plan.ports[port.index]) : nil
  }

  /// Hands a frame to a port's attachment, with the tag that it goes out with.
  @inline(__always)
  mutating func hand(
    _ header: inout FrameHeader, to port: PortIndex, _ deliveries: inout DeliveryList,
    _ tracer: inout some Tracer
  ) {
    let out = outerTag(&header, port)
    deliveries.append(frame: header.index, to: port, tag: out, rewrite: header.rewrite)
    countOut(port, header.kind, bytes: header.byteCount)
    sums.delivered &+= 1
    tracer.record(.delivered(port: port, tag: out))
  }

  /// The tag of a frame that leaves by a port. VLAN 0 is untagged everywhere, and a priority tag alone
  /// does not cross the switch, unless a filter rule has marked the frame.
  @inline(__always)
  private mutating func outerTag(_ header: inout FrameHeader, _ port: PortIndex) -> VLANTag {
    plan.ports[port.index].vlanMode == .trunk
      && (header.tag.vlan != 0 || header.isPriorityMarked) ? header.tag : .none
  }

  /// Hands a frame to an uplink, if that carries its VLAN.
  @inline(__always)
  mutating func deliverOut(
    _ header: inout FrameHeader, by uplink: PortIndex, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) {
    guard plan.carries(plan.ports[uplink.index], header.tag.vlan) else {
      return drop(.vlanMismatch, at: uplink, .egress, &tracer)
    }
    deliver(&header, to: uplink, batch, &deliveries, &tracer)
  }

  /// The one place where a frame, or a copy of one, ends without being delivered.
  @inline(__always)
  mutating func drop(
    _ reason: DropReason, at port: PortIndex, _ direction: Direction, _ tracer: inout some Tracer
  ) {
    counters[port.index].drop(reason, direction)
    sums.dropped &+= 1
    tracer.record(.dropped(reason, port: port, direction: direction))
  }

  /// Takes back a delivery that the attachment did not take.
  public mutating func recordFailure(
    of index: Int, in batch: borrowing FrameBatch, at port: PortIndex, reason: DropReason
  ) {
    let header = FrameHeader(index: index, frame: batch[index], bytes: batch.bytes(of: index))
    countOut(port, header.kind, bytes: header.byteCount, sign: -1)
    sums.delivered &-= 1
    var tracer = NullTracer()
    drop(reason, at: port, .egress, &tracer)
  }

  /// Hands a frame that its uplink did not take to the one that its port has by now.
  ///
  /// - Returns: false when there is no other one, when the others have a copy already (shotgun), or when
  ///   the list has no room; then nothing was done.
  public mutating func redirect(
    _ index: Int, in batch: borrowing FrameBatch, _ delivery: Delivery, from uplink: PortIndex,
    into deliveries: inout DeliveryList
  ) -> Bool {
    let ingress = batch[index].ingress
    var header = FrameHeader(index: index, frame: batch[index], bytes: batch.bytes(of: index))
    let other = self.uplink(of: header.source, at: ingress)
    guard other != .none, other != uplink, deliveries.freeCapacity > 0 else { return false }
    countOut(uplink, header.kind, bytes: header.byteCount, sign: -1)
    sums.delivered &-= 1
    header.tag = delivery.tag
    header.rewrite = delivery.rewrite
    header.isPriorityMarked = delivery.tag.isPresent
    var tracer = NullTracer()
    deliverOut(&header, by: other, batch, &deliveries, &tracer)
    return true
  }

  /// Counts frames that an attachment could not even bring in.
  public mutating func recordReceiveDrops(_ count: UInt64, at port: PortIndex, reason: DropReason) {
    sums.received &+= count
    sums.dropped &+= count
    counters[port.index].ingress.packetsUnicast &+= count
    counters[port.index].drop(reason, .ingress, count: count)
  }
}

extension SwitchPlan {
  /// Why private VLANs keep a frame with this tag from a port; nil when they do not.
  @inline(never)
  func privateVLANReason(_ vlan: UInt16, _ port: PortPlan) -> DropReason? {
    if isolates(vlan, from: port) { return .pvlanIsolation }
    return port.vlanMode == .trunk && !carries(port, vlan) ? .vlanMismatch : nil
  }
}
