// Frames that were cut into pieces while they waited: on a wire they are what they would have been
// without. The attachments cut and complete; the slow model, the kernel's way of counting, and tshark
// judge.

import Attachments
import Base
import FrameMemory
import Linux
import Testing
import Wire

/// Frames that went through a store, and what the store said of them.
private struct Waited {
  var frames: [WireFrame] = []
  var wireBytes: [Int] = []
  var result = StoreResult.stored
  /// Of the frame before it was cut.
  var wholeWireBytes: Int?

  init(_ frame: WireFrame, largestPieceBytes: Int) {
    var batch = FrameBatch(capacity: 1)
    // SAFETY: octets; the span is used only during the call.
    unsafe batch.append(
      copying: frame.bytes.span.bytes, ingress: PortIndex(3), offload: frame.offload)
    wholeWireBytes = batch.wireBytes(of: 0)
    var store = FrameStore(queueCount: 1, capacityBytes: 8_192 * 1_024)
    result = store.enqueue(
      0, from: batch, 0, tag: .none, note: 9, now: .zero, limitBytes: 0,
      largestPieceBytes: largestPieceBytes)
    while let held = store.first(0) {
      batch.removeAll()
      let index = store.dequeue(0, into: &batch)
      let piece = batch[index]
      let bytes = batch.bytes(of: index)
      precondition(piece.ingress == PortIndex(3) && held.note == 9 && held.wireBytes > 0)
      frames.append(
        WireFrame(
          bytes: (0..<bytes.byteCount).map { bytes.byte($0) }, offload: piece.offload))
      wireBytes.append(Int(held.wireBytes))
    }
  }
}

@Suite("frames cut while they wait") struct PieceTests {
  static let shapes = FrameShape.all.filter { $0.work == .segmented && $0.vlan == nil }
  static let seed: UInt64 = 0x6D61_7274_6C65_7404

