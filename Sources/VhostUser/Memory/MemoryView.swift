// Finding guest addresses, on the data path. Buffers of a driver lie close together, so the region of the
// last one is asked first: a subtraction and two comparisons.

/// The regions of a guest for the length of a batch.
///
/// Invariant: the windows outlive it; it is made anew for each batch.
@safe
struct MemoryView: BitwiseCopyable {
  private let windows: UnsafePointer<MemoryWindow>?
  let count: Int
  private var last: MemoryWindow

  // SAFETY: no windows.
  static var none: MemoryView { unsafe MemoryView(windows: nil, count: 0) }

  /// - Unsafe: `count` windows at `windows`, valid as long as this view.
  @unsafe
  init(windows: UnsafePointer<MemoryWindow>?, count: Int) {
    // SAFETY: the caller's promise; the window that is nowhere is empty.
    unsafe self.windows = unsafe windows
    self.count = count
    let nowhere = unsafe UnsafeMutableRawPointer(bitPattern: 4096).unsafelyUnwrapped
    let empty = unsafe MemoryWindow(guestStart: 0, byteCount: 0, start: nowhere)
    if let windows = unsafe windows, count > 0 {
      last = unsafe windows[0]
    } else {
      last = empty
    }
  }

  /// Where a range of the guest's memory is; nil unless one region holds it all.
  ///
  /// - Unsafe: valid as long as the view; others change the bytes at any time.
  @unsafe
  @inline(__always)
  mutating func find(_ address: UInt64, _ byteCount: UInt64) -> UnsafeMutableRawPointer? {
    let offset = address &- last.guestStart
    if offset < last.byteCount, byteCount <= last.byteCount &- offset {
      // SAFETY: the range lies within the window.
      return unsafe last.start + Int(truncatingIfNeeded: offset)
    }
    return unsafe findElsewhere(address, byteCount)
  }

  @unsafe
  @inline(never)
  private mutating func findElsewhere(
    _ address: UInt64, _ byteCount: UInt64
  ) -> UnsafeMutableRawPointer? {
    // SAFETY: only handed on.
    guard let part = unsafe part(at: address), UInt64(part.count) >= byteCount else { return nil }
    return part.baseAddress
  }

  /// The memory from an address to the end of its region; nil when there is none.
  ///
  /// - Unsafe: as `find`.
  @unsafe
  mutating func part(at address: UInt64) -> UnsafeMutableRawBufferPointer? {
    // SAFETY: indices are below `count`, offsets within their windows.
    guard let windows = unsafe windows else { return nil }
    for index in 0..<count {
      let window = unsafe windows[index]
      let offset = address &- window.guestStart
      if offset < window.byteCount {
        last = window
        return unsafe UnsafeMutableRawBufferPointer(
          start: window.start + Int(offset), count: Int(window.byteCount - offset))
      }
    }
    return nil
  }
}
