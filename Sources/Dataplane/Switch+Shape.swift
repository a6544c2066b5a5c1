// Traffic shaping (vSphere: DVSTrafficShapingPolicy): each port and direction has its own token buckets and
// a bounded queue for what exceeds them. "Ingress" is into the switch, "egress" out of it.
//
// A frame that has to wait is copied out of its batch into `waiting`, in pieces where it is a large GSO
// frame, and a timing wheel says when the first of a queue may go on. It then comes back in a batch of its
// own (`produce`) and takes up its way behind the shaper.

public import Base
public import FrameMemory
internal import Tables
internal import Wire

/// What waits in one direction of a port.
public struct ShaperState: Equatable, Sendable {
  /// Burst bonus; below zero when a large frame left a debt.
  public var tokensBytes: Int
  public var queuedFrames: Int
  /// As they will be on a wire.
  public var queuedBytes: Int
}

extension Switch {
  /// The shaper of a port in a direction; nil where traffic is not shaped.
  public func shaperState(_ port: PortIndex, _ direction: Direction, now: MonotonicTime)
    -> ShaperState?
  {
    guard shape(of: port, direction) != nil else { return nil }
    let queue = Self.queue(port, direction)
    return ShaperState(
      tokensBytes: shapers[queue].tokenBytes(now: now), queuedFrames: waiting.frameCount(queue),
      queuedBytes: waiting.byteCount(queue))
  }

  @inline(__always)
  private static func queue(_ port: PortIndex, _ direction: Direction) -> Int {
    port.index * 2 + (direction == .ingress ? 0 : 1)
  }

  private func shape(of port: PortIndex, _ direction: Direction) -> TrafficShape? {
    let policy = portPlan(port)
    let number = Int(direction == .ingress ? policy.ingressShape : policy.egressShape)
    return number == 0 ? nil : plan.shapes[number - 1]
  }

  /// Whether a frame may go on now. If not, it waits, or was dropped.
  mutating func passesShaper(
    _ header: inout FrameHeader, _ shape: TrafficShape, at port: PortIndex, _ direction: Direction,
    _ batch: borrowing FrameBatch, _ tracer: inout some Tracer
  ) -> Bool {
    let queue = Self.queue(port, direction)
    let index = Int(header.index)
    guard let wireBytes = batch.wireBytes(of: index) else {
      drop(.malformed, at: port, direction, &tracer)
      return false
    }
    let isWhole = !batch[index].offload.needsSegmentation || wireBytes <= shape.largestPieceBytes
    let before = waiting.frameCount(queue)
    if before == 0, isWhole, shapers[queue].tryTake(wireBytes, now: latest) { return true }
    let result = waiting.enqueue(
      queue, from: batch, index, tag: header.tag, note: header.note, now: latest,
      limitBytes: shape.queueLimitBytes, largestPieceBytes: shape.largestPieceBytes)
    switch result {
    case .stored:
      let pieces = waiting.frameCount(queue) - before
      sums.queued &+= UInt64(pieces)
      sums.replicated &+= UInt64(pieces - 1)
      tracer.record(.queued(port: port, direction: direction))
      if before == 0 { scheduleRelease(queue) }
    case .full:
      drop(
        direction == .ingress ? .ingressShaper : .egressShaper, at: port, direction, &tracer)
    case .malformed: drop(.malformed, at: port, direction, &tracer)
    }
    return false
  }

  private mutating func scheduleRelease(_ queue: Int) {
    guard let first = waiting.first(queue) else { return releases.cancel(queue) }
    releases.schedule(
      queue, at: shapers[queue].readyTime(Int(first.wireBytes), now: latest))
  }

