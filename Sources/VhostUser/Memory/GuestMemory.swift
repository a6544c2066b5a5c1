// The memory of a guest: a table of regions that does not change. A message that changes memory makes
// another table, which shares the mappings that stay.

internal import CLinux

/// One region as the data path sees it.
@safe
struct MemoryWindow: BitwiseCopyable {
  var guestStart: UInt64
  var byteCount: UInt64
  var start: UnsafeMutableRawPointer
}

/// Regions of one front end.
///
/// - Thread: immutable; whoever holds it may use the memory.
@safe
package final class GuestMemory: Sendable {
  package let regions: [MappedRegion]
  let loss: LossFlag
  // SAFETY: allocated and filled in `init`, freed in `deinit`, never written in between.
  nonisolated(unsafe) let windows: UnsafeMutablePointer<MemoryWindow>

  /// A table of regions that do not overlap.
  package init(_ regions: [MappedRegion], loss: LossFlag) {
    self.regions = regions
    self.loss = loss
    // SAFETY: as many windows as regions, written once.
    unsafe windows = .allocate(capacity: max(regions.count, 1))
    for (index, region) in regions.enumerated() {
      unsafe (windows + index).initialize(
        to: MemoryWindow(
          guestStart: region.request.guestStart, byteCount: region.request.byteCount,
          start: region.start))
    }
  }

  // SAFETY: allocated by `init`.
  deinit { unsafe windows.deallocate() }

  package var byteCount: UInt64 { regions.reduce(0) { $0 + $1.request.byteCount } }

  /// A range by the address that it has in the front end's process; nil unless one region holds it all.
  ///
  /// - Unsafe: valid as long as this table.
  @unsafe
  func address(ofUser user: UInt64, byteCount: Int) -> UnsafeMutableRawPointer? {
    // SAFETY: a region is mapped as long as this table holds it.
    for region in regions {
      let offset = user &- region.request.userStart
      if offset < region.request.byteCount, UInt64(byteCount) <= region.request.byteCount - offset {
        return unsafe region.start + Int(offset)
      }
    }
    return nil
  }
}
