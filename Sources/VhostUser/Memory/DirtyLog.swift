// Which pages of guest memory we wrote, for a live migration (vhost-user, "Migration"): a bit for each
// page of 4 KiB, in memory that the front end shares and clears while it copies. It costs one comparison
// a buffer while nobody migrates.

internal import CLinux

/// The bitmap, or none.
///
/// Invariant: `bits` has `byteCount` bytes, valid as long as the mapping that `PortRings` holds.
@safe
struct DirtyLog: BitwiseCopyable {
  private static let pageShift: UInt64 = 12

  private var bits: UnsafeMutableRawPointer?
  private var byteCount: UInt64 = 0

  static var none: DirtyLog { DirtyLog() }

  // SAFETY: no memory at all.
  private init() { unsafe bits = nil }

  /// - Unsafe: `byteCount` bytes at `bits`, valid as long as this value is used.
  @unsafe
  init(bits: UnsafeMutableRawPointer, byteCount: UInt64) {
    // SAFETY: only noted.
    unsafe self.bits = unsafe bits
    self.byteCount = byteCount
  }

  @inline(__always)
  // SAFETY: only compared.
  var isOn: Bool { unsafe bits != nil }

  /// Notes that a range of guest memory was written. What lies beyond the bitmap is not noted: the front
  /// end chose its size.
  func mark(_ address: UInt64, _ count: UInt64) {
    // SAFETY: the invariant; every byte is checked to be below `byteCount`.
    guard let bits = unsafe bits, count > 0 else { return }
    var page = address >> Self.pageShift
    let last = (address &+ (count - 1)) >> Self.pageShift
    guard last >= page else { return }
    while page <= last, page >> 3 < byteCount {
      unsafe clinux_or8(bits + Int(page >> 3), 1 << UInt8(page & 7))
      page += 1
    }
  }
}
