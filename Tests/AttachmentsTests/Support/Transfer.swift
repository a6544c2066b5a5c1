// Moving frames from one attachment to another as a worker would, without a switch between.

import Attachments
import FrameMemory

/// A batch, a list, and two ports.
struct Transfer: ~Copyable {
  static let source = PortIndex(0)
  static let destination = PortIndex(1)
  var batch = FrameBatch(capacity: 64)
  var deliveries = DeliveryList(capacity: 64, portCapacity: 2)
  private(set) var received = 0
  private(set) var failures: [DropReason] = []
  private(set) var lastTransmit = TransmitResult()

  /// One round: what `source` has goes to `destination`.
  @discardableResult
  mutating func move(from source: any Attachment, to destination: any Attachment) -> ReceiveResult {
    batch.removeAll()
    deliveries.removeAll()
    let result = source.receive(into: &batch, port: Self.source, limit: batch.capacity)
    guard case .frames = result else { return result }
    received += batch.count
    send(to: destination)
    return result
  }

  /// Sends what is in the batch.
  mutating func send(to destination: any Attachment) {
    for frame in 0..<batch.count {
      deliveries.append(frame: UInt16(frame), to: Self.destination, tag: batch[frame].tag)
    }
    lastTransmit = destination.transmit(batch, &deliveries, port: Self.destination)
    var entry = deliveries.first(of: Self.destination)
    while let current = entry {
      if let failure = deliveries[current].failure { failures.append(failure) }
      entry = deliveries.next(after: current)
    }
  }
}

extension MemoryAttachment {
  /// Everything that was sent, oldest first.
  func takeAllSent() -> [WireFrame] {
    var frames: [WireFrame] = []
    while let frame = takeSent() {
      frames.append(WireFrame(bytes: frame.bytes, offload: frame.offload))
    }
    return frames
  }
}
