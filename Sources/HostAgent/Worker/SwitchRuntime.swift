// A switch that runs: the pure data plane, the attachments of its ports, and what waits for time to pass.

package import Attachments
package import Base
package import Dataplane
package import FrameMemory
internal import Protocols

/// One switch with its attachments, or one worker's lane of it.
///
/// - Thread: the worker's, from the moment it is handed over.
package final class SwitchRuntime {
  /// Deliveries of one batch: room for a broadcast to every port, several times over.
  static let deliveryCapacity = 16_384

  let name: String
  package var network: Switch
  /// Of the ports that this worker receives from.
  private(set) var attachments: [(any Attachment)?]
  /// For ports of other workers.
  private(set) var senders: [(any Attachment)?]
  /// Another worker has the port's attachment.
  private var isElsewhere: [Bool]
  /// This lane's ends; nil when it is alone.
  let rings: LaneRings?
  /// Lanes that were handed frames since they were last woken, as bits.
  var given: UInt32 = 0
  /// Since frames for other lanes were last shown to them.
  var roundsWaited = 0
  /// Whether the worker looks at the port by itself, without waiting for its descriptor.
  var isPolled: [Bool]
  /// Ports that were sent to since the worker slept, each once: they may have to be asked before it does.
  private(set) var sentPorts: [PortIndex] = []
  private var hasSent: [Bool]
  var deliveries: DeliveryList
  /// Deliveries that go out by another uplink than they were meant to.
  var redirected: DeliveryList
  /// The nics of this switch's uplinks, and their carriers.
  var watches: [UplinkWatch] = []
  /// Who looks at frames; nil as long as nobody does.
  var capture: SwitchCapture?
  private var announcements: AnnouncementSchedule
  /// How far the announcement of each port has come in its round.
  private var cursors: [AnnouncementCursor]
  /// What each attachment had dropped on receive when it was last asked.
  private var countedDrops: [ReceiveDrops]
  private var countedKernelDrops: [UInt64]
  /// Things that the control thread must look into.
  var notices: [Notice] = []

  /// Something that the worker saw and others must act on.
  enum Notice: Equatable, Sendable {
    /// The device behind a port is gone.
    case attachmentGone(switch: String, port: PortIndex)
    /// A network device came to be, perhaps one that an uplink waits for.
    case nicAppeared
    /// Something about the nic of an uplink has changed, perhaps its speed.
    case linkChanged(nic: String)
    /// Link events were lost: look at every link.
    case linksLost
  }

  package init(
    name: String, limits: SwitchLimits = SwitchLimits(), seed: UInt64, lane: Int = 0,
    rings: LaneRings? = nil
  ) {
    self.name = name
    self.rings = rings
    network = Switch(limits: limits, seed: seed, lane: lane)
    attachments = Array(repeating: nil, count: limits.ports)
    senders = Array(repeating: nil, count: limits.ports)
    isElsewhere = Array(repeating: false, count: limits.ports)
    isPolled = Array(repeating: false, count: limits.ports)
    hasSent = Array(repeating: false, count: limits.ports)
    sentPorts.reserveCapacity(limits.ports)
    countedDrops = Array(repeating: ReceiveDrops(), count: limits.ports)
    countedKernelDrops = Array(repeating: 0, count: limits.ports)
    deliveries = DeliveryList(capacity: Self.deliveryCapacity, portCapacity: limits.ports)
    redirected = DeliveryList(capacity: WorkerState.batchFrames, portCapacity: limits.ports)
    announcements = AnnouncementSchedule(portCapacity: limits.ports)
    cursors = Array(repeating: AnnouncementCursor(), count: limits.ports)
  }

  package func attach(
    _ attachment: any Attachment, to port: PortIndex, isUp: Bool = true, now: MonotonicTime
  ) {
    attachments[port.index] = attachment
    countedDrops[port.index] = attachment.receiveDrops
    countedKernelDrops[port.index] = attachment.kernelDrops
    network.setAttached(port, isUp, now: now)
  }

  /// Says whether the guest behind an attachment is there. Without it the port is down, and keeps the
  /// attachment.
  package func setLink(_ port: PortIndex, isUp: Bool, now: MonotonicTime) {
    guard attachments[port.index] != nil || isElsewhere[port.index] else { return }
    if !isUp { announcements.cancel(port.index) }
    network.setAttached(port, isUp, now: now)
  }

  /// Takes a port's attachment away; nil when there was none.
  func detach(_ port: PortIndex, now: MonotonicTime) -> (any Attachment)? {
    let attachment = attachments[port.index]
    attachments[port.index] = nil
    announcements.cancel(port.index)
    network.setAttached(port, false, now: now)
    return attachment
  }

  /// A port of another worker has its attachment: `sender` to send by, or nothing where only that worker can.
  func attachSender(
    _ sender: (any Attachment)?, to port: PortIndex, isAtHomeOnly: Bool, isUp: Bool,
    now: MonotonicTime
  ) {
    senders[port.index] = sender
    isElsewhere[port.index] = true
    network.setAttached(port, isUp, now: now)
    network.setSending(port, atHomeOnly: isAtHomeOnly)
  }

  func detachSender(_ port: PortIndex, now: MonotonicTime) -> (any Attachment)? {
    let sender = senders[port.index]
    senders[port.index] = nil
    isElsewhere[port.index] = false
    announcements.cancel(port.index)
    network.setAttached(port, false, now: now)
    return sender
  }

  /// Remembers that a port was sent to, until the worker sleeps.
  func noteSent(_ port: PortIndex) {
    guard !hasSent[port.index], attachments[port.index] != nil else { return }
    hasSent[port.index] = true
    sentPorts.append(port)
  }

  func forgetSent() {
    for port in sentPorts { hasSent[port.index] = false }
    sentPorts.removeAll(keepingCapacity: true)
  }

  func takeNotices() -> [Notice] {
    defer { notices.removeAll() }
    return notices
  }

  // MARK: - Frames

  /// Moves one batch from a port through the switch. Returns how many frames it had.
  package func service(_ port: PortIndex, _ batch: inout FrameBatch, now: MonotonicTime) -> Int {
    guard let attachment = attachments[port.index] else { return 0 }
    batch.removeAll()
    let result = attachment.receive(into: &batch, port: port, limit: batch.capacity)
    countReceiveDrops(attachment, at: port)
    switch result {
    case .idle: return 0
    case .gone:
      notices.append(.attachmentGone(switch: name, port: port))
      return 0
    case .frames:
      // A guest that has just come may be faster than the word that it is there.
      if !network.isAttached(port) { network.setAttachedEarly(port, now: now) }
      forward(&batch, now: now)
      attachment.release(batch)
      return batch.count
    }
  }

  private func forward(_ batch: inout FrameBatch, now: MonotonicTime) {
    var next = 0
    while next < batch.count {
      if let capture {
        next = network.process(
          batch, from: next, into: &deliveries, now: now, capture: &capture.tracer)
        capture.handOut(&batch, now: now)
      } else {
        next = network.process(batch, from: next, into: &deliveries, now: now)
      }
      send(&batch, now: now)
    }
  }

  private func countReceiveDrops(_ attachment: any Attachment, at port: PortIndex) {
    let total = attachment.receiveDrops
    let counted = countedDrops[port.index]
    guard total != counted else { return }
    network.recordReceiveDrops(
      total.malformed - counted.malformed, at: port, reason: .malformed)
    network.recordReceiveDrops(total.oversize - counted.oversize, at: port, reason: .oversize)
    network.recordReceiveDrops(total.checksum - counted.checksum, at: port, reason: .checksum)
    countedDrops[port.index] = total
  }

  /// Counts what the kernel had to drop because an attachment was not read fast enough.
  ///
  /// Once a second, not once a batch: it costs a system call for each uplink.
  func countKernelDrops() {
    for index in attachments.indices {
      guard let attachment = attachments[index] else { continue }
      let total = attachment.kernelDrops
      network.recordReceiveDrops(
        total - countedKernelDrops[index], at: PortIndex(index), reason: .noBuffer)
      countedKernelDrops[index] = total
    }
  }

  // MARK: - Time

  /// Does what is due: recovered uplinks, beacons, queries, shaped frames, announcements. Returns when
  /// there is more to do.
  package func tick(_ batch: inout FrameBatch, now: MonotonicTime) -> MonotonicTime {
    var next = network.tick(now: now)
    sendProduced(&batch, now: now)
    // What was due has been done, and there is another deadline.
    if next <= now { next = network.tick(now: now) }
    while let port = network.nextPortToAnnounce() {
      announcements.schedule(port.index, now: now)
      cursors[port.index] = AnnouncementCursor()
    }
    while let port = announcements.next(now: now) { announce(PortIndex(port), &batch, now) }
    return min(next, announcements.deadline)
  }

  /// Sends what the switch makes by itself, and what it has held back.
  private func sendProduced(_ batch: inout FrameBatch, now: MonotonicTime) {
    var hasMore = true
    while hasMore {
      batch.removeAll()
      if let capture {
        hasMore = network.produce(
          into: &batch, &deliveries, now: now, capture: &capture.tracer)
        capture.handOut(&batch, now: now)
      } else {
        hasMore = network.produce(into: &batch, &deliveries, now: now)
      }
      if batch.count > 0 { send(&batch, now: now) }
    }
  }

  /// One turn of a port.
  private func announce(_ port: PortIndex, _ batch: inout FrameBatch, _ now: MonotonicTime) {
    batch.removeAll()
    var cursor = cursors[port.index]
    let limit = announcements.allowance
    if let capture {
      network.announce(
        port, into: &batch, &deliveries, &cursor, limit: limit, capture: &capture.tracer)
      capture.handOut(&batch, now: now)
    } else {
      network.announce(port, into: &batch, &deliveries, &cursor, limit: limit)
    }
    cursors[port.index] = cursor.isDone ? AnnouncementCursor() : cursor
    announcements.sent(batch.count, for: port.index, isComplete: cursor.isDone)
    send(&batch, now: now)
  }
}
