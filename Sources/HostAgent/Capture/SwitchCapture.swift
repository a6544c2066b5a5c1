// The captures of one switch, on the worker's side.
//
// The switch notes what it sees of a batch (Dataplane.CaptureTracer); who wants a frame is given it before
// the batch is sent, and what attachments took or refused right after. A switch without captures has no
// such object, and the calls without a tracer.

internal import Attachments
internal import Base
internal import Dataplane
internal import FrameMemory
internal import Wire

/// Who wants frames of a switch.
///
/// - Thread: the worker's, from the moment it is handed over.
final class SwitchCapture {
  /// A capture and what it wants of this switch.
  struct Client {
    var session: CaptureSession
    /// The number of this switch in the session.
    var place: Int
    /// By port index.
    var wanted: [CapturePoints]

    func wants(_ point: CapturePoint, at port: PortIndex) -> Bool {
      port.index < wanted.count && wanted[port.index].contains(point)
    }
  }

  var tracer: CaptureTracer
  private let clients: [Client]
  /// What any client wants, by port index.
  private let wanted: [CapturePoints]
  private var countedOverflow: UInt64 = 0

  init(_ clients: [Client], portCapacity: Int) {
    self.clients = clients
    tracer = CaptureTracer(portCapacity: portCapacity)
    var wanted = [CapturePoints](repeating: [], count: portCapacity)
    for client in clients {
      for index in client.wanted.indices { wanted[index].formUnion(client.wanted[index]) }
    }
    self.wanted = wanted
    for index in wanted.indices { tracer.want(wanted[index], at: PortIndex(index)) }
  }

  /// Hands out what the switch has noted of a batch.
  func handOut(_ batch: inout FrameBatch, now: MonotonicTime) {
    let lost = tracer.overflowCount - countedOverflow
    countedOverflow = tracer.overflowCount
    guard tracer.count > 0 || lost > 0 else { return }
    for client in clients {
      client.session.take(now: now) { buffer, time in
        if lost > 0 { buffer.countLost(lost) }
        for index in 0..<tracer.count {
          let entry = tracer[index]
          guard client.wants(entry.point, at: entry.port) else { continue }
          let frame = Int(entry.frame)
          let mark = batch.mark(entry.rewrite, frame: frame)
          buffer.add(batch.bytes(of: frame), entry, in: client.place, timeNanoseconds: time)
          batch.unmark(mark, frame: frame)
        }
      }
    }
  }

  /// Hands out what the attachment of a port took of a list; the bytes are as they were sent.
  func handOutSent(
    _ batch: borrowing FrameBatch, _ list: borrowing DeliveryList, at port: PortIndex,
    isUplink: Bool, now: MonotonicTime
  ) {
    let point: CapturePoint = isUplink ? .uplinkOut : .vnicOut
    guard wanted[port.index].contains(point) else { return }
    for client in clients where client.wants(point, at: port) {
      client.session.take(now: now) { buffer, time in
        var entry = list.first(of: port)
        while let current = entry {
          let delivery = list[current]
          entry = list.next(after: current)
          guard delivery.failure == nil else { continue }
          buffer.add(
            batch.bytes(of: Int(delivery.frame)), CaptureEntry(delivery, at: port, point),
            in: client.place, timeNanoseconds: time)
        }
      }
    }
  }

  /// Hands out a frame that an attachment did not take.
  func handOutRefused(
    _ batch: borrowing FrameBatch, _ delivery: Delivery, at port: PortIndex, _ reason: DropReason,
    now: MonotonicTime
  ) {
    guard wanted[port.index].contains(.drop) else { return }
    for client in clients where client.wants(.drop, at: port) {
      client.session.take(now: now) { buffer, time in
        buffer.add(
          batch.bytes(of: Int(delivery.frame)), CaptureEntry(delivery, at: port, .drop, reason),
          in: client.place, timeNanoseconds: time)
      }
    }
  }
}

extension CaptureEntry {
  /// What is seen of a frame that has left the switch.
  fileprivate init(
    _ delivery: Delivery, at port: PortIndex, _ point: CapturePoint, _ reason: DropReason? = nil
  ) {
    self.init(
      point: point, reason: reason, direction: .egress, port: port, frame: delivery.frame,
      tag: delivery.tag, rewrite: delivery.rewrite)
  }
}
