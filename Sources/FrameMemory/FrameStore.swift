// Frames that wait: queues with a number, and one memory for all of them.
//
// A frame that has to wait leaves its batch, which is emptied at the end of a trip, and comes back in a
// later one. Frames are copied into cells of 2 KiB, chained; a frame of 1,500 bytes is one cell, one of
// 64 KB is 33. A GSO frame that is larger than what may pass at once is cut here, before it waits.
//
// Bounds. The caller sets a limit for each queue, in bytes on the wire. And no queue may take the memory
// from the others: with a frame put in, it may hold no more cells than are then still free (Choudhury and
// Hahne 1998, dynamic thresholds, alpha 1). One greedy queue gets half, n greedy queues n/(n+1) together,
// and who comes later finds room. A queue that is empty takes one frame as long as the cells are there.
//
// Memory: `capacityBytes` of cells, touched when used and the last used first, and 68 bytes for each cell
// (by default 64 MiB and 2.1 MiB); 32 bytes for each queue.
//
// Invariant: a cell is in one chain or free; a queue's counts are those of its chains.

public import Base
public import Wire

/// What is known about a frame that waits.
@frozen
public struct StoredFrame: Sendable, BitwiseCopyable {
  /// As the switch handles it: Ethernet header and payload, no tag, no FCS.
  public var byteCount: UInt32
  /// What it puts on a wire: more than `byteCount` when it is to be segmented.
  public var wireBytes: UInt32
  public var ingress: PortIndex
  public var tag: VLANTag
  public var offload: Offload
  /// The data plane's own: kept, not read.
  public var note: UInt64
  /// When it was put in.
  public var enqueuedTime: MonotonicTime
}

/// What became of a frame that was to wait.
@frozen
public enum StoreResult: Sendable, BitwiseCopyable {
  case stored
  /// The queue is at its limit, or the memory is used up.
  case full
  /// The offload metadata contradicts the bytes.
  case malformed
}

/// Queues of frames in one memory.
///
/// - Thread: one worker. Nothing is allocated after `init`; pages are touched when first used.
public struct FrameStore: ~Copyable, Sendable {
  public static let defaultCapacityBytes = 64 * 1_024 * 1_024

  private var cells: CellMemory
  /// What is known about the frame that begins in a cell.
  @usableFromInline
  var frames: FixedArray<HeldFrame>
  @usableFromInline
  var queues: FixedArray<FrameQueue>

  @frozen
  @usableFromInline
  struct HeldFrame: Sendable, BitwiseCopyable {
    @usableFromInline
    var frame: StoredFrame
    /// The cell where the next frame of the queue begins.
    @usableFromInline
    var next: Int32
  }

  @frozen
  @usableFromInline
  struct FrameQueue: Sendable, BitwiseCopyable {
    @usableFromInline
    var first: Int32 = -1
    @usableFromInline
    var last: Int32 = -1
    @usableFromInline
    var frameCount = 0
    @usableFromInline
    var cellCount = 0
    /// On the wire.
    @usableFromInline
    var byteCount = 0
  }

  /// Empty queues 0..<`queueCount`.
  public init(queueCount: Int, capacityBytes: Int = Self.defaultCapacityBytes) {
    cells = CellMemory(capacity: max(capacityBytes / CellMemory.cellBytes, 1))
    let nothing = StoredFrame(
      byteCount: 0, wireBytes: 0, ingress: .none, tag: .none, offload: .none, note: 0,
      enqueuedTime: .zero)
    frames = FixedArray(repeating: HeldFrame(frame: nothing, next: -1), count: cells.capacity)
    queues = FixedArray(repeating: FrameQueue(), count: queueCount)
  }

  /// What a store takes, in bytes.
  public static func memoryBytes(
    queueCount: Int, capacityBytes: Int = defaultCapacityBytes
  ) -> Int {
    let perCell =
      CellMemory.cellBytes + MemoryLayout<Int32>.stride + MemoryLayout<HeldFrame>.stride
    return max(capacityBytes / CellMemory.cellBytes, 1) * perCell
      + queueCount * MemoryLayout<FrameQueue>.stride
  }

  public var queueCount: Int { queues.count }

  /// Memory that no frame holds.
  public var freeBytes: Int { cells.freeCount * CellMemory.cellBytes }

  /// How many frames wait in a queue; the pieces of a frame that was cut count each.
  @inlinable @inline(__always)
  public func frameCount(_ queue: Int) -> Int { queues[queue].frameCount }

  /// How many bytes wait in a queue, as they will be on a wire.
  @inlinable @inline(__always)
  public func byteCount(_ queue: Int) -> Int { queues[queue].byteCount }

