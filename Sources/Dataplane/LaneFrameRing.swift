// Frames on their way from one lane to another, as copies, in order.
//
//   heads   one for each frame: where to, and what is known about it
//   lines   the bytes of all frames, each from the start of a line
//
// The shortest frame takes one line, so that two cache lines move between the processors and no more. The lines
// of a batch are published before its heads: who sees a head sees the bytes. A frame finds room for all of its
// lines or is not taken.

internal import Base
internal import FrameMemory
internal import Wire

/// A frame in the ring, without its bytes.
struct LaneFrameHead: Sendable, BitwiseCopyable {
  var handover: LaneHandover
  var offload: Offload
  var frameBytes: UInt32
  var ingress: PortIndex

  var lineCount: Int { LaneFrameLine.count(for: Int(frameBytes)) }
}

/// A part of a frame; its last one is filled up with zeroes.
struct LaneFrameLine: Sendable, BitwiseCopyable {
  static let byteCount = 64
  var words: [8 of UInt64] = .init(repeating: 0)

  static func count(for frameBytes: Int) -> Int { (frameBytes + byteCount - 1) / byteCount }
}

/// The end at which frames for another lane go in.
///
/// - Thread: the lane's worker.
struct LaneFrameWriter: Sendable {
  fileprivate let heads: RingWriter<LaneFrameHead>
  fileprivate let lines: RingWriter<LaneFrameLine>

  /// Copies a frame into the ring; false when there is no room. The reader sees it after `publish`.
  func put(_ handover: LaneHandover, _ batch: borrowing FrameBatch) -> Bool {
    let frame = batch[Int(handover.frame)]
    let head = LaneFrameHead(
      handover: handover, offload: frame.offload, frameBytes: frame.byteCount,
      ingress: frame.ingress)
    guard heads.hasRoom(for: 1), lines.hasRoom(for: head.lineCount) else { return false }
    let bytes = batch.bytes(of: Int(handover.frame))
    var start = 0
    while start < bytes.byteCount {
      lines.put(LaneFrameLine(bytes, from: start))
      start &+= LaneFrameLine.byteCount
    }
    heads.put(head)
    return true
  }

  /// Frames that the reader does not see yet.
  var waitingCount: Int { heads.unpublishedCount }

  func publish() {
    lines.publish()
    heads.publish()
  }

  /// Both ends of a ring for so many lines.
  static func make(lines count: Int) -> (LaneFrameWriter, LaneFrameReader) {
    let lines = makeSharedRing(capacity: count, filledWith: LaneFrameLine())
    let nothing = LaneFrameHead(
      handover: .none, offload: .none, frameBytes: 0, ingress: .none)
    let heads = makeSharedRing(capacity: count / 4, filledWith: nothing)
    return (
      LaneFrameWriter(heads: heads.writer, lines: lines.writer),
      LaneFrameReader(heads: heads.reader, lines: lines.reader)
    )
  }
}

/// The end at which frames from another lane come out.
///
/// - Thread: the lane's worker.
struct LaneFrameReader: Sendable {
  fileprivate let heads: RingReader<LaneFrameHead>
  fileprivate let lines: RingReader<LaneFrameLine>

  var isEmpty: Bool { heads.count == 0 }

  /// Appends the frames that wait to a batch, and calls `taken` after each; false when some are left.
  func take(
    into batch: inout FrameBatch, while canTake: (LaneHandover) -> Bool,
    _ taken: (LaneHandover, borrowing FrameBatch) -> Void
  ) -> Bool {
    let count = heads.count
    var frame = 0
    var line = 0
    while frame < count, !batch.isFull {
      let head = heads.peek(frame)
      guard canTake(head.handover) else { break }
      let index = batch.appendZeroed(byteCount: Int(head.frameBytes), ingress: head.ingress)
      batch[index].offload = head.offload
      batch[index].tag = head.handover.tag
      var bytes = batch.mutableBytes(of: index)
      for part in 0..<head.lineCount {
        lines.peek(line &+ part).copy(to: &bytes, at: part &* LaneFrameLine.byteCount)
      }
      line &+= head.lineCount
      frame &+= 1
      var handover = head.handover
      handover.frame = UInt16(index)
      taken(handover, batch)
    }
    lines.remove(line)
    heads.remove(frame)
    return frame == count
  }
}

extension LaneFrameLine {
  @inline(__always)
  fileprivate init(_ bytes: RawSpan, from start: Int) {
    self.init()
    let count = min(Self.byteCount, bytes.byteCount - start)
    for word in 0..<count / 8 { words[word] = bytes.big64(start + word * 8) }
    for offset in count / 8 * 8..<count {
      words[offset / 8] |= UInt64(bytes.byte(start + offset)) << UInt64(56 - offset % 8 * 8)
    }
  }

  @inline(__always)
  fileprivate func copy(to bytes: inout MutableRawSpan, at start: Int) {
    let count = min(Self.byteCount, bytes.byteCount - start)
    for word in 0..<count / 8 { bytes.setBig64(words[word], at: start + word * 8) }
    for offset in count / 8 * 8..<count {
      let byte = UInt8(truncatingIfNeeded: words[offset / 8] >> UInt64(56 - offset % 8 * 8))
      bytes.setByte(byte, at: start + offset)
    }
  }
}
