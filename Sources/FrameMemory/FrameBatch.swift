// The frames of one trip through the switch, and the memory that holds them.
//
// A batch owns `capacity` slots in one mapping; frame number i lives in slot i, so there is no free
// list, no reference count and no ownership to follow: a batch is filled from one attachment, switched,
// sent, and emptied. A slot is large enough for the largest GSO frame.
//
//   slot i   | headroom (64) | Ethernet header, payload ...            |
//              ^ an attachment puts its virtio-net header at the end of the headroom,
//                so that one read fetches both
//
// Slots are an odd number of cache lines apart. With a power of two, the headers of all frames of a
// batch would fall into the same few sets of the cache.
//
// A frame may also lie in memory that an attachment lends (a ring that is shared with the kernel), so that
// nobody copies it on the way in. Then its cell is that memory, and not the slot, until the batch is emptied.
//
// Invariant: for every i < count, frame i lies within cell i (checked when it is appended or replaced);
// from `count` on, cell i is slot i.

internal import Base
public import Wire

/// Up to `capacity` frames with the memory behind them.
///
/// - Thread: one worker. Nothing is allocated after `init`; pages are touched when first used.
@safe
public struct FrameBatch: ~Copyable {
  /// Room before the Ethernet header, for the header of an attachment.
  public static let headroomBytes = 64
  /// The largest frame: 64 KiB of IP packet with its Ethernet header, rounded up.
  public static let largestFrameBytes = 65_536 + 64

  public let capacity: Int
  /// What a slot can hold, headroom not counted.
  public let frameCapacityBytes: Int
  @usableFromInline
  let slotBytes: Int
  @usableFromInline
  let memory: UnsafeMutableRawPointer
  /// Where the bytes of each frame are: slot i, or memory that was lent.
  @usableFromInline
  let cells: UnsafeMutablePointer<FrameCell>
  /// What is known of each frame. Bare, as every use checks against `used`, which is at most `capacity`.
  @usableFromInline
  let frames: UnsafeMutablePointer<Frame>
  /// Some cell is not its slot.
  @usableFromInline
  var hasLentCells = false
  /// What marking overwrote in each frame, while the frames of one port are sent.
  var marks: FixedArray<FrameMark>
  @usableFromInline
  var used = 0

  /// Makes an empty batch for `capacity` frames of at most `frameCapacityBytes`.
  public init(capacity: Int, frameCapacityBytes: Int = Self.largestFrameBytes) {
    precondition(capacity > 0 && capacity <= Int(UInt16.max), "a batch holds 1-65535 frames")
    let lines = (Self.headroomBytes + frameCapacityBytes + 63) / 64
    slotBytes = (lines | 1) * 64
    self.capacity = capacity
    self.frameCapacityBytes = frameCapacityBytes
    // SAFETY: `capacity` slots of `slotBytes`, freed in `deinit`; large blocks come from fresh pages,
    // which cost nothing until they are touched.
    unsafe memory = .allocate(byteCount: capacity * slotBytes, alignment: 64)
    unsafe cells = .allocate(capacity: capacity)
    for index in 0..<capacity {
      unsafe (cells + index).initialize(
        to: FrameCell(start: memory + index * slotBytes, byteCount: slotBytes))
    }
    // SAFETY: as `cells`.
    unsafe frames = .allocate(capacity: capacity)
    unsafe frames.initialize(
      repeating: Frame(offset: 0, byteCount: 0, ingress: .none), count: capacity)
    marks = FixedArray(repeating: .none, count: capacity)
  }

  // SAFETY: allocated by `init`, and no span outlives the batch.
  deinit {
    unsafe frames.deallocate()
    unsafe cells.deallocate()
    unsafe memory.deallocate()
  }

  /// How many frames there are.
  @inlinable
  public var count: Int { used }

  @inlinable
  public var isFull: Bool { count == capacity }

  @inlinable
  public var freeCapacity: Int { capacity - count }

  /// The frame at `index`. A replaced frame must still lie within its cell.
  @inlinable
  public subscript(index: Int) -> Frame {
    get {
      precondition(has(index), "no such frame")
      // SAFETY: there is such a frame.
      return unsafe frames[index]
    }
    set {
      precondition(has(index) && fits(newValue, index), "no such frame, or outside its cell")
      // SAFETY: there is such a frame.
      unsafe frames[index] = newValue
    }
  }