  /// The frame that a queue gives out next, or nil.
  @inlinable @inline(__always)
  public func first(_ queue: Int) -> StoredFrame? {
    let cell = queues[queue].first
    return cell < 0 ? nil : frames[Int(cell)].frame
  }
}

// MARK: - In and out

extension FrameStore {
  /// Puts a copy of a frame of the batch at the end of a queue: all of it or nothing.
  ///
  /// - `tag`: kept with the frame; its own, or the one that it is to leave with.
  /// - `limitBytes`: what the queue may hold with it, on the wire; one frame it may hold always.
  /// - `largestPieceBytes`: a GSO frame that is larger on a wire is cut into pieces of at most this.
  /// - Cost: one copy; the headers are written once for each piece.
  public mutating func enqueue(
    _ queue: Int, from batch: borrowing FrameBatch, _ index: Int, tag: VLANTag, note: UInt64,
    now: MonotonicTime, limitBytes: Int, largestPieceBytes: Int = .max
  ) -> StoreResult {
    let source = batch[index]
    let bytes = batch.bytes(of: index)
    guard
      let pieces = SegmentPieces(
        of: bytes, offload: source.offload, largestPieceBytes: largestPieceBytes)
    else { return .malformed }
    guard admits(pieces, to: queue, limitBytes: limitBytes) else { return .full }
    for piece in 0..<pieces.count {
      let byteCount = pieces.byteCount(of: piece)
      let first = cells.takeChain(byteCount: byteCount)
      if let cut = pieces.cut(piece) {
        cells.write(cut, of: bytes, headerBytes: pieces.headerBytes, to: first)
      } else {
        cells.write(bytes, to: first)
      }
      let frame = StoredFrame(
        byteCount: UInt32(byteCount), wireBytes: UInt32(pieces.wireBytes(of: piece)),
        ingress: source.ingress, tag: tag, offload: pieces.offload(of: piece), note: note,
        enqueuedTime: now)
      append(frame, at: first, to: queue)
    }
    return .stored
  }

  /// Moves the first frame of a queue to the next slot of the batch.
  ///
  /// Traps when the queue is empty, or the batch full or too small for the frame.
  /// - Returns: its index in the batch.
  public mutating func dequeue(_ queue: Int, into batch: inout FrameBatch) -> Int {
    let first = Int(queues[queue].first)
    precondition(first >= 0, "the queue is empty")
    let frame = frames[first].frame
    cells.append(chain: first, frame, to: &batch)
    removeFirst(queue)
    return batch.count - 1
  }

  /// Drops all frames of a queue.
  ///
  /// - Returns: how many there were.
  @discardableResult
  public mutating func clear(_ queue: Int) -> Int {
    let count = queues[queue].frameCount
    while queues[queue].first >= 0 { removeFirst(queue) }
    return count
  }

  @inline(__always)
  private func admits(_ pieces: SegmentPieces, to queue: Int, limitBytes: Int) -> Bool {
    // All pieces but the last are of one size.
    let wanted =
      (pieces.count - 1) * CellMemory.cellCount(byteCount: pieces.byteCount(of: 0))
      + CellMemory.cellCount(byteCount: pieces.byteCount(of: pieces.count - 1))
    let left = cells.freeCount - wanted
    if left < 0 { return false }
    let held = queues[queue]
    if held.frameCount == 0 { return true }
    return held.byteCount + pieces.wireBytes <= limitBytes && held.cellCount + wanted <= left
  }

  private mutating func append(_ frame: StoredFrame, at first: Int, to queue: Int) {
    frames[first] = HeldFrame(frame: frame, next: -1)
    let last = queues[queue].last
    if last < 0 {
      queues[queue].first = Int32(first)
    } else {
      frames[Int(last)].next = Int32(first)
    }
    queues[queue].last = Int32(first)
    queues[queue].frameCount += 1
    queues[queue].byteCount += Int(frame.wireBytes)
    queues[queue].cellCount += CellMemory.cellCount(byteCount: Int(frame.byteCount))
  }

  private mutating func removeFirst(_ queue: Int) {
    let first = Int(queues[queue].first)
    let held = frames[first]
    cells.giveBack(chain: first)
    queues[queue].first = held.next
    if held.next < 0 { queues[queue].last = -1 }
    queues[queue].frameCount -= 1
    queues[queue].byteCount -= Int(held.frame.wireBytes)
    queues[queue].cellCount -= CellMemory.cellCount(byteCount: Int(held.frame.byteCount))
  }
}
