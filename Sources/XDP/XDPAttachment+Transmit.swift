// Sending by AF_XDP: every delivery becomes an entry of the transmit ring, and one call sends them all.
//
//   a frame in a cell of our area, no tag   its cell is posted as it lies
//   the same, with a tag                    the addresses move ahead in the cell and the tag goes between;
//                                           they move back when the kernel has copied the frame
//   any other frame                         is copied into a free cell, with its tag
//   one with work left to offloads          is completed or cut on the way into free cells
//
// In a cell that others hold, and with zero-copy, nothing is ever changed: then a tag costs a copy.

public import Attachments
internal import Base
public import FrameMemory
internal import Glibc
internal import Wire

extension XDPAttachment {
  public func transmit(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, port: PortIndex
  ) -> TransmitResult {
    memory.settle()
    // One worker sends, so one queue will do; order is kept.
    // SAFETY: as in `receive`.
    let queue = unsafe Unmanaged.passUnretained(device.queues[0])
    return unsafe queue._withUnsafeGuaranteedRef { transmit(batch, &deliveries, port, by: $0) }
  }

  private func transmit(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, _ port: PortIndex,
    by queue: XDPQueue
  ) -> TransmitResult {
    queue.reap()
    queue.beginList()
    var result = TransmitResult()
    if isDown { isDown = isStillDown(queue, &result) }
    // What waits in the ring must stay as it is, and what marks a frame puts other bytes back right after us.
    let isStable = !deliveries.hasRewrites
    var entry = deliveries.first(of: port)
    while let current = entry {
      send(batch, current, isStable: isStable, by: queue, &deliveries, &result)
      entry = deliveries.next(after: current)
    }
    flush(queue, &deliveries, &result)
    return result
  }

  private func send(
    _ batch: borrowing FrameBatch, _ entry: Int, isStable: Bool, by queue: XDPQueue,
    _ deliveries: inout DeliveryList, _ result: inout TransmitResult
  ) {
    let delivery = deliveries[entry]
    let frame = batch[Int(delivery.frame)]
    if isDown { return result.fail(entry, .portDown, &deliveries) }
    if frame.offload.needsChecksum || frame.offload.needsSegmentation {
      return sendFinished(batch, entry, by: queue, &deliveries, &result)
    }
    if frame.byteCount < 14 { return result.fail(entry, .runt, &deliveries) }
    if Int(frame.byteCount) > frameLimitBytes {
      return result.fail(entry, .oversize, &deliveries)
    }
    guard makeRoom(queue, &deliveries, &result) else {
      return result.fail(entry, isDown ? .portDown : .attachmentFull, &deliveries)
    }
    // SAFETY: the address is compared with the area.
    let cell = unsafe memory.cell(at: batch.cellAddress(Int(delivery.frame)))
    // Posted before, it may lie shifted in its cell.
    if shiftedCount > 0, let cell, memory.pool.holderCount(cell) > 1 {
      flush(queue, &deliveries, &result)
    }
    if isStable, let cell, lend(cell, frame, delivery.tag, entry, to: queue) {
      lentCount += 1
      return
    }
    copiedCount += 1
    copy(batch, delivery, entry, by: queue, &deliveries, &result)
  }

  /// Sends a frame from the cell where it lies; false when that cannot be.
  private func lend(
    _ cell: Int, _ frame: Frame, _ tag: VLANTag, _ entry: Int, to queue: XDPQueue
  ) -> Bool {
    let offset = Int(frame.offset)
    if tag.isPresent {
      // Only the batch holds it, so nobody else looks at it before `flush`.
      guard !queue.isZeroCopy, offset >= VLANTag.byteCount, shiftedCount < Self.shiftedLimit,
        memory.pool.holderCount(cell) == 1
      else { return false }
    }
    guard queue.held.add(cell) else { return false }
    guard memory.pool.hold(cell) else {
      queue.held.remove(cell)
      return false
    }
    guard tag.isPresent else {
      queue.post(cell, offset: offset, byteCount: Int(frame.byteCount), sender: entry)
      return true
    }
    putIn(tag, cell, offset)
    shifted[shiftedCount] = ShiftedCell(cell: cell, offset: offset)
    shiftedCount += 1
    queue.post(
      cell, offset: offset - VLANTag.byteCount, byteCount: Int(frame.byteCount) + VLANTag.byteCount,
      sender: entry)
    return true
  }

  /// Sends a copy of a frame that has nothing left to offloads.
  private func copy(
    _ batch: borrowing FrameBatch, _ delivery: Delivery, _ entry: Int, by queue: XDPQueue,
    _ deliveries: inout DeliveryList, _ result: inout TransmitResult
  ) {
    let byteCount = Int(batch[Int(delivery.frame)].byteCount)
    let tagBytes = delivery.tag.isPresent ? VLANTag.byteCount : 0
    guard byteCount + tagBytes <= memory.largestFrameBytes else {
      return result.fail(entry, .oversize, &deliveries)
    }
    guard let cell = memory.pool.take() else {
      return result.fail(entry, .attachmentFull, &deliveries)
    }
    _ = queue.held.add(cell)
    let offset = XDPMemory.headroomBytes
    // SAFETY: the cell is ours alone, and the frame with its tag was found to fit behind the headroom.
    let target = unsafe memory.address(of: cell) + offset + tagBytes
    let bytes = batch.bytes(of: Int(delivery.frame))
    unsafe bytes.withUnsafeBytes { source in
      if let start = source.baseAddress {
        unsafe target.copyMemory(from: start, byteCount: byteCount)
      }
    }
    if tagBytes > 0 { putIn(delivery.tag, cell, offset + tagBytes) }
    queue.post(cell, offset: offset, byteCount: byteCount + tagBytes, sender: entry)
  }

