// What happens with time alone: recovered uplinks, beacons, load balancing, multicast queries, and frames
// that a shaper lets go.

public import Base
public import FrameMemory
internal import Tables

extension Switch {
  /// Does what is due and moves no frame; what is to be sent is then handed out by `produce`.
  ///
  /// - Returns: when it wants to be called again at the latest, `.never` when only frames matter.
  public mutating func tick(now: MonotonicTime) -> MonotonicTime {
    latest = max(latest, now)
    tickBeacons(now: now)
    updateUplinks(now: now)
    var next = min(balanceLoad(now: now), nextBeacon)
    for position in plan.uplinks.indices {
      let due = states[plan.uplinks[position].index].usableAt
      if due > now { next = min(next, due) }
    }
    return min(next, tickGroups(now: now), releases.nextDeadline)
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
