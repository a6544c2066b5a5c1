// The last step of a batch: every delivery to its attachment.
//
// An uplink whose link has just failed refuses frames before anybody has looked at its carrier. Then the
// carrier is looked at, the ports choose again, and what was refused goes out by their new uplinks: a
// burst that meets a dead link is late, not lost.
//
// Ports share the bytes of a frame: what a filter marks for one of them is put back before the next.

internal import Attachments
internal import Base
internal import Dataplane
internal import FrameMemory

extension SwitchRuntime {
  /// Hands every delivery to its attachment and empties the list.
  func send(_ batch: inout FrameBatch, now: MonotonicTime) {
    for position in 0..<deliveries.touchedCount {
      let port = deliveries.touchedPort(position)
      guard let attachment = attachments[port.index] ?? senders[port.index] else {
        recordFailures(batch, deliveries, at: port, because: .portDown, now: now)
        continue
      }
      let result = transmit(&batch, &deliveries, by: attachment, at: port, now: now)
      // The worker that receives from the port sees it, too.
      if result.isGone, attachments[port.index] != nil {
        notices.append(.attachmentGone(switch: name, port: port))
      }
      guard result.failures > 0 else { continue }
      if hasLost(port, isGone: result.isGone, now: now) {
        redirectFailures(batch, from: port, now: now)
      } else {
        recordFailures(batch, deliveries, at: port, now: now)
      }
    }
    deliveries.removeAll()
    if redirected.count > 0 { sendRedirected(&batch, now: now) }
    // Those of the batch, and of what was redirected.
    if network.handoverCount > 0, let rings {
      // Where batches are full there will be more in no time.
      given |= rings.handOver(from: &network, batch, mayWait: batch.isFull)
    }
  }

  private func transmit(
    _ batch: inout FrameBatch, _ list: inout DeliveryList, by attachment: any Attachment,
    at port: PortIndex, now: MonotonicTime
  ) -> TransmitResult {
    let isMarked = list.hasRewrites(at: port)
    if isMarked { batch.mark(port, in: list) }
    let result = attachment.transmit(batch, &list, port: port)
    noteSent(port)
    if let capture {
      let isUplink = network.portPlan(port).kind == .uplink
      capture.handOutSent(batch, list, at: port, isUplink: isUplink, now: now)
    }
    if isMarked { batch.unmark(port, in: list) }
    return result
  }

  /// What was redirected has had its second chance.
  private func sendRedirected(_ batch: inout FrameBatch, now: MonotonicTime) {
    for position in 0..<redirected.touchedCount {
      let port = redirected.touchedPort(position)
      guard let attachment = attachments[port.index] ?? senders[port.index] else {
        recordFailures(batch, redirected, at: port, because: .portDown, now: now)
        continue
      }
      let result = transmit(&batch, &redirected, by: attachment, at: port, now: now)
      if result.failures > 0 { recordFailures(batch, redirected, at: port, now: now) }
    }
    redirected.removeAll()
  }

  /// Whether an uplink that refused frames has no link; if so, its ports choose another at once.
  private func hasLost(_ port: PortIndex, isGone: Bool, now: MonotonicTime) -> Bool {
    guard let watch = watches.first(where: { $0.port == port }) else { return false }
    guard isGone || !watch.hasCarrier else { return false }
    network.setLink(port, isUp: false, now: now)
    return true
  }

  private func redirectFailures(
    _ batch: borrowing FrameBatch, from port: PortIndex, now: MonotonicTime
  ) {
    var entry = deliveries.first(of: port)
    while let current = entry {
      let delivery = deliveries[current]
      entry = deliveries.next(after: current)
      guard let reason = delivery.failure else { continue }
      let frame = Int(delivery.frame)
      if !network.redirect(frame, in: batch, delivery, from: port, into: &redirected) {
        recordFailure(batch, delivery, at: port, reason, now: now)
      }
    }
  }

  /// Takes back what a port did not take; everything that was meant for it, when there is a reason for
  /// all.
  private func recordFailures(
    _ batch: borrowing FrameBatch, _ list: borrowing DeliveryList, at port: PortIndex,
    because reason: DropReason? = nil, now: MonotonicTime
  ) {
    var entry = list.first(of: port)
    while let current = entry {
      let delivery = list[current]
      if let reason = reason ?? delivery.failure {
        recordFailure(batch, delivery, at: port, reason, now: now)
      }
      entry = list.next(after: current)
    }
  }

  private func recordFailure(
    _ batch: borrowing FrameBatch, _ delivery: Delivery, at port: PortIndex, _ reason: DropReason,
    now: MonotonicTime
  ) {
    network.recordFailure(of: Int(delivery.frame), in: batch, at: port, reason: reason)
    capture?.handOutRefused(batch, delivery, at: port, reason, now: now)
  }
}
