// What happens with time alone: recovered uplinks, beacons, load balancing, multicast queries, and frames
// that a shaper lets go.

public import Base
public import FrameMemory
internal import Tables
internal import Wire

extension Switch {
  /// Does what is due and moves no frame; what is to be sent is then handed out by `produce`.
  ///
  /// - Returns: when it wants to be called again at the latest, `.never` when only frames matter.
  public mutating func tick(now: MonotonicTime) -> MonotonicTime {
    latest = max(latest, now)
    // This is called after every batch, and there may be hundreds of teams.
    if tickBeacons(now: now) || now >= nextUplinkDue { updateUplinks(now: now) }
    return min(
      nextUplinkDue, nextBeacon, balanceLoad(now: now), tickGroups(now: now),
      releases.nextDeadline)
  }

  /// The header of a frame that the switch has just written into the batch, for a VLAN.
  mutating func generatedHeader(
    _ index: Int, vlan: UInt16, _ batch: borrowing FrameBatch, _ tracer: inout some Tracer
  ) -> FrameHeader {
    tracer.record(.generated(index: index, vlan: vlan))
    var header = FrameHeader(index: index, frame: batch[index], bytes: batch.bytes(of: index))
    header.tag = VLANTag(vlan: vlan)
    header.vlan = plan.lookupVLAN(of: vlan)
    return header
  }

  /// Appends frames that the switch sends by itself, or has held back, to an empty batch, with their
  /// deliveries: beacons, multicast queries, frames out of shapers.
  ///
  /// Call it after `tick`, and again with an emptied batch while it returns true.
  /// - Returns: whether there is more to send now.
  public mutating func produce(
    into batch: inout FrameBatch, _ deliveries: inout DeliveryList, now: MonotonicTime
  ) -> Bool {
    var tracer = NullTracer()
    return produce(into: &batch, &deliveries, now: now, tracer: &tracer)
  }

  /// The same, telling `tracer` every step.
  public mutating func produce(
    into batch: inout FrameBatch, _ deliveries: inout DeliveryList, now: MonotonicTime,
    tracer: inout some Tracer
  ) -> Bool {
    let context = BatchContext(now: now)
    precondition(
      plan.largestFanout <= deliveries.capacity, "the delivery list cannot hold one broadcast")
    return sendBeacons(into: &batch, &deliveries, &tracer)
      || sendQueries(into: &batch, &deliveries, context, &tracer)
      || releaseShaped(into: &batch, &deliveries, context, &tracer)
  }
}