  @inlinable @inline(__always)
  func has(_ index: Int) -> Bool { UInt(bitPattern: index) < UInt(bitPattern: used) }

  /// Adds the frame whose bytes were just written to slot `count`. Traps when full or out of the slot.
  @inlinable
  public mutating func append(_ frame: Frame) {
    precondition(
      count < capacity && fits(frame, count), "the batch is full, or the frame outside its slot")
    // SAFETY: below `capacity`, as was just checked.
    unsafe frames[count] = frame
    used &+= 1
  }

  /// Adds a frame whose bytes lie in memory that somebody lends, `frame.offset` bytes from `cell` on.
  ///
  /// - Unsafe: `cellBytes` bytes at `cell` are valid, and nobody else changes them, until the batch is
  ///   emptied.
  @unsafe
  public mutating func appendLent(
    _ frame: Frame, at cell: UnsafeMutableRawPointer, cellBytes: Int
  ) {
    precondition(count < capacity, "the batch is full")
    // SAFETY: cell `count` exists; `append` checks the frame against what is written here.
    unsafe cells[count] = FrameCell(start: cell, byteCount: cellBytes)
    hasLentCells = true
    append(frame)
  }

  /// Adds a copy of `bytes`. Traps when the batch is full or the frame too large.
  @inlinable @inline(__always)
  public mutating func append(
    copying bytes: RawSpan, ingress: PortIndex, tag: VLANTag = .none, offload: Offload = .none
  ) {
    let byteCount = bytes.byteCount
    precondition(used < capacity && byteCount <= frameCapacityBytes, "no room for the frame")
    // SAFETY: slot `used` exists and holds headroom + frameCapacityBytes.
    let destination = unsafe memory + (used &* slotBytes &+ Self.headroomBytes)
    unsafe bytes.withUnsafeBytes { source in
      if let start = source.baseAddress { unsafe Self.copy(start, to: destination, byteCount) }
    }
    // SAFETY: below `capacity`, and within its slot, as was just checked.
    unsafe frames[used] = Frame(
      offset: UInt32(Self.headroomBytes), byteCount: UInt32(truncatingIfNeeded: byteCount),
      ingress: ingress, tag: tag, offload: offload)
    used &+= 1
  }

  /// Copies bytes; the shortest frames, which come the most at a time, without a call.
  @inlinable @inline(__always)
  static func copy(
    _ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, _ byteCount: Int
  ) {
    guard byteCount >= 32, byteCount <= 64 else {
      // SAFETY: the caller has checked that `byteCount` bytes are at both.
      return unsafe destination.copyMemory(from: source, byteCount: byteCount)
    }
    // SAFETY: two halves of 32 bytes, which overlap in the middle, both within `byteCount`.
    let (head, tail) = unsafe (
      source.loadUnaligned(as: SIMD32<UInt8>.self),
      (source + (byteCount - 32)).loadUnaligned(as: SIMD32<UInt8>.self)
    )
    unsafe destination.storeBytes(of: head, as: SIMD32<UInt8>.self)
    unsafe (destination + (byteCount - 32)).storeBytes(of: tail, as: SIMD32<UInt8>.self)
  }

  /// Adds a frame of zeroes, to be written through `mutableBytes(of:)`. Traps as `append(copying:)`.
  ///
  /// - Returns: its index.
  public mutating func appendZeroed(byteCount: Int, ingress: PortIndex) -> Int {
    precondition(count < capacity && byteCount <= frameCapacityBytes, "no room for the frame")
    // SAFETY: as `append(copying:)`.
    unsafe (slotAddress(count) + Self.headroomBytes)
      .initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    append(
      Frame(
        offset: UInt32(Self.headroomBytes), byteCount: UInt32(byteCount), ingress: ingress))
    return count - 1
  }

  /// Forgets every frame; the memory stays.
  @inlinable
  public mutating func removeAll() {
    if hasLentCells { takeBackCells() }
    used = 0
  }

  /// Every cell is its slot again.
  @usableFromInline
  mutating func takeBackCells() {
    for index in 0..<count {
      // SAFETY: `count <= capacity`, and slot `index` is as large as this says.
      unsafe cells[index] = FrameCell(start: memory + index * slotBytes, byteCount: slotBytes)
    }
    hasLentCells = false
  }