  /// Takes frames that may go on out of their queues. Returns whether there may be more that may: then
  /// the next call begins with the queue at which this one stopped.
  mutating func releaseShaped(
    into batch: inout FrameBatch, _ deliveries: inout DeliveryList, _ context: BatchContext,
    _ tracer: inout some Tracer
  ) -> Bool {
    while let queue = takeUnfinishedRelease() ?? releases.popDue(context.now) {
      let port = PortIndex(queue / 2)
      let direction: Direction = queue % 2 == 0 ? .ingress : .egress
      let isShaped = shape(of: port, direction) != nil
      while let first = waiting.first(queue) {
        guard !batch.isFull, deliveries.freeCapacity >= plan.largestFanout else {
          unfinishedRelease = queue
          releases.schedule(queue, at: context.now)
          return true
        }
        if isShaped, !shapers[queue].tryTake(Int(first.wireBytes), now: context.now) {
          scheduleRelease(queue)
          break
        }
        release(queue, at: port, direction, &batch, &deliveries, context, &tracer)
      }
    }
    return false
  }

  private mutating func takeUnfinishedRelease() -> Int? {
    defer { unfinishedRelease = nil }
    return unfinishedRelease
  }

  /// Lets the first frame of a queue go on.
  private mutating func release(
    _ queue: Int, at port: PortIndex, _ direction: Direction, _ batch: inout FrameBatch,
    _ deliveries: inout DeliveryList, _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    let note = waiting.first(queue)?.note ?? 0
    let index = waiting.dequeue(queue, into: &batch)
    sums.queued &-= 1
    let frame = batch[index]
    var header = FrameHeader(index: index, frame: frame, bytes: batch.bytes(of: index))
    header.tag = frame.tag
    header.vlan = plan.lookupVLAN(of: frame.tag.vlan)
    header.note = note
    tracer.record(
      .released(index: index, port: port, direction: direction, rewrite: header.rewrite))
    // What may have changed while it waited.
    guard direction == .ingress else {
      if let reason = egressReason(&header, port) {
        return drop(reason, at: port, .egress, &tracer)
      }
      return hand(&header, to: port, &deliveries, &tracer)
    }
    if plan.ports[port.index].isBlocked { return drop(.portBlocked, at: port, .ingress, &tracer) }
    if plan.ports[port.index].isFenced { return drop(.portFenced, at: port, .ingress, &tracer) }
    switchFromVM(&header, batch, &deliveries, context, &tracer)
  }

  /// Drops what waits at a port that is gone, or that carries another VLAN now.
  mutating func dropWaiting(at port: PortIndex) {
    var tracer = NullTracer()
    for direction in [Direction.ingress, .egress] {
      let queue = Self.queue(port, direction)
      releases.cancel(queue)
      let count = waiting.clear(queue)
      sums.queued &-= UInt64(count)
      for _ in 0..<count { drop(.portDown, at: port, direction, &tracer) }
    }
  }

  /// Brings the buckets in line with the plan. What waits where traffic is not shaped any more goes on.
  mutating func settleShapers(before old: borrowing SwitchPlan, now: MonotonicTime) {
    for index in plan.ports.indices {
      let port = PortIndex(index)
      for direction in [Direction.ingress, .egress] {
        let queue = Self.queue(port, direction)
        if let shape = shape(of: port, direction) {
          if old.isShaped(port, direction, id: plan.ports[index].id) {
            shapers[queue].setShape(shape, now: now)
          } else {
            shapers[queue] = Shaper(shape, now: now)
          }
        }
        if waiting.frameCount(queue) > 0 { releases.schedule(queue, at: now) }
      }
    }
  }
}

extension SwitchPlan {
  /// Whether the same port was shaped.
  fileprivate func isShaped(_ port: PortIndex, _ direction: Direction, id: UInt32) -> Bool {
    guard port.index < ports.count, ports[port.index].id == id else { return false }
    let policy = ports[port.index]
    return (direction == .ingress ? policy.ingressShape : policy.egressShape) != 0
  }
}

extension FrameHeader {
  /// What earlier stages have added to the frame, in the form that is kept while it waits.
  var note: UInt64 {
    get { UInt64(rewrite.rawValue) | (isPriorityMarked ? 0x100 : 0) }
    set {
      rewrite = Rewrite(rawValue: UInt8(truncatingIfNeeded: newValue))
      isPriorityMarked = newValue & 0x100 != 0
    }
  }
}
