// A switch as small as can be: what one port receives goes to another.

import Attachments
import FrameMemory
import VhostUser
import Wire

/// A batch and a list of deliveries.
final class Relay {
  static let source = PortIndex(0)
  static let destination = PortIndex(1)

  private var batch: FrameBatch
  private var deliveries = DeliveryList(capacity: 256, portCapacity: 2)
  private(set) var failures: [DropReason] = []

  init(capacity: Int = 64) { batch = FrameBatch(capacity: capacity) }

  /// One round; what receiving said.
  @discardableResult
  func move(
    from source: any Attachment, to destination: any Attachment, tag: VLANTag? = nil,
    limit: Int = .max
  ) -> ReceiveResult {
    batch.removeAll()
    let result = source.receive(into: &batch, port: Self.source, limit: limit)
    for index in 0..<batch.count {
      deliveries.append(
        frame: UInt16(index), to: Self.destination, tag: tag ?? batch[index].tag)
    }
    _ = destination.transmit(batch, &deliveries, port: Self.destination)
    var entry = deliveries.first(of: Self.destination)
    while let current = entry {
      if let failure = deliveries[current].failure { failures.append(failure) }
      entry = deliveries.next(after: current)
    }
    deliveries.removeAll()
    return result
  }
}