  /// Sends a frame with its checksum completed, or the segments that it is cut into.
  private func sendFinished(
    _ batch: borrowing FrameBatch, _ entry: Int, by queue: XDPQueue,
    _ deliveries: inout DeliveryList, _ result: inout TransmitResult
  ) {
    let plan = EgressPlan(batch, deliveries[entry], offloads)
    if case .refuse(let reason) = plan.work { return result.fail(entry, reason, &deliveries) }
    let limit = frameLimitBytes + (deliveries[entry].tag.isPresent ? VLANTag.byteCount : 0)
    for segment in 0..<plan.frameCount {
      guard makeRoom(queue, &deliveries, &result), let cell = memory.pool.take() else {
        return result.fail(entry, .attachmentFull, &deliveries)
      }
      let pieceCount = slots.fill(0, plan, segment: segment, from: batch)
      // SAFETY: the cell is ours alone, and holds so many bytes behind the headroom.
      let room = unsafe UnsafeMutableRawBufferPointer(
        start: memory.address(of: cell) + XDPMemory.headroomBytes,
        count: min(memory.largestFrameBytes, limit))
      guard let byteCount = unsafe slots.gather(0, pieceCount: pieceCount, into: room) else {
        memory.pool.letGo(cell)
        return result.fail(entry, .oversize, &deliveries)
      }
      _ = queue.held.add(cell)
      queue.post(cell, offset: XDPMemory.headroomBytes, byteCount: byteCount, sender: entry)
    }
    // Read and written, not changed in place: that would be an access for the runtime to watch.
    var counters = offloadCounters
    counters.count(plan.tally)
    offloadCounters = counters
  }

  /// Writes a tag before the type of a frame that begins at `offset`; its addresses move ahead.
  private func putIn(_ tag: VLANTag, _ cell: Int, _ offset: Int) {
    let byteCount = 12 + VLANTag.byteCount
    // SAFETY: the frame and the four bytes before it lie in the cell, which nobody else uses now.
    var bytes = unsafe MutableRawSpan(
      _unsafeStart: memory.address(of: cell) + offset - VLANTag.byteCount, byteCount: byteCount)
    let addresses = (bytes.bytes.big48(4), bytes.bytes.big48(10))
    bytes.setBig48(addresses.0, at: 0)
    bytes.setBig48(addresses.1, at: 6)
    bytes.setBig32(UInt32(VLANTag.etherType) << 16 | UInt32(tag.controlInformation), at: 12)
  }

  /// Puts the addresses of every shifted frame back; what still waits in the ring moves to another cell.
  private func unshift(_ queue: XDPQueue) {
    for index in 0..<shiftedCount {
      let place = shifted[index]
      let start = place.offset - VLANTag.byteCount
      if queue.hasUntaken { moveAway(place, queue) }
      // SAFETY: as in `putIn`.
      var bytes = unsafe MutableRawSpan(
        _unsafeStart: memory.address(of: place.cell) + start, byteCount: 12 + VLANTag.byteCount)
      let addresses = (bytes.bytes.big48(0), bytes.bytes.big48(6))
      bytes.setBig48(addresses.0, at: 4)
      bytes.setBig48(addresses.1, at: 10)
    }
    shiftedCount = 0
  }

  private func moveAway(_ place: ShiftedCell, _ queue: XDPQueue) {
    let start = place.offset - VLANTag.byteCount
    let address = memory.descriptor(place.cell, offset: start)
    guard let position = queue.untakenPosition(of: address) else { return }
    guard let cell = memory.pool.take() else { return queue.spoil(position) }
    // SAFETY: two different cells, the new one ours alone.
    unsafe (memory.address(of: cell) + start).copyMemory(
      from: memory.address(of: place.cell) + start, byteCount: memory.limits.cellBytes - start)
    queue.move(position, to: cell, offset: start)
  }

  // MARK: - The ring

  /// Whether one more frame can be posted, after what waits was sent if need be.
  private func makeRoom(
    _ queue: XDPQueue, _ deliveries: inout DeliveryList, _ result: inout TransmitResult
  ) -> Bool {
    if queue.hasRoom { return true }
    flush(queue, &deliveries, &result)
    queue.reap()
    return queue.hasRoom && !isDown
  }

  /// Asks again whether a device that refused is up.
  private func isStillDown(_ queue: XDPQueue, _ result: inout TransmitResult) -> Bool {
    switch queue.kick() {
    case .down: return true
    case .gone:
      result.isGone = true
      return true
    case .done, .lost, .stuck: return false
    }
  }

  /// Has the kernel take what was posted, as far as the device does.
  private func flush(
    _ queue: XDPQueue, _ deliveries: inout DeliveryList, _ result: inout TransmitResult
  ) {
    queue.submit()
    var isStuck = false
    repeat {
      switch queue.kick() {
      case .done: break
      case .lost(let entry):
        if let entry { result.fail(entry, .attachmentFull, &deliveries) }
      case .stuck: isStuck = true
      case .down:
        withdraw(queue, &deliveries, &result)
        isStuck = true
      case .gone:
        withdraw(queue, &deliveries, &result)
        result.isGone = true
      }
    } while queue.hasUntaken && !isStuck && !result.isGone
    if shiftedCount > 0 { unshift(queue) }
  }

  private func withdraw(
    _ queue: XDPQueue, _ deliveries: inout DeliveryList, _ result: inout TransmitResult
  ) {
    isDown = true
    while let entry = queue.withdraw() { result.fail(entry, .portDown, &deliveries) }
  }
}