  private static func frame(_ shape: FrameShape, _ random: inout SeededRandom) -> WireFrame {
    let payloadBytes = Int.random(in: 0...60_000, using: &random)
    let payload = (0..<payloadBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
    var extensions: [UInt8] = []
    if Bool.random(using: &random) {
      // IPv6 destination options, or IPv4 "no operation".
      extensions =
        shape.isIPv6
        ? [shape.isTCP ? 6 : 17, 0, 1, 4, 0, 0, 0, 0] : [UInt8](repeating: 1, count: 8)
    }
    return shape.frame(
      identity: .random(in: 0...65_535, using: &random), payload: payload, extensions: extensions,
      firstHeader: shape.isIPv6 && !extensions.isEmpty ? 60 : nil,
      segmentBytes: .random(in: 64...9_000, using: &random))
  }

  /// What an egress that takes nothing makes of frames.
  private static func sent(_ frames: [WireFrame]) -> [[UInt8]] {
    let source = MemoryAttachment(capacity: 2_048)
    let destination = MemoryAttachment(offloads: [], capacity: 2_048, frameCapacityBytes: 9_700)
    for frame in frames { precondition(source.inject(frame.bytes, offload: frame.offload)) }
    var transfer = Transfer()
    while case .frames = transfer.move(from: source, to: destination) {}
    precondition(transfer.failures == [])
    return destination.takeAllSent().map(\.bytes)
  }

  @Test("together they are the frame, byte for byte", arguments: shapes)
  func piecesAreTheFrame(shape: FrameShape) {
    var random = SeededRandom(seed: Self.seed)
    for round in 0..<12 {
      let frame = Self.frame(shape, &random)
      let largest = [1, 1_514, .random(in: 1_000...66_000, using: &random)][round % 3]
      let waited = Waited(frame, largestPieceBytes: largest)
      let comment = Comment(rawValue: "seed \(Self.seed) round \(round) \(largest)")
      let segments = SlowModel.finished(frame)
      #expect(Self.sent(waited.frames) == segments, comment)
      #expect(waited.frames.flatMap(SlowModel.finished) == segments, comment)
      #expect(waited.wholeWireBytes == segments.reduce(0) { $0 + $1.count }, comment)
      #expect(waited.wireBytes.reduce(0, +) == waited.wholeWireBytes, comment)
      for (piece, wireBytes) in zip(waited.frames, waited.wireBytes) {
        let made = SlowModel.finished(piece)
        #expect(wireBytes == made.reduce(0) { $0 + $1.count }, comment)
        #expect(wireBytes <= largest || made.count == 1, comment)
        if waited.frames.count > 1 {
          #expect(piece.offload.needsChecksum, comment)
          #expect(piece.offload.needsSegmentation == (made.count > 1), comment)
        }
      }
      // As few as can be: two neighbours do not fit in one.
      if waited.frames.count > 1, let first = waited.wireBytes.first {
        let segment = segments[0].count
        #expect(first + segment > largest, comment)
      }
    }
  }

  @Test("a frame that may pass at once stays as it is", arguments: FrameShape.all)
  func smallFramesAreNotTouched(shape: FrameShape) {
    let frame = shape.frame(identity: 1, payload: [UInt8](repeating: 5, count: 2_500))
    let waited = Waited(frame, largestPieceBytes: 3_000)
    #expect(waited.frames == [frame])
    let plain = Waited(frame, largestPieceBytes: shape.work == .segmented ? 2_900 : 1)
    #expect(plain.frames == [frame])
  }

  @Test("without a partial checksum: TCP gets one, UDP without stays without")
  func withoutPartialChecksum() {
    for shape in [FrameShape(work: .segmented), FrameShape(isTCP: false, work: .segmented)] {
      var frame = shape.frame(identity: 1, payload: [UInt8](repeating: 5, count: 3_500))
      frame.offload.flags = 0
      frame.offload.checksumStart = 0
      frame.offload.checksumOffset = 0
      if !shape.isTCP { frame.bytes.replaceSubrange(40..<42, with: [0, 0]) }
      let waited = Waited(frame, largestPieceBytes: 2_200)
      #expect(waited.frames.map(\.offload.needsChecksum) == [shape.isTCP, shape.isTCP])
      #expect(waited.frames.map(\.offload.needsSegmentation) == [true, true])
      #expect(Self.sent(waited.frames) == Self.sent([frame]))
      #expect(waited.frames.allSatisfy { shape.isTCP || Array($0.bytes[40..<42]) == [0, 0] })
    }
  }

  @Test("the mark of congestion is with the first piece")
  func congestionMark() {
    var frame = FrameShape(work: .segmented).frame(
      identity: 1, payload: [UInt8](repeating: 5, count: 8_000))
    frame.offload.hasECN = true
    let waited = Waited(frame, largestPieceBytes: 2_200)
    #expect(waited.frames.map(\.offload.hasECN) == [true, false, false, false])
    // CWR, PSH, ACK and FIN of the frame.
    #expect(waited.frames.map { $0.bytes[47] } == [0x90, 0x10, 0x10, 0x19])
  }

  @Test("a broken frame does not wait", arguments: BrokenFrame.all)
  func malformed(broken: BrokenFrame) {
    let frame = broken.frame
    guard frame.offload.needsSegmentation, frame.bytes.count >= 14 else { return }
    let waited = Waited(frame, largestPieceBytes: 1)
    #expect(waited.result == .malformed && waited.frames == [] && waited.wholeWireBytes == nil)
  }

  @Test("too many segments are malformed")
  func tooManySegments() {
    let frame = FrameShape(work: .segmented).frame(
      identity: 1, payload: [UInt8](repeating: 5, count: 60_000), segmentBytes: 43)
    #expect(Waited(frame, largestPieceBytes: 1_514).result == .malformed)
  }

  @Test("random bytes and metadata: waited or refused, never a trap")
  func survivesAnything() {
    var random = SeededRandom(seed: Self.seed)
    var refused = 0
    for round in 0..<4_000 {
      var frame = Self.shapes[round % Self.shapes.count].frame(
        identity: 1, payload: [UInt8](repeating: 0, count: .random(in: 0...3_000, using: &random)))
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        let at = Int.random(in: 12..<min(frame.bytes.count, 80), using: &random)
        frame.bytes[at] = UInt8.random(in: 0...255, using: &random)
      }
      if round % 3 == 0 { frame.bytes.removeLast(Int.random(in: 0..<40, using: &random)) }
      if round % 7 == 0 { frame.offload.segmentBytes = .random(in: 0...(.max), using: &random) }
      if round % 13 == 0 { frame.offload.flags = .random(in: 0...(.max), using: &random) }
      let waited = Waited(frame, largestPieceBytes: .random(in: 1...4_000, using: &random))
      if waited.result == .malformed { refused += 1 }
      #expect((waited.result == .stored) == !waited.frames.isEmpty)
      #expect(waited.wholeWireBytes == nil || waited.result == .stored)
    }
    #expect(refused > 100 && refused < 3_500, "seed \(Self.seed)")
  }

  @Test("tshark finds every length and checksum right", .enabled(if: Tshark.isInstalled))
  func tsharkAgrees() throws {
    var frames: [WireFrame] = []
    for (index, shape) in Self.shapes.enumerated() {
      let payload = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index) }
      let frame = shape.frame(identity: UInt16(index), payload: payload, segmentBytes: 1_400)
      for largest in [1_514, 5_000, 12_000] {
        frames += Waited(frame, largestPieceBytes: largest).frames
      }
    }
    let rows = try Tshark.fields(
      of: Self.sent(frames),
      ["frame.len", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status"])
    #expect(rows.count == Self.shapes.count * 3 * 15)
    for row in rows { #expect(row[1...].allSatisfy { $0 == "1" || $0 == "" }, "\(row)") }
    #expect(rows.allSatisfy { $0[2...].contains("1") })
  }
}
