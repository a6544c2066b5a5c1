// Sending through a packet socket: up to 64 gathered frames a call.
//
// sendmmsg stops at the first message that fails and says why only when it is the first of a call.
// So a short count is followed by a call that begins with the failing one; that one is marked and
// the rest goes on. At most one extra call per failure.

internal import Base
public import FrameMemory
internal import Glibc
internal import Linux

extension PacketAttachment {
  public func transmit(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, port: PortIndex
  ) -> TransmitResult {
    var result = TransmitResult()
    var entry = deliveries.first(of: port)
    while let current = entry {
      let plan = EgressPlan(batch, deliveries[current], offloads)
      enqueue(plan, current, batch, &deliveries, &result)
      entry = deliveries.next(after: current)
    }
    flush(batch, &deliveries, &result)
    return result
  }

  private func enqueue(
    _ plan: EgressPlan, _ entry: Int, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ result: inout TransmitResult
  ) {
    if result.isGone { return result.fail(entry, .portDown, &deliveries) }
    if case .refuse(let reason) = plan.work { return result.fail(entry, reason, &deliveries) }
    for segment in 0..<plan.frameCount {
      if pendingCount == Self.callLimit { flush(batch, &deliveries, &result) }
      let pieceCount =
        slots.fillContiguous(pendingCount, plan, from: batch)
        ?? slots.fill(pendingCount, plan, segment: segment, from: batch)
      // SAFETY: the pieces live in `slots` and point to the batch; both outlive the flush.
      unsafe outgoing.offer(pendingCount, slots.pieces(of: pendingCount), count: pieceCount)
      pending[pendingCount] = PendingMessage(
        entry: entry, tally: segment == plan.frameCount - 1 ? plan.tally : nil)
      pendingCount += 1
    }
  }

  /// Sends what waits.
  private func flush(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList,
    _ result: inout TransmitResult
  ) {
    var sent = 0
    while sent < pendingCount {
      let count = outgoing.send(descriptor, sent..<pendingCount)
      if count > 0 {
        for index in sent..<sent + count { succeed(index, deliveries) }
        sent += count
        continue
      }
      var verdict = verdict(on: errno, &result)
      if verdict.reason == .malformed {
        guard let error = repeatInSoftware(sent, batch, deliveries) else {
          sent += 1
          continue
        }
        verdict = self.verdict(on: error, &result)
      }
      let end = verdict.concernsAll ? pendingCount : sent + 1
      for index in sent..<end {
        result.fail(pending[index].entry, verdict.reason, &deliveries)
      }
      sent = end
    }
    pendingCount = 0
  }

  private func succeed(_ index: Int, _ deliveries: borrowing DeliveryList) {
    guard let tally = pending[index].tally, deliveries[pending[index].entry].failure == nil else {
      return
    }
    offloadCounters.count(tally)
  }

  /// The kernel did not take the metadata of a message: do the work here and send what comes of it.
  ///
  /// - Returns: nil when all of it was sent, else the error number that it met; EINVAL when there is nothing
  ///   left to do here.
  private func repeatInSoftware(
    _ index: Int, _ batch: borrowing FrameBatch, _ deliveries: borrowing DeliveryList
  ) -> Int32? {
    guard let tally = pending[index].tally, tally.isPassed else { return EINVAL }
    let plan = EgressPlan(batch, deliveries[pending[index].entry], [])
    if case .refuse = plan.work { return EINVAL }
    for segment in 0..<plan.frameCount {
      let pieceCount = spareSlot.fill(0, plan, segment: segment, from: batch)
      // SAFETY: as in `enqueue`.
      unsafe spareMessage.offer(0, spareSlot.pieces(of: 0), count: pieceCount)
      guard spareMessage.send(descriptor, 0..<1) == 1 else { return errno }
    }
    offloadCounters.count(plan.tally)
    return nil
  }

  /// What an error number of sending means, and whether the rest would meet it too.
  private func verdict(
    on error: Int32, _ result: inout TransmitResult
  ) -> (reason: DropReason, concernsAll: Bool) {
    switch error {
    // Past the queueing discipline, a lost carrier looks like a full queue too (dev_direct_xmit).
    case EAGAIN, ENOBUFS, ENOMEM, EINTR: return (.attachmentFull, error == EAGAIN)
    case EMSGSIZE: return (.oversize, false)
    case ENETDOWN, EIO: return (.portDown, true)
    case ENXIO, ENODEV, EBADF:
      result.isGone = true
      return (.portDown, true)
    default: return (.malformed, false)
    }
  }
}
