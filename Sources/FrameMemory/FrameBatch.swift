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
// Invariant: for every i < count, frame i lies within slot i (checked when it is appended or replaced).

public import Base
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
  @usableFromInline
  var frames: FixedArray<Frame>
  /// What marking overwrote in each frame, while the frames of one port are sent.
  var marks: FixedArray<FrameMark>
  public private(set) var count = 0

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
    frames = FixedArray(
      repeating: Frame(offset: 0, byteCount: 0, ingress: .none), count: capacity)
    marks = FixedArray(repeating: .none, count: capacity)
  }

  // SAFETY: allocated by `init`, and no span outlives the batch.
  deinit { unsafe memory.deallocate() }

  @inlinable
  public var isFull: Bool { count == capacity }

  @inlinable
  public var freeCapacity: Int { capacity - count }

  /// The frame at `index`. A replaced frame must still lie within its slot.
  @inlinable
  public subscript(index: Int) -> Frame {
    get {
      precondition(index < count, "no such frame")
      return frames[index]
    }
    set {
      precondition(index < count && fits(newValue), "no such frame, or outside its slot")
      frames[index] = newValue
    }
  }

  /// Adds the frame whose bytes were just written to slot `count`. Traps when full or out of the slot.
  @inlinable
  public mutating func append(_ frame: Frame) {
    precondition(
      count < capacity && fits(frame), "the batch is full, or the frame outside its slot")
    frames[count] = frame
    _appended()
  }

  @usableFromInline
  mutating func _appended() { count += 1 }

  /// Adds a copy of `bytes`. Traps when the batch is full or the frame too large.
  public mutating func append(
    copying bytes: RawSpan, ingress: PortIndex, tag: VLANTag = .none, offload: Offload = .none
  ) {
    precondition(count < capacity && bytes.byteCount <= frameCapacityBytes, "no room for the frame")
    // SAFETY: slot `count` exists and holds headroom + frameCapacityBytes.
    let destination = unsafe slotAddress(count) + Self.headroomBytes
    unsafe bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      unsafe destination.copyMemory(from: start, byteCount: source.count)
    }
    append(
      Frame(
        offset: UInt32(Self.headroomBytes), byteCount: UInt32(bytes.byteCount), ingress: ingress,
        tag: tag, offload: offload))
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
  public mutating func removeAll() { _empty() }

  @usableFromInline
  mutating func _empty() { count = 0 }

  /// The bytes of frame `index`: Ethernet header first, no tag, no FCS.
  @inlinable
  @_lifetime(borrow self)
  public func bytes(of index: Int) -> RawSpan {
    let frame = self[index]
    // SAFETY: the frame lies within its slot (invariant), and the span cannot outlive the batch.
    let span = unsafe RawSpan(
      _unsafeStart: UnsafeRawPointer(slotAddress(index) + Int(frame.offset)),
      byteCount: Int(frame.byteCount))
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  /// The bytes of frame `index`, to be changed in place.
  @inlinable
  @_lifetime(&self)
  public mutating func mutableBytes(of index: Int) -> MutableRawSpan {
    let frame = self[index]
    // SAFETY: as `bytes(of:)`; the exclusive access to the batch lasts as long as the span.
    let span = unsafe MutableRawSpan(
      _unsafeStart: slotAddress(index) + Int(frame.offset), byteCount: Int(frame.byteCount))
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

  @inlinable
  func fits(_ frame: Frame) -> Bool {
    Int(frame.offset) + Int(frame.byteCount) <= slotBytes
  }
}

// SAFETY: the batch owns its memory alone; sending it sends everything.
extension FrameBatch: @unchecked Sendable {}
