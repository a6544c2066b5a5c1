// Segmentation and checksum completion against the slow model, on random frames.

import Attachments
import Base
import FrameMemory
import Testing
import Wire

@Suite("software offload") struct OffloadPropertyTests {
  /// IPv6 destination options: next header, length, padding.
  private static func options(next: UInt8, words: Int) -> [UInt8] {
    [next, UInt8(words - 1), 1, UInt8(words * 8 - 4)] + [UInt8](repeating: 0, count: words * 8 - 4)
  }

  private static func frame(_ shape: FrameShape, _ random: inout SeededRandom) -> WireFrame {
    let payloadBytes = Int.random(in: 0...20_000, using: &random)
    let payload = (0..<payloadBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
    let segmentBytes = Int.random(in: 48...9_000, using: &random)
    let identity = UInt16.random(in: 0...65_535, using: &random)
    var extensions: [UInt8] = []
    var firstHeader: UInt8?
    if Bool.random(using: &random) {
      if shape.isIPv6 {
        firstHeader = 60
        extensions = options(
          next: shape.isTCP ? 6 : 17, words: Int.random(in: 1...9, using: &random))
      } else {
        // IPv4: "no operation" options.
        extensions = [UInt8](repeating: 1, count: 8 * Int.random(in: 1...5, using: &random))
      }
    }
    return shape.frame(
      identity: identity, payload: payload, extensions: extensions, firstHeader: firstHeader,
      segmentBytes: segmentBytes)
  }

  @Test("an egress that takes nothing gets what the slow model makes", arguments: FrameShape.all)
  func agreesWithSlowModel(shape: FrameShape) {
    let seed: UInt64 = 0x6D61_7274_6C65_7401
    var random = SeededRandom(seed: seed)
    for round in 0..<40 {
      let frame = Self.frame(shape, &random)
      let source = MemoryAttachment(capacity: 1)
      let destination = MemoryAttachment(offloads: [], capacity: 512)
      var transfer = Transfer()
      #expect(source.inject(frame.bytes, offload: frame.offload))
      transfer.move(from: source, to: destination)
      let sent = destination.takeAllSent()
      #expect(transfer.failures == [], "seed \(seed) round \(round)")
      #expect(sent.allSatisfy { $0.offload == .none }, "seed \(seed) round \(round)")
      #expect(
        sent.map(\.bytes) == SlowModel.finished(frame), "seed \(seed) round \(round) \(shape)")
    }
  }

  @Test("payloads of the segments together are the payload", arguments: FrameShape.all)
  func reassembles(shape: FrameShape) {
    guard shape.work == .segmented else { return }
    let payload = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    let frame = shape.frame(identity: 9, payload: payload, segmentBytes: 1399)
    let source = MemoryAttachment(capacity: 1)
    let destination = MemoryAttachment(offloads: [.checksum], capacity: 64)
    var transfer = Transfer()
    #expect(source.inject(frame.bytes, offload: frame.offload))
    transfer.move(from: source, to: destination)
    let headerBytes = frame.bytes.count - payload.count
    let sent = destination.takeAllSent()
    #expect(sent.count == 29)
    #expect(sent.flatMap { $0.bytes.dropFirst(headerBytes) } == payload)
    let counters = destination.offloadCounters
    #expect(counters.segmentationDone == 1 && counters.segmentsMade == 29)
    #expect(source.offloadCounters.segmentationReceived == 1)
  }

  @Test("an egress that takes everything gets the frame as it is", arguments: FrameShape.all)
  func passes(shape: FrameShape) {
    var random = SeededRandom(seed: 5)
    let frame = Self.frame(shape, &random)
    let source = MemoryAttachment(capacity: 1)
    let destination = MemoryAttachment(capacity: 4)
    var transfer = Transfer()
    #expect(source.inject(frame.bytes, offload: frame.offload))
    transfer.move(from: source, to: destination)
    let sent = destination.takeAllSent()
    #expect(sent.map(\.bytes) == [frame.bytes])
    // The hint is replaced by the measured length of the headers, extension headers included.
    var expected = frame.offload
    if shape.work == .segmented {
      expected.headerBytes = expected.checksumStart + (shape.isTCP ? 20 : 8)
    }
    #expect(sent.map(\.offload) == [expected])
    let counters = destination.offloadCounters
    #expect(counters.segmentationPassed == (shape.work == .segmented ? 1 : 0))
    #expect(counters.checksumPassed == (shape.work == .needsChecksum ? 1 : 0))
  }

