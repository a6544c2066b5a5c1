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

/// A UDP packet as its sender leaves it to a device, and as it is on a wire.
struct UnfinishedFrame {
  var unfinished: TestFrame
  var whole: TestFrame
  var offload: Offload

  /// `words` are what the sum of the pseudo-header has; the UDP header begins at `start`.
  init(_ bytes: [UInt8], start: Int, words: [Int]) {
    let field = start + 6
    func sum(_ words: [Int]) -> Int { words.reduce(0) { ($0 + $1) % 0xFFFF } }
    func with(_ value: Int) -> TestFrame {
      var bytes = bytes
      bytes.replaceSubrange(field..<field + 2, with: [UInt8(value >> 8), UInt8(value & 0xFF)])
      return TestFrame(bytes: bytes, tag: .none)
    }
    let data = stride(from: start, to: bytes.count, by: 2).map {
      Int(bytes[$0]) << 8 | Int(bytes[$0 + 1])
    }
    unfinished = with(sum(words))
    whole = with(0xFFFF - sum(words + data))
    offload = Offload(
      flags: Offload.needsChecksumFlag, checksumStart: UInt16(start), checksumOffset: 6)
  }
}

extension TestFrame {
  private static let addresses: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]
  private static let udp: [UInt8] = [0, 1, 0, 2, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]

  static let udp4 = UnfinishedFrame(
    addresses + [8, 0, 0x45, 0, 0, 36, 0, 0, 0x40, 0, 64, 17, 0x14, 0x97]
      + [10, 9, 8, 1, 10, 9, 8, 2] + udp,
    start: 34, words: [0x0A09, 0x0801, 0x0A09, 0x0802, 17, 16])

  static let udp6 = UnfinishedFrame(
    addresses + [0x86, 0xDD, 0x60, 0, 0, 0, 0, 16, 17, 64]
      + [0xFD] + [UInt8](repeating: 0, count: 14) + [1] + [0xFD]
      + [UInt8](repeating: 0, count: 14) + [2] + udp,
    start: 54, words: [0xFD00, 1, 0xFD00, 2, 17, 16])
}

/// A batch, a list, and attachments by port number.
final class TestSwitch {
  static let portCount = 8
  var batch = FrameBatch(capacity: 64)
  var deliveries = DeliveryList(capacity: 1_024, portCapacity: TestSwitch.portCount)
  /// What did not leave, in order.
  private(set) var failures: [DropReason] = []
  private(set) var isGone = false
  /// What deliveries say about changes to the bytes.
  var rewrite = Rewrite.none

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
          frame: UInt16(index), to: PortIndex(port), tag: targets[port].1 ?? batch[index].tag,
          rewrite: rewrite)
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
