// Frames for a port that only its home lane can serve: its egress is shaped, or its attachment has one sender.
//
// A token bucket and its queue are one lane's. So the home lane of the port delivers, and any other lane hands
// the frame over: it is noted here with what the earlier stages have added, copied into a ring before the
// batch is emptied (LaneRings), and goes on in the home lane in front of the shaper. All other egress is done
// by the lane that took the frame, and so is ingress shaping: frames of a port with an ingress shape must
// come in by its home lane, as all do in the agent.
//
// A frame meets the plan that it was judged by: the home lane waits with it for control calls that the other
// has seen, and drops it where one has since given the port, its VLAN or its attachment to somebody else.

public import Base
public import FrameMemory
internal import Tables
public import Wire

/// Which lane a port belongs to.
public enum LaneHome {
  /// Ports one after the other, and every n-th of them, are spread evenly: the fractions of multiples of the
  /// golden ratio are (Knuth, The Art of Computer Programming 3, 6.4).
  public static func lane(of port: PortIndex, lanes: Int) -> Int {
    let fraction = UInt32(truncatingIfNeeded: port.index) &* 0x9E37_79B9
    return (Int(fraction >> 16) * lanes) >> 16
  }
}

/// A frame on its way to another lane.
public struct LaneHandover: Sendable, BitwiseCopyable {
  /// Which frame of the batch.
  public var frame: UInt16
  /// Where it is to leave.
  public var port: PortIndex
  /// As inside the switch.
  public var tag: VLANTag
  /// The data plane's own: kept, not read.
  public var note: UInt64
  /// How many control calls the lane had seen that hands over.
  public var epoch: UInt32

  public init(frame: UInt16, port: PortIndex, tag: VLANTag, note: UInt64, epoch: UInt32) {
    self.frame = frame
    self.epoch = epoch
    self.port = port
    self.tag = tag
    self.note = note
  }

  /// What an empty slot holds.
  public static var none: LaneHandover {
    LaneHandover(frame: 0, port: .none, tag: .none, note: 0, epoch: 0)
  }
}

extension Switch {
  /// Frames of the batch that was just switched for other lanes, by number below `handoverCount`. They are to
  /// be taken before the batch is emptied.
  public var handoverCount: Int { lanes.handoverCount }

  public func handover(_ index: Int) -> LaneHandover {
    precondition(index < lanes.handoverCount, "no such handover")
    return lanes.handovers[index]
  }

  /// The lane that delivers to a port with an egress shape, and that takes its frames.
  public func homeLane(of port: PortIndex) -> Int { LaneHome.lane(of: port, lanes: lanes.count) }

  /// The handed frames were taken, all but those that `refuseHandover` was called for.
  public mutating func removeHandovers() { lanes.handoverCount = 0 }

  /// The other lane had no room for a frame: it is dropped.
  public mutating func refuseHandover(_ index: Int) {
    sums.handedOver &-= 1
    var tracer = NullTracer()
    drop(.queueFull, at: handover(index).port, .egress, &tracer)
  }

  /// Says that the attachment of a port can only be sent to by its home lane. For every lane alike.
  public mutating func setSending(_ port: PortIndex, atHomeOnly isAtHomeOnly: Bool) {
    states[port.index].isAway = isAtHomeOnly && !lanes.isHome(of: port.rawValue)
    settleLine(port)
  }

  /// Whether frames leave by a port in its home lane only, and this is another one.
  @inline(__always)
  func isServedElsewhere(_ port: PortIndex, _ policy: PortPlan) -> Bool {
    states[port.index].isAway
      || policy.egressShape != 0 && !lanes.isHome(of: port.rawValue)
  }

  /// Whether a frame can be taken over now: not before this lane has seen what the other had seen.
  public func canTakeOver(_ handover: LaneHandover) -> Bool { handover.epoch <= lanes.epoch }

  /// Notes a frame for the home lane of a port.
  @inline(never)
  mutating func handOver(
    _ header: inout FrameHeader, to port: PortIndex, _ batch: borrowing FrameBatch,
    _ tracer: inout some Tracer
  ) {
    guard lanes.handoverCount < lanes.handovers.count else {
      return drop(.queueFull, at: port, .egress, &tracer)
    }
    lanes.handovers[lanes.handoverCount] = LaneHandover(
      frame: header.index, port: port, tag: header.tag, note: header.note,
      epoch: lanes.epoch)
    lanes.handoverCount += 1
    sums.handedOver &+= 1
  }

  /// Takes a frame that another lane has handed over to its port: through the shaper, if that is still there.
  ///
  /// - Thread: as `process`; `deliveries` has room for one more.
  public mutating func takeOver(
    _ handover: LaneHandover, in batch: borrowing FrameBatch,
    into deliveries: inout DeliveryList, now: MonotonicTime
  ) {
    var tracer = NullTracer()
    takeOver(handover, in: batch, into: &deliveries, now: now, tracer: &tracer)
  }

  /// The same, telling `tracer` every step.
  public mutating func takeOver(
    _ handover: LaneHandover, in batch: borrowing FrameBatch,
    into deliveries: inout DeliveryList, now: MonotonicTime, tracer: inout some Tracer
  ) {
    latest = max(latest, now)
    sums.takenOver &+= 1
    let index = Int(handover.frame)
    let port = handover.port
    var header = FrameHeader(index: index, frame: batch[index], bytes: batch.bytes(of: index))
    header.tag = handover.tag
    header.vlan = plan.lookupVLAN(of: handover.tag.vlan)
    header.note = handover.note
    tracer.record(
      .released(index: index, port: port, direction: .egress, rewrite: header.rewrite))
    // What may have changed on the way.
    let cleared = lanes.ports[port.index]
    guard portPlan(port).kind != .absent,
      handover.epoch >= max(cleared.attachment, cleared.policy)
    else { return drop(.portDown, at: port, .egress, &tracer) }
    if let reason = egressReason(&header, port) {
      return drop(reason, at: port, .egress, &tracer)
    }
    let shape = plan.ports[port.index].egressShape
    if shape != 0,
      !passesShaper(&header, plan.shapes[Int(shape) - 1], at: port, .egress, batch, &tracer)
    {
      return
    }
    hand(&header, to: port, &deliveries, &tracer)
  }
}
