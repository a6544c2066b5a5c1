// The bounds of the memory attachment, and the same frame to several ports.

import Attachments
import FrameMemory
import Testing
import Wire

@Suite("memory") struct MemoryTests {
  private let frame = FrameShape(work: .needsChecksum).frame(identity: 1, payload: [1, 2, 3, 4])

  @Test("a full ring takes no more, in either direction, and goes on when there is room")
  func bounds() {
    let source = MemoryAttachment(capacity: 3)
    let destination = MemoryAttachment(capacity: 2)
    #expect((0..<5).map { _ in source.inject(frame.bytes) } == [true, true, true, false, false])
    var transfer = Transfer()
    #expect(transfer.move(from: source, to: destination) == .frames(3))
    #expect(transfer.failures == [.attachmentFull])
    #expect(transfer.move(from: source, to: destination) == .idle)
    #expect(destination.discardSent(limit: 1) == 1 && destination.sentCount == 1)
    for _ in 0..<10 {
      #expect(source.inject(frame.bytes))
      transfer.move(from: source, to: destination)
      #expect(transfer.lastTransmit == TransmitResult())
      #expect(destination.takeSent()?.bytes == frame.bytes)
    }
    #expect(destination.discardSent() == 1)
    #expect(destination.takeSent() == nil)
  }

  @Test("frames larger than a slot are refused, or counted where the batch is smaller")
  func sizes() {
    let source = MemoryAttachment(capacity: 2, frameCapacityBytes: 100)
    #expect(!source.inject([UInt8](repeating: 0, count: 101)))
    #expect(source.inject([UInt8](repeating: 0, count: 100)))
    var batch = FrameBatch(capacity: 2, frameCapacityBytes: 64)
    #expect(source.receive(into: &batch, port: PortIndex(0), limit: 2) == .frames(0))
    #expect(source.receiveDrops.oversize == 1)
    #expect(source.receive(into: &batch, port: PortIndex(0), limit: 2) == .idle)
  }

  @Test("one frame to several ports: each gets what it can take, and the bytes are unchanged")
  func shares() {
    let source = MemoryAttachment(capacity: 1)
    let ports = [
      MemoryAttachment(), MemoryAttachment(offloads: []), MemoryAttachment(offloads: [.checksum]),
    ]
    let large = FrameShape(isIPv6: true, work: .segmented).frame(
      identity: 1, payload: [UInt8](repeating: 3, count: 5_000))
    source.inject(large.bytes, offload: large.offload)
    var batch = FrameBatch(capacity: 1)
    var deliveries = DeliveryList(capacity: 3, portCapacity: 3)
    #expect(source.receive(into: &batch, port: PortIndex(0), limit: 1) == .frames(1))
    for port in 0..<3 { deliveries.append(frame: 0, to: PortIndex(port), tag: .none) }
    for port in [1, 2, 0] {
      let result = ports[port].transmit(batch, &deliveries, port: PortIndex(port))
      #expect(result == TransmitResult())
    }
    #expect(ports[0].takeAllSent().map(\.bytes) == [large.bytes])
    for port in 1...2 {
      #expect(ports[port].takeAllSent().map(\.bytes) == SlowModel.finished(large))
    }
  }
}
