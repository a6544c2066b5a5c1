// The end of every frame: handed to a port's attachment, or dropped with a reason.

internal import Base
public import FrameMemory
public import Wire

extension Switch {
  /// Hands a frame to a port: its state, the tag that it goes out with, the counters.
  @inline(__always)
  mutating func deliver(
    _ header: FrameHeader, _ tag: VLANTag, to port: PortIndex,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) {
    let egress = plan.ports[port.index]
    guard states[port.index].isAttached else {
      return drop(.portDown, at: port, .egress, &tracer)
    }
    if egress.isBlocked { return drop(.portBlocked, at: port, .egress, &tracer) }
    if egress.isFenced { return drop(.portFenced, at: port, .egress, &tracer) }
    // VLAN 0 is untagged everywhere; a priority tag alone does not cross the switch.
    let out = egress.vlanMode == .trunk && tag.vlan != 0 ? tag : VLANTag.none
    deliveries.append(frame: header.index, to: port, tag: out)
    counters[port.index].egress.count(header.kind, bytes: header.byteCount)
    sums.delivered &+= 1
    tracer.record(.delivered(port: port, tag: out))
  }

  /// Hands a frame to an uplink, if that carries its VLAN.
  @inline(__always)
  mutating func deliverOut(
    _ header: FrameHeader, _ tag: VLANTag, by uplink: PortIndex,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) {
    guard plan.carries(plan.ports[uplink.index], tag.vlan) else {
      return drop(.vlanMismatch, at: uplink, .egress, &tracer)
    }
    deliver(header, tag, to: uplink, &deliveries, &tracer)
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
    counters[port.index].egress.count(header.kind, bytes: header.byteCount, sign: -1)
    sums.delivered &-= 1
    var tracer = NullTracer()
    drop(reason, at: port, .egress, &tracer)
  }

  /// Hands a frame that its uplink did not take to the one that its port has by now.
  ///
  /// - Returns: false when there is no other one, or no room in the list; then nothing was done.
  public mutating func redirect(
    _ index: Int, in batch: borrowing FrameBatch, _ tag: VLANTag, from uplink: PortIndex,
    into deliveries: inout DeliveryList
  ) -> Bool {
    let ingress = batch[index].ingress
    guard let other = selectedUplink(of: ingress), other != uplink, deliveries.freeCapacity > 0
    else { return false }
    let header = FrameHeader(index: index, frame: batch[index], bytes: batch.bytes(of: index))
    counters[uplink.index].egress.count(header.kind, bytes: header.byteCount, sign: -1)
    sums.delivered &-= 1
    var tracer = NullTracer()
    deliverOut(header, tag, by: other, &deliveries, &tracer)
    return true
  }

  /// Counts frames that an attachment could not even bring in.
  public mutating func recordReceiveDrops(_ count: UInt64, at port: PortIndex, reason: DropReason) {
    guard count > 0 else { return }
    sums.received &+= count
    counters[port.index].ingress.packetsUnicast &+= count
    var tracer = NullTracer()
    for _ in 0..<count { drop(reason, at: port, .ingress, &tracer) }
  }
}
