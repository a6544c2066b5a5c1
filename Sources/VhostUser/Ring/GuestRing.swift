// One split virtqueue in the guest's memory (virtio 1.2, 2.7).
//
//   descriptors   size × 16        address, length, flags, next                 the driver writes
//   available     flags, index, size × 2, used_event                            the driver writes
//   used          flags, index, size × 8 (head, length), avail_event            we write
//
// Buffers are used in the order in which they were made available, so one index is enough for both.
// Every index that the driver wrote is masked or compared before it is used as one.
//
// Invariant: while `isRunning`, the three parts are as long as `size` needs, within memory that `PortRings`
// holds, and aligned as 2.7 says.

internal import CLinux

/// A ring, as the worker works on it.
@safe
struct GuestRing: BitwiseCopyable {
  /// VIRTIO 1.2, 2.7: the most entries of a split ring.
  static let entriesMax = 32_768
  private static let noNotify: UInt16 = 1
  private static let noInterrupt: UInt16 = 1

  var isRunning = false
  /// The front end lets frames through (VHOST_USER_SET_VRING_ENABLE).
  var isEnabled = false
  /// VIRTIO_F_EVENT_IDX was negotiated.
  var hasEventIndex = false
  /// We asked to be told of new buffers.
  var isArmed = false
  /// Writes of the used part are logged.
  var isLogged = false
  var size: UInt16 = 0
  /// The next entry of the available part that we look at.
  var nextAvailable: UInt16 = 0
  /// The next entry of the used part that we write.
  var nextUsed: UInt16 = 0
  /// The used index that the driver saw last.
  var publishedUsed: UInt16 = 0
  var descriptors: UnsafeRawPointer
  var available: UnsafeRawPointer
  var used: UnsafeMutableRawPointer
  /// The used part's address for the log.
  var usedLogAddress: UInt64 = 0
  /// Rings the guest; nil while it does not want that.
  var bell: OpaquePointer?

  /// A ring that does not run.
  static var none: GuestRing {
    // SAFETY: not dereferenced while the ring does not run.
    let nowhere = unsafe UnsafeMutableRawPointer(bitPattern: 4096).unsafelyUnwrapped
    return unsafe GuestRing(
      descriptors: UnsafeRawPointer(nowhere), available: UnsafeRawPointer(nowhere), used: nowhere)
  }

  static func descriptorBytes(_ size: Int) -> Int { size * RingDescriptor.byteCount }
  static func availableBytes(_ size: Int) -> Int { 6 + 2 * size }
  static func usedBytes(_ size: Int) -> Int { 6 + 8 * size }

  @inline(__always)
  var mask: UInt16 { size &- 1 }

  /// How many buffers wait; nil when that is more than there can be.
  @inline(__always)
  func waitingCount() -> Int? {
    // SAFETY: the index is at offset 2 of the available part (invariant).
    let index = UInt16(littleEndian: unsafe clinux_load16_acquire(available + 2))
    let waiting = index &- nextAvailable
    return waiting <= size ? Int(waiting) : nil
  }

  /// The head of the `offset`-th waiting buffer; may be out of range.
  @inline(__always)
  func head(_ offset: Int) -> UInt16 {
    let place = Int((nextAvailable &+ UInt16(truncatingIfNeeded: offset)) & mask)
    // SAFETY: the place is below `size` (invariant).
    return UInt16(littleEndian: unsafe clinux_load16(available + 4 + 2 * place))
  }

  /// A private copy of a descriptor; `index` is below `size`.
  @inline(__always)
  func descriptor(_ index: UInt16) -> RingDescriptor {
    // SAFETY: masked, so below `size`, whatever the caller has checked.
    unsafe RingDescriptor(at: descriptors + Int(index & mask) * RingDescriptor.byteCount)
  }

  @inline(__always)
  func prefetchDescriptor(_ index: UInt16) {
    // SAFETY: as `descriptor`; a prefetch does not fault anyway.
    unsafe clinux_prefetch(descriptors + Int(index & mask) * RingDescriptor.byteCount)
  }

  /// Notes a buffer as used; seen by the driver after `publish`.
  @inline(__always)
  mutating func complete(_ head: UInt16, writtenBytes: UInt32) {
    let entry = UInt64(head) | UInt64(writtenBytes) << 32
    let place = Int(nextUsed & mask)
    // SAFETY: the place is below `size` (invariant).
    unsafe used.storeBytes(of: entry.littleEndian, toByteOffset: 4 + 8 * place, as: UInt64.self)
    nextUsed = nextUsed &+ 1
  }
}

// MARK: - Telling the other side

extension GuestRing {
  /// Lets the driver see what was completed, and rings when it wants that. Once a batch.
  mutating func publish(_ log: DirtyLog) {
    let before = publishedUsed
    guard nextUsed != before else { return }
    // SAFETY: the index is at offset 2 of the used part (invariant).
    unsafe clinux_store16_release(used + 2, nextUsed.littleEndian)
    publishedUsed = nextUsed
    if isLogged { logUsed(log, from: before) }
    guard let bell = unsafe bell else { return }
    // The index must be seen before the wish is read (2.7.7.2).
    clinux_full_fence()
    if wantsBell(before) { _ = unsafe clinux_bell_ring(bell) }
  }

  private func wantsBell(_ before: UInt16) -> Bool {
    if hasEventIndex {
      // SAFETY: used_event is behind the entries of the available part (invariant).
      let event = UInt16(littleEndian: unsafe clinux_load16(available + 4 + 2 * Int(size)))
      return nextUsed &- event &- 1 < nextUsed &- before
    }
    // SAFETY: the flags are the start of the available part.
    return UInt16(littleEndian: unsafe clinux_load16(available)) & Self.noInterrupt == 0
  }

  private func logUsed(_ log: DirtyLog, from before: UInt16) {
    log.mark(usedLogAddress, 4)
    var index = before
    // A ring wraps around at most once between two looks.
    for _ in 0..<min(nextUsed &- before, size) {
      log.mark(usedLogAddress &+ 4 &+ 8 * UInt64(index & mask), 8)
      index = index &+ 1
    }
  }

  /// Asks the driver to tell us of new buffers. False when some wait already.
  mutating func arm(_ log: DirtyLog) -> Bool {
    isArmed = true
    tellDriver(log)
    // The wish must be seen before the index is read (2.7.10).
    clinux_full_fence()
    return waitingCount() == 0
  }

  /// Asks the driver to save itself the trouble.
  mutating func disarm(_ log: DirtyLog) {
    isArmed = false
    tellDriver(log)
  }

  /// With an event index not asking is leaving the last wish where it is: it is in the past.
  private func tellDriver(_ log: DirtyLog) {
    if !hasEventIndex {
      // SAFETY: the flags are the start of the used part (invariant).
      unsafe clinux_store16(used, (isArmed ? 0 : Self.noNotify).littleEndian)
      if isLogged { log.mark(usedLogAddress, 2) }
    } else if isArmed {
      // SAFETY: avail_event is behind the entries of the used part (invariant).
      unsafe clinux_store16(used + 4 + 8 * Int(size), nextAvailable.littleEndian)
      if isLogged { log.mark(usedLogAddress &+ 4 &+ 8 * UInt64(size), 2) }
    }
  }
}
