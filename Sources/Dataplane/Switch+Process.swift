// Taking a batch through the switch, frame by frame.

public import Base
public import FrameMemory
internal import Tables
internal import Wire

/// What one batch has in common, so that it is worked out once.
struct BatchContext {
  let now: MonotonicTime
  let seconds: UInt32

  init(now: MonotonicTime) {
    self.now = now
    seconds = UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000_000)
  }
}

/// What is known about a frame on its way: what its first bytes say, and what the stages add.
struct FrameHeader {
  let index: UInt16
  let ingress: PortIndex
  let byteCount: UInt32
  let destination: MACAddress
  let source: MACAddress
  let etherType: UInt16
  let kind: DestinationKind
  /// The tag that the frame has, or would have, on an uplink.
  var tag = VLANTag.none
  /// The VLAN in which its addresses are looked up: the tag's, or the primary of a private VLAN.
  var vlan: UInt16 = 0
  /// For a frame from an uplink, that uplink's position as a bit; 0 for one from a VM.
  var uplinkBit: UInt32 = 0
  /// What is to be changed in its bytes before it is sent.
  var rewrite = Rewrite.none
  /// A filter rule has set the priority.
  var isPriorityMarked = false

  @inline(__always)
  init(index: Int, frame: Frame, bytes: RawSpan) {
    self.index = UInt16(truncatingIfNeeded: index)
    ingress = frame.ingress
    byteCount = frame.byteCount
    destination = bytes.macAddress(at: 0)
    source = bytes.macAddress(at: 6)
    etherType = bytes.big16(12)
    kind =
      destination.isBroadcast ? .broadcast : destination.isMulticast ? .multicast : .unicast
  }
}

extension Switch {
  /// Switches the frames of a batch, from `start` on.
  ///
  /// Each frame ends as deliveries, as drops with a reason, in a queue, or several of these. Stops early
  /// when `deliveries` might not hold the next frame's copies: send what is there, empty the list, and go
  /// on.
  /// - Returns: the index of the first frame not taken; `batch.count` when all are done.
  /// - Cost: no allocation, no lock, no clock. Traps when a frame names a port beyond the limits.
  public mutating func process(
    _ batch: borrowing FrameBatch, from start: Int, into deliveries: inout DeliveryList,
    now: MonotonicTime
  ) -> Int {
    var tracer = NullTracer()
    return process(batch, from: start, into: &deliveries, now: now, tracer: &tracer)
  }

  /// The same, telling `tracer` every step.
  public mutating func process(
    _ batch: borrowing FrameBatch, from start: Int, into deliveries: inout DeliveryList,
    now: MonotonicTime, tracer: inout some Tracer
  ) -> Int {
    let context = BatchContext(now: now)
    latest = max(latest, now)
    let fanout = plan.largestFanout
    precondition(fanout <= deliveries.capacity, "the delivery list cannot hold one broadcast")
    var index = start
    let room = deliveries.capacity &- fanout
    beginReadAhead(batch, from: start)
    while index < batch.count, deliveries.count <= room {
      index = switchOrdinary(batch, from: index, room: room, &deliveries, context, &tracer)
      if index < batch.count, deliveries.count <= room {
        processFrame(index, batch, &deliveries, context, &tracer)
        index &+= 1
      }
    }
    return index
  }

  @inline(never)
  private mutating func processFrame(
    _ index: Int, _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList,
    _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    let frame = batch[index]
    let ingress = frame.ingress
    sums.received &+= 1
    tracer.record(.received(port: ingress, byteCount: Int(frame.byteCount)))
    guard ingress.index < plan.ports.count, frame.byteCount >= 14 else {
      return dropUnread(index, batch, &tracer)
    }
    var header = FrameHeader(index: index, frame: frame, bytes: batch.bytes(of: index))
    countIn(ingress, header.kind, bytes: frame.byteCount)
    let port = plan.ports[ingress.index]
    guard port.kind != .absent, states[ingress.index].isAttached else {
      return drop(.portDown, at: ingress, .ingress, &tracer)
    }
    if port.isBlocked { return drop(.portBlocked, at: ingress, .ingress, &tracer) }
    if port.isFenced { return drop(.portFenced, at: ingress, .ingress, &tracer) }
    if header.source.isMulticast || header.source == .zero {
      return drop(.malformed, at: ingress, .ingress, &tracer)
    }
    guard let payloadBytes = batch.largestPayloadBytes(of: index, frame) else {
      return drop(.malformed, at: ingress, .ingress, &tracer)
    }
    if payloadBytes > plan.mtu { return drop(.oversize, at: ingress, .ingress, &tracer) }
    guard let vlan = plan.admit(frame.tag, header.etherType, at: port) else {
      return drop(.vlanMismatch, at: ingress, .ingress, &tracer)
    }
    tracer.record(.classified(vlan: vlan))
    header.tag = frame.tag.moved(toVLAN: vlan)
    header.vlan = plan.lookupVLAN(of: vlan)
    if port.kind == .vm {
      fromVM(&header, batch, &deliveries, context, &tracer)
    } else {
      header.uplinkBit = 1 << UInt32(port.team)
      fromUplink(&header, batch, &deliveries, context, &tracer)
    }
  }

  /// Drops a frame that has no header, or that comes from no port.
  @inline(never)
  private mutating func dropUnread(
    _ index: Int, _ batch: borrowing FrameBatch, _ tracer: inout some Tracer
  ) {
    let frame = batch[index]
    let ingress = frame.ingress
    let isRunt = frame.byteCount < 14
    let kind =
      isRunt
      ? .unicast : FrameHeader(index: index, frame: frame, bytes: batch.bytes(of: index)).kind
    countIn(ingress, kind, bytes: frame.byteCount)
    let port = portPlan(ingress)
    let reason: DropReason =
      if port.kind == .absent || !states[ingress.index].isAttached {
        .portDown
      } else {
        port.isBlocked ? .portBlocked : port.isFenced ? .portFenced : .runt
      }
    drop(reason, at: ingress, .ingress, &tracer)
  }
}