  /// The bytes of frame `index`: Ethernet header first, no tag, no FCS.
  @inlinable
  @_lifetime(borrow self)
  public func bytes(of index: Int) -> RawSpan {
    let frame = self[index]
    // SAFETY: the frame lies within its cell (invariant), and the span cannot outlive the batch.
    let span = unsafe RawSpan(
      _unsafeStart: UnsafeRawPointer(cells[index].start + Int(frame.offset)),
      byteCount: Int(frame.byteCount))
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The first 16 bytes of frame `index`, as two numbers in network order. Traps where it is shorter.
  @inlinable @inline(__always)
  public func firstWords(of index: Int) -> (UInt64, UInt64) {
    let frame = self[index]
    precondition(frame.byteCount >= 16, "the frame is too short")
    // SAFETY: the frame lies within its cell (invariant) and has 16 bytes, as was just checked.
    let start = unsafe cells[index].start + Int(frame.offset)
    let words = unsafe (
      start.loadUnaligned(as: UInt64.self), (start + 8).loadUnaligned(as: UInt64.self)
    )
    return (UInt64(bigEndian: words.0), UInt64(bigEndian: words.1))
  }

  /// The first 38 bytes of frame `index`, of which those of `FrameHead`. Traps where it is shorter.
  @inlinable @inline(__always)
  public func head(of index: Int) -> FrameHead {
    let frame = self[index]
    precondition(frame.byteCount >= FrameHead.byteCount, "the frame is too short")
    // SAFETY: the frame lies within its cell (invariant) and is long enough, as was just checked.
    let start = unsafe cells[index].start + Int(frame.offset)
    return unsafe FrameHead(
      first: UInt64(littleEndian: start.loadUnaligned(as: UInt64.self)),
      second: UInt64(littleEndian: (start + 8).loadUnaligned(as: UInt64.self)),
      third: UInt64(littleEndian: (start + 16).loadUnaligned(as: UInt64.self)),
      network: UInt64(littleEndian: (start + 26).loadUnaligned(as: UInt64.self)),
      transport: UInt32(littleEndian: (start + 34).loadUnaligned(as: UInt32.self)))
  }

  /// The bytes of frame `index`, to be changed in place.
  @inlinable
  @_lifetime(&self)
  public mutating func mutableBytes(of index: Int) -> MutableRawSpan {
    let frame = self[index]
    // SAFETY: as `bytes(of:)`; the exclusive access to the batch lasts as long as the span.
    let span = unsafe MutableRawSpan(
      _unsafeStart: cells[index].start + Int(frame.offset), byteCount: Int(frame.byteCount))
    return unsafe _overrideLifetime(span, mutating: &self)
  }

  /// The start of slot `index` (its headroom), for attachments that read and write with the kernel.
  ///
  /// - Unsafe: valid while the batch lives; the caller stays within `headroomBytes +
  ///   frameCapacityBytes`.
  @inlinable
  @unsafe
  public func slotAddress(_ index: Int) -> UnsafeMutableRawPointer {
    precondition(index >= 0 && index < capacity, "no such slot")
    return unsafe memory + index * slotBytes
  }

  /// The memory that frame `index` lies in: its slot, or what `appendLent` was given.
  ///
  /// - Unsafe: valid while the batch lives, and for a lent cell until it is emptied.
  @inlinable
  @unsafe
  public func cellAddress(_ index: Int) -> UnsafeMutableRawPointer {
    precondition(has(index), "no such frame")
    // SAFETY: the index was checked.
    return unsafe cells[index].start
  }

  @inlinable
  func fits(_ frame: Frame, _ index: Int) -> Bool {
    // SAFETY: callers have checked the index.
    unsafe Int(frame.offset) + Int(frame.byteCount) <= cells[index].byteCount
  }
}

/// Memory that holds one frame.
@unsafe
@usableFromInline
struct FrameCell: BitwiseCopyable {
  @usableFromInline
  let start: UnsafeMutableRawPointer
  @usableFromInline
  let byteCount: Int

  @usableFromInline
  init(start: UnsafeMutableRawPointer, byteCount: Int) {
    // SAFETY: only noted; `appendLent` and `init` say what it points to.
    unsafe self.start = unsafe start
    unsafe self.byteCount = byteCount
  }
}

// SAFETY: the batch owns its memory alone; sending it sends everything.
extension FrameBatch: @unchecked Sendable {}
