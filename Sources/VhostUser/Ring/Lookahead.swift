// The next few buffers of a ring, looked at before they are used, so that their memory is on its way while
// others are copied. The ring, the descriptors and the frames were written by another processor: each of
// the three is a cache miss of 50-100 ns unless it was asked for early.

internal import CLinux

/// A buffer that was found.
@safe
struct AheadBuffer: BitwiseCopyable {
  /// Nil when it has to be followed step by step.
  var start: UnsafeMutableRawPointer?
  var guestAddress: UInt64 = 0
  var byteCount = 0
  var head: UInt16 = 0

  // SAFETY: no memory at all.
  init() { unsafe start = nil }
}

/// Buffers ahead, and the deliveries that are to go into them.
///
/// - Thread: the worker.
@safe
final class Lookahead {
  static let capacity = 64
  private static let lineBytes = 64

  let buffers: UnsafeMutablePointer<AheadBuffer>
  let deliveries: UnsafeMutablePointer<Int>

  init() {
    // SAFETY: sized and filled here, freed in `deinit`.
    unsafe buffers = .allocate(capacity: Self.capacity)
    unsafe buffers.initialize(repeating: AheadBuffer(), count: Self.capacity)
    unsafe deliveries = .allocate(capacity: Self.capacity)
    unsafe deliveries.initialize(repeating: 0, count: Self.capacity)
  }

  // SAFETY: allocated by `init`.
  deinit {
    unsafe buffers.deallocate()
    unsafe deliveries.deallocate()
  }

  /// Looks at the next `count` buffers of a ring, that many being there. False: a head is out of range.
  @inline(__always)
  func look(
    _ count: Int, _ ring: GuestRing, _ memory: inout MemoryView, isForWriting: Bool
  ) -> Bool {
    precondition(count <= Self.capacity, "more than there is room for")
    for offset in 0..<count {
      let head = ring.head(offset)
      guard head < ring.size else { return false }
      // SAFETY: `offset < count <= capacity`, here and below.
      unsafe buffers[offset].head = head
      ring.prefetchDescriptor(head)
    }
    for offset in 0..<count {
      let descriptor = unsafe ring.descriptor(buffers[offset].head)
      let isPlain = isForWriting ? descriptor.isPlainWritable : descriptor.isPlainReadable
      unsafe buffers[offset].start = nil
      guard isPlain,
        let start = unsafe memory.find(descriptor.address, UInt64(descriptor.length))
      else { continue }
      unsafe buffers[offset].start = start
      unsafe buffers[offset].guestAddress = descriptor.address
      unsafe buffers[offset].byteCount = Int(descriptor.length)
      if isForWriting {
        unsafe clinux_prefetch_to_write(start)
        unsafe clinux_prefetch_to_write(start + Self.lineBytes)
      } else {
        unsafe clinux_prefetch(start)
        unsafe clinux_prefetch(start + Self.lineBytes)
      }
    }
    return true
  }
}
