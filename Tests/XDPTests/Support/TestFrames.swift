// Frames to compare byte by byte, and a switch that does as it is told.

import Attachments
import Base
import FrameMemory
import Testing
import Wire
import XDP

/// A frame beside its tag, as batches hold them.
struct TestFrame: Hashable, CustomStringConvertible {
  var bytes: [UInt8]
  var tag = VLANTag.none

  var description: String { "\(bytes.count) bytes, tag \(tag), \(bytes.prefix(20))" }

  /// Frame number `index`, all bytes from `random`.
  init(_ index: Int, byteCount: Int, tag: VLANTag = .none, _ random: inout SeededRandom) {
    bytes = [
      2, 0, 0, 0, 0, 2, 2, 0, 0, 0, UInt8(index >> 8 & 0xFF), UInt8(index & 0xFF), 0x12, 0x34,
    ]
    while bytes.count < byteCount { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
    self.tag = tag
  }

  init(bytes: [UInt8], tag: VLANTag) { (self.bytes, self.tag) = (bytes, tag) }

  /// The same with another tag.
  func tagged(_ tag: VLANTag) -> TestFrame { TestFrame(bytes: bytes, tag: tag) }

  static func some(
    _ count: Int, byteCount: Int = 60, tag: VLANTag = .none, seed: UInt64 = 1
  ) -> [TestFrame] {
    var random = SeededRandom(seed: seed)
    return (0..<count).map { TestFrame($0, byteCount: byteCount, tag: tag, &random) }
  }
}

/// A batch, a list, and attachments by port number.
final class TestSwitch {
  static let portCount = 8
  var batch = FrameBatch(capacity: 64)
  var deliveries = DeliveryList(capacity: 1_024, portCapacity: TestSwitch.portCount)
  /// What did not leave, in order.
  private(set) var failures: [DropReason] = []
  private(set) var isGone = false

  /// What lies in the batch.
  var frames: [TestFrame] { Self.frames(of: batch) }

  private static func frames(of batch: borrowing FrameBatch) -> [TestFrame] {
    var all: [TestFrame] = []
    for index in 0..<batch.count {
      // SAFETY: the array copies the bytes while the buffer is valid.
      let bytes = unsafe batch.bytes(of: index).withUnsafeBytes { unsafe [UInt8]($0) }
      all.append(TestFrame(bytes: bytes, tag: batch[index].tag))
    }
    return all
  }

  /// Sends frames that lie in the batch's own memory.
  func send(
    _ frames: [TestFrame], by attachment: any Attachments.Attachment, offload: Offload = .none
  ) {
    var rest = frames[...]
    while !rest.isEmpty {
      batch.removeAll()
      for frame in rest.prefix(batch.capacity) {
        // SAFETY: octets; the span is used only during the call.
        unsafe batch.append(
          copying: frame.bytes.span.bytes, ingress: PortIndex(0), tag: frame.tag, offload: offload)
      }
      rest = rest.dropFirst(batch.capacity)
      sendBatch(to: [(attachment, nil)])
    }
    batch.removeAll()
  }

  /// Receives one batch and sends it to each of these, with a tag instead of its own.
  @discardableResult
  func forward(
    from source: any Attachments.Attachment, to targets: [(any Attachments.Attachment, VLANTag?)],
    limit: Int = 64
  ) -> [TestFrame] {
    batch.removeAll()
    guard case .frames = source.receive(into: &batch, port: PortIndex(0), limit: limit) else {
      return []
    }
    let before = frames
    sendBatch(to: targets)
    #expect(frames == before, "the frames of a batch are never changed")
    source.release(batch)
    batch.removeAll()
    return before
  }

  /// Receives everything that waits, and gives it back.
  func collect(_ source: any Attachments.Attachment) -> [TestFrame] {
    var all: [TestFrame] = []
    while true {
      let some = forward(from: source, to: [])
      if some.isEmpty { return all }
      all += some
    }
  }

  /// Receives until so many frames have come, or some seconds have passed.
  func collect(_ source: any Attachments.Attachment, atLeast count: Int) -> [TestFrame] {
    var all: [TestFrame] = []
    _ = becomesTrue {
      all += collect(source)
      return all.count >= count
    }
    return all
  }

  private func sendBatch(to targets: [(any Attachments.Attachment, VLANTag?)]) {
    deliveries.removeAll()
    for port in targets.indices {
      for index in 0..<batch.count {
        deliveries.append(
          frame: UInt16(index), to: PortIndex(port), tag: targets[port].1 ?? batch[index].tag)
      }
      let result = targets[port].0.transmit(batch, &deliveries, port: PortIndex(port))
      if result.isGone { isGone = true }
      var failed = 0
      var entry = deliveries.first(of: PortIndex(port))
      while let current = entry {
        if let failure = deliveries[current].failure {
          failures.append(failure)
          failed += 1
        }
        entry = deliveries.next(after: current)
      }
      #expect(failed == result.failures)
    }
  }

  func takeFailures() -> [DropReason] {
    defer { failures = [] }
    return failures
  }
}
