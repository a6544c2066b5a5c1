// The last step of a batch: every delivery to its attachment.
//
// An uplink whose link has just failed refuses frames before anybody has looked at its carrier. Then the
// carrier is looked at, the ports choose again, and what was refused goes out by their new uplinks: a
// burst that meets a dead link is late, not lost.

internal import Attachments
internal import Base
internal import Dataplane
internal import FrameMemory

extension SwitchRuntime {
  /// Hands every delivery to its attachment and empties the list.
  func send(_ batch: borrowing FrameBatch, now: MonotonicTime) {
    for position in 0..<deliveries.touchedCount {
      let port = deliveries.touchedPort(position)
      guard let attachment = attachments[port.index] else {
        recordFailures(batch, deliveries, at: port, because: .portDown)
        continue
      }
      let result = attachment.transmit(batch, &deliveries, port: port)
      if result.isGone { notices.append(.attachmentGone(switch: name, port: port)) }
      guard result.failures > 0 else { continue }
      if hasLost(port, isGone: result.isGone, now: now) {
        redirectFailures(batch, from: port)
      } else {
        recordFailures(batch, deliveries, at: port)
      }
    }
    deliveries.removeAll()
    if redirected.count > 0 { sendRedirected(batch) }
  }

  /// What was redirected has had its second chance.
  private func sendRedirected(_ batch: borrowing FrameBatch) {
    for position in 0..<redirected.touchedCount {
      let port = redirected.touchedPort(position)
      guard let attachment = attachments[port.index] else {
        recordFailures(batch, redirected, at: port, because: .portDown)
        continue
      }
      let result = attachment.transmit(batch, &redirected, port: port)
      if result.failures > 0 { recordFailures(batch, redirected, at: port) }
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

  private func redirectFailures(_ batch: borrowing FrameBatch, from port: PortIndex) {
    var entry = deliveries.first(of: port)
    while let current = entry {
      let delivery = deliveries[current]
      entry = deliveries.next(after: current)
      guard let reason = delivery.failure else { continue }
      let frame = Int(delivery.frame)
      if !network.redirect(frame, in: batch, delivery, from: port, into: &redirected) {
        network.recordFailure(of: frame, in: batch, at: port, reason: reason)
      }
    }
  }

  /// Takes back what a port did not take; everything that was meant for it, when there is a reason for
  /// all.
  private func recordFailures(
    _ batch: borrowing FrameBatch, _ list: borrowing DeliveryList, at port: PortIndex,
    because reason: DropReason? = nil
  ) {
    var entry = list.first(of: port)
    while let current = entry {
      let delivery = list[current]
      if let reason = reason ?? delivery.failure {
        network.recordFailure(of: Int(delivery.frame), in: batch, at: port, reason: reason)
      }
      entry = list.next(after: current)
    }
  }
}
