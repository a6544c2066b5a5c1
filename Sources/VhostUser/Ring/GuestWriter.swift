// One frame into as many buffers of the guest as it needs (virtio 1.2, 5.1.6.4): one chain, or with
// mergeable buffers several, whose number is in the header of the first.
//
// Nothing is used up unless the whole frame fits.

internal import Attachments
internal import CLinux
internal import FrameMemory

/// Writes frames the long way.
struct GuestWriter: BitwiseCopyable {
  enum Outcome {
    case written
    /// The frame does not go; the ring is as it was.
    case refused(DropReason)
    /// The guest broke a rule.
    case broken(CutOffReason)
  }

  var memory: MemoryView
  let terms: PortRings.Terms
  let log: DirtyLog

  /// Writes the pieces of a frame behind a header.
  mutating func write(
    _ offload: Offload, _ gather: borrowing GatherSlots, _ pieceCount: Int,
    to ring: inout GuestRing, _ chain: inout ChainReader
  ) -> Outcome {
    var frameBytes = 0
    for index in 0..<pieceCount {
      // SAFETY: `pieceCount` pieces were filled, here and below.
      frameBytes += unsafe gather.piece(index, of: 0).count
    }
    let needed = frameBytes + terms.headerBytes
    guard let waiting = ring.waitingCount() else { return .broken(.indexJump) }
    var count = 0
    chain.removeAll()
    while chain.byteCount < needed {
      if count == waiting { return .refused(.attachmentFull) }
      if count > 0, !terms.mergesBuffers { return .refused(.oversize) }
      if count == ChainReader.headsMax { return .refused(.oversize) }
      let before = chain.byteCount
      let rules = ChainReader.Rules(isForWriting: true, allowsIndirect: terms.allowsIndirect)
      let head = ring.head(count)
      if let reason = chain.add(head, of: ring, &memory, rules) { return .broken(reason) }
      let room = chain.byteCount - before
      guard room >= terms.headerBytes else { return .broken(.missingHeader) }
      // So that they can be completed afterwards.
      chain.note(ChainReader.Head(number: head, byteCount: room), at: count)
      count += 1
    }
    var cursor = ChainReader.Cursor()
    writeHeader(offload, count, chain, &cursor)
    for index in 0..<pieceCount {
      let piece = unsafe gather.piece(index, of: 0)
      guard let source = piece.baseAddress else { continue }
      unsafe chain.write(source, piece.count, at: &cursor, log)
    }
    var left = needed
    for index in 0..<count {
      let head = chain.head(index)
      let part = min(head.byteCount, left)
      ring.complete(head.number, writtenBytes: UInt32(part))
      left -= part
    }
    ring.nextAvailable = ring.nextAvailable &+ UInt16(count)
    return .written
  }

  private func writeHeader(
    _ offload: Offload, _ bufferCount: Int, _ chain: borrowing ChainReader,
    _ cursor: inout ChainReader.Cursor
  ) {
    var leaving = offload
    // A guest that did not ask for it gets no flags (5.1.6.4.1).
    if !terms.offloads.contains(.checksum) { leaving.flags = 0 }
    var room: (UInt64, UInt64) = (0, 0)
    // SAFETY: the header is used within the closure.
    unsafe withUnsafeMutableBytes(of: &room) { header in
      guard let start = header.baseAddress else { return }
      // SAFETY: sixteen bytes, of which ten or twelve are sent.
      unsafe VirtioHeader.write(leaving, at: start)
      unsafe start.storeBytes(
        of: UInt16(bufferCount).littleEndian, toByteOffset: 10, as: UInt16.self)
      unsafe chain.write(start, terms.headerBytes, at: &cursor, log)
    }
  }
}
