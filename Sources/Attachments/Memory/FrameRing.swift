// A bounded first-in first-out queue of frames with their bytes, in memory that is made once.
//
// Memory: capacity * (frameCapacityBytes + 16).

internal import Base
internal import FrameMemory

/// Up to `capacity` frames, copied in and copied out.
@safe
struct FrameRing: ~Copyable {
  /// What is kept beside the bytes.
  struct Entry: BitwiseCopyable {
    var byteCount = 0
    var offload = Offload.none
  }

  let capacity: Int
  let frameCapacityBytes: Int
  private let memory: UnsafeMutableRawPointer
  private var entries: FixedArray<Entry>
  private var first = 0
  private(set) var count = 0

  init(capacity: Int, frameCapacityBytes: Int) {
    precondition(capacity > 0 && frameCapacityBytes > 0, "a ring holds something")
    self.capacity = capacity
    self.frameCapacityBytes = frameCapacityBytes
    // SAFETY: `capacity` slots of `frameCapacityBytes`, freed in `deinit`.
    unsafe memory = .allocate(byteCount: capacity * frameCapacityBytes, alignment: 64)
    entries = FixedArray(repeating: Entry(), count: capacity)
  }

  // SAFETY: allocated by `init`; no span outlives the ring.
  deinit { unsafe memory.deallocate() }

  var isFull: Bool { count == capacity }

  /// Where the next frame goes: write it, then `append`. Traps when full.
  ///
  /// - Unsafe: valid until the next change of the ring.
  @unsafe
  var freeSlot: UnsafeMutableRawBufferPointer {
    precondition(!isFull, "the ring is full")
    // SAFETY: slot indices are below `capacity`.
    return unsafe UnsafeMutableRawBufferPointer(
      start: memory + (first + count) % capacity * frameCapacityBytes, count: frameCapacityBytes)
  }

  /// Adds the frame that was just written to `freeSlot`.
  mutating func append(byteCount: Int, offload: Offload) {
    precondition(!isFull && byteCount <= frameCapacityBytes, "no room for the frame")
    entries[(first + count) % capacity] = Entry(byteCount: byteCount, offload: offload)
    count += 1
  }

  /// The metadata of the oldest frame, nil when empty.
  var oldest: Entry? { count > 0 ? entries[first] : nil }

  /// The bytes of the oldest frame. Traps when empty.
  var oldestBytes: RawSpan {
    @_lifetime(borrow self)
    get {
      precondition(count > 0, "the ring is empty")
      // SAFETY: the slot holds a whole frame; the span cannot outlive the ring.
      let span = unsafe RawSpan(
        _unsafeStart: UnsafeRawPointer(memory + first * frameCapacityBytes),
        byteCount: entries[first].byteCount)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// A copy of the bytes of the oldest frame. Traps when empty.
  func copyOldest() -> [UInt8] {
    // SAFETY: the array copies the bytes while the buffer is valid.
    unsafe oldestBytes.withUnsafeBytes { unsafe [UInt8]($0) }
  }

  /// Forgets the oldest frame. Traps when empty.
  mutating func removeOldest() {
    precondition(count > 0, "the ring is empty")
    first = (first + 1) % capacity
    count -= 1
  }
}

// SAFETY: the ring owns its memory alone; sending it sends everything.
extension FrameRing: @unchecked Sendable {}