  @Test("what the egress lacks is done, and only that", arguments: FrameShape.all)
  func partialCapabilities(shape: FrameShape) {
    guard shape.work == .segmented else { return }
    var random = SeededRandom(seed: 6)
    let frame = Self.frame(shape, &random)
    let needed: OffloadSet = !shape.isTCP ? .udp : shape.isIPv6 ? .tcp6 : .tcp4
    for capabilities in [OffloadSet.all, [needed, .checksum], [needed], .all.subtracting(needed)] {
      let source = MemoryAttachment(capacity: 1)
      let destination = MemoryAttachment(offloads: capabilities, capacity: 512)
      var transfer = Transfer()
      #expect(source.inject(frame.bytes, offload: frame.offload))
      transfer.move(from: source, to: destination)
      let isPassed = capabilities.isSuperset(of: [needed, .checksum])
      #expect(destination.offloadCounters.segmentationPassed == (isPassed ? 1 : 0))
      #expect(
        destination.takeAllSent().map(\.bytes)
          == (isPassed ? [frame.bytes] : SlowModel.finished(frame)))
    }
  }

  @Test("a checksum anywhere in the frame is completed, and zero is never written")
  func completesAnywhere() {
    let seed: UInt64 = 0x6D61_7274_6C65_7402
    var random = SeededRandom(seed: seed)
    for round in 0..<2_000 {
      let byteCount = Int.random(in: 40...300, using: &random)
      var bytes = (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
      bytes.replaceSubrange(12..<14, with: [0x12, 0x34])
      let start = Int.random(in: 14...byteCount - 2, using: &random)
      let offset = Int.random(in: 0...byteCount - 2 - start, using: &random)
      if round % 4 == 0 {
        // Makes the sum 0xFFFF, whose complement is the zero that must not be written.
        bytes.replaceSubrange(start..., with: [UInt8](repeating: 0, count: byteCount - start))
        bytes.replaceSubrange(start + offset..<start + offset + 2, with: [0xFF, 0xFF])
      }
      let frame = WireFrame(
        bytes: bytes,
        offload: Offload(
          flags: Offload.needsChecksumFlag, checksumStart: UInt16(start),
          checksumOffset: UInt16(offset)))
      let source = MemoryAttachment(capacity: 1, frameCapacityBytes: 512)
      let destination = MemoryAttachment(offloads: [], capacity: 1, frameCapacityBytes: 512)
      var transfer = Transfer()
      #expect(source.inject(frame.bytes, offload: frame.offload))
      transfer.move(from: source, to: destination)
      let sent = destination.takeAllSent()
      #expect(sent.map(\.bytes) == [SlowModel.completed(frame)], "seed \(seed) round \(round)")
      #expect(sent.first?.bytes[(start + offset)...].prefix(2) != [0, 0])
      #expect(destination.offloadCounters.checksumDone == 1)
    }
  }

  @Test("a UDP datagram without a checksum over IPv4 stays without one")
  func keepsMissingChecksum() {
    var frame = FrameShape(isTCP: false, work: .segmented).frame(
      identity: 3, payload: [UInt8](repeating: 0xAA, count: 2_500))
    frame.offload.flags = 0
    frame.bytes.replaceSubrange(40..<42, with: [0, 0])
    let source = MemoryAttachment(capacity: 1)
    // Even an egress that takes everything: without a partial checksum it would have to guess.
    let destination = MemoryAttachment(capacity: 8)
    var transfer = Transfer()
    #expect(source.inject(frame.bytes, offload: frame.offload))
    transfer.move(from: source, to: destination)
    let sent = destination.takeAllSent()
    #expect(sent.count == 3)
    #expect(sent.allSatisfy { Array($0.bytes[40..<42]) == [0, 0] })
  }

  @Test("a tag is put in, taken out, changed and doubled on the way")
  func tags() {
    let frame = FrameShape(vlan: 7, work: .needsChecksum).frame(identity: 1, payload: [1, 2, 3])
    let source = MemoryAttachment(capacity: 4)
    let destination = MemoryAttachment(capacity: 4)
    var transfer = Transfer()
    #expect(source.inject(frame.bytes, offload: frame.offload))
    #expect(
      source.receive(into: &transfer.batch, port: Transfer.source, limit: 4) == .frames(1))
    #expect(transfer.batch[0].tag == .init(vlan: 7))
    #expect(transfer.batch[0].offload.checksumStart == 34)
    for tag in [.none, .init(vlan: 7), .init(vlan: 8, priority: 5)] as [VLANTag] {
      transfer.deliveries.append(frame: 0, to: Transfer.destination, tag: tag)
    }
    #expect(
      destination.transmit(transfer.batch, &transfer.deliveries, port: Transfer.destination)
        == TransmitResult())
    let sent = destination.takeAllSent()
    let untagged = Array(frame.bytes[..<12] + frame.bytes[16...])
    #expect(sent.map(\.offload.checksumStart) == [34, 38, 38])
    #expect(sent[0].bytes == untagged)
    #expect(sent[1].bytes == frame.bytes)
    #expect(sent[2].bytes == frame.bytes[..<12] + [0x81, 0, 0xA0, 8] + frame.bytes[16...])
  }

  @Test(
    "UDP segmentation is left to kernels that have it",
    arguments: [
      ("6.18.44", true), ("6.2.0-rc1", true), ("7.0", true), ("6.1.0-18-amd64", false),
      ("5.15.0", false), ("", false), ("6", false), ("next", false),
    ])
  func kernelReleases(text: String, takesSegmentedUDP: Bool) {
    #expect(KernelRelease(text).takesSegmentedUDP == takesSegmentedUDP)
  }
}
