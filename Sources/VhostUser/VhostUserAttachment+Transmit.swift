// To the guest: up to 64 deliveries at a time, into buffers that were looked at before.
//
// A complete frame without a tag that fits into one buffer is one header and one copy. Everything else (a
// tag, an offload that the guest does not take, a chain, several buffers for one frame) goes by
// `GuestWriter`, step by step.

public import Attachments
internal import CLinux
public import FrameMemory
internal import Wire

extension VhostUserAttachment {
  public func transmit(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, port index: PortIndex
  ) -> TransmitResult {
    guard port.enter() else { return refuse(&deliveries, index, because: .attachmentFull) }
    defer { port.leave() }
    let count = port.receivingCount
    guard count > 0 else { return refuse(&deliveries, index, because: .portDown) }
    var failures = 0
    for place in 0..<count {
      // SAFETY: `place` is below the count, and the numbers are those of rings.
      let number = unsafe port.receiving[place]
      let share = FlowShare(place: place, count: count)
      failures += unsafe send(batch, &deliveries, index, to: &port.rings[number], share)
    }
    port.checkMemory()
    return TransmitResult(failures: failures)
  }

  private func refuse(
    _ deliveries: inout DeliveryList, _ index: PortIndex, because reason: DropReason
  ) -> TransmitResult {
    var result = TransmitResult()
    result.failAll(of: index, reason, &deliveries)
    return result
  }

  /// Sends one ring's share of the deliveries. Returns how many it did not take.
  private func send(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, _ index: PortIndex,
    to ring: inout GuestRing, _ share: FlowShare
  ) -> Int {
    var failures = 0
    var entry = deliveries.first(of: index)
    while entry != nil {
      var count = 0
      while let current = entry, count < Lookahead.capacity {
        if share.isAll || share.has(batch, Int(deliveries[current].frame)) {
          // SAFETY: `count` is below the capacity.
          unsafe ahead.deliveries[count] = current
          count += 1
        }
        entry = deliveries.next(after: current)
      }
      failures += send(batch, &deliveries, count, to: &ring)
    }
    ring.publish(port.log)
    return failures
  }

  /// Sends the deliveries that were just noted.
  private func send(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, _ count: Int,
    to ring: inout GuestRing
  ) -> Int {
    var memory = port.memory
    let terms = port.terms
    let log = port.log
    let known = lookAhead(count, ring, &memory)
    let first = ring.nextAvailable
    var failures = 0
    for place in 0..<count {
      // SAFETY: `place < count <= capacity`.
      let current = unsafe ahead.deliveries[place]
      let delivery = deliveries[current]
      let used = Int(ring.nextAvailable &- first)
      if used < known,
        unsafe put(batch, delivery, ahead.buffers[used], &ring, terms, log)
      {
        continue
      }
      var writer = GuestWriter(memory: memory, terms: terms, log: log)
      if let failure = write(batch, delivery, to: &ring, &writer) {
        deliveries[current].failure = failure
        failures += 1
      }
    }
    port.memory = memory
    return failures
  }

  /// How many of the next buffers are known now: none once a rule was broken.
  private func lookAhead(_ count: Int, _ ring: GuestRing, _ memory: inout MemoryView) -> Int {
    guard port.cutOff == nil else { return 0 }
    guard let waiting = ring.waitingCount() else {
      port.cutOff(because: .indexJump)
      return 0
    }
    let known = min(waiting, count)
    guard ahead.look(known, ring, &memory, isForWriting: true) else {
      port.cutOff(because: .headOutOfRange)
      return 0
    }
    return known
  }

  /// The short way; false when it is not for this frame or this buffer.
  @unsafe
  @inline(__always)
  private func put(
    _ batch: borrowing FrameBatch, _ delivery: Delivery, _ buffer: AheadBuffer,
    _ ring: inout GuestRing, _ terms: PortRings.Terms, _ log: DirtyLog
  ) -> Bool {
    let place = Int(delivery.frame)
    let frame = batch[place]
    let byteCount = Int(frame.byteCount)
    guard !delivery.tag.isPresent, frame.offload.flags == 0, !frame.offload.needsSegmentation,
      byteCount >= 14, byteCount + terms.headerBytes <= buffer.byteCount,
      let start = unsafe buffer.start
    else { return false }
    // SAFETY: the buffer was checked to be guest memory of `buffer.byteCount` bytes, which header and
    // frame fit into; the frame lies within its cell.
    unsafe start.storeBytes(of: 0, as: UInt64.self)
    if terms.headerBytes == 12 {
      // The number of buffers, 1, is in the last two bytes.
      unsafe start.storeBytes(of: UInt32(0x1_0000).littleEndian, toByteOffset: 8, as: UInt32.self)
    } else {
      unsafe start.storeBytes(of: 0, toByteOffset: 8, as: UInt16.self)
    }
    unsafe clinux_copy(
      start + terms.headerBytes, batch.cellAddress(place) + Int(frame.offset), byteCount)
    let writtenBytes = byteCount + terms.headerBytes
    if log.isOn { log.mark(buffer.guestAddress, UInt64(writtenBytes)) }
    ring.complete(buffer.head, writtenBytes: UInt32(truncatingIfNeeded: writtenBytes))
    ring.nextAvailable = ring.nextAvailable &+ 1
    return true
  }

  /// The long way: whatever the frame and the buffers are.
  @inline(never)
  private func write(
    _ batch: borrowing FrameBatch, _ delivery: Delivery, to ring: inout GuestRing,
    _ writer: inout GuestWriter
  ) -> DropReason? {
    if port.cutOff != nil { return .portDown }
    let plan = EgressPlan(batch, delivery, writer.terms.offloads)
    if case .refuse(let reason) = plan.work { return reason }
    for segment in 0..<plan.frameCount {
      let pieceCount = gather.fill(0, plan, segment: segment, from: batch)
      // SAFETY: made with this object, and used by one thread.
      switch unsafe writer.write(
        plan.leavingOffload, gather, pieceCount, to: &ring, &chain.pointee)
      {
      case .written: continue
      case .refused(let reason): return reason
      case .broken(let reason):
        port.cutOff(because: reason)
        return .portDown
      }
    }
    // Read and written, not changed in place: that would be an access for the runtime to watch.
    var counters = offloadCounters
    counters.count(plan.tally)
    offloadCounters = counters
    return nil
  }
}
