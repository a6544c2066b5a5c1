// A part of a file of the front end, mapped: what is behind a range of the guest's memory.
//
// Only files that the kernel keeps in memory (tmpfs, hugetlbfs) are taken: a page of another file system
// could come from a disk, a network or a process of the guest's owner (FUSE), and whoever touches it would
// wait for as long as they like. A file that is shorter than it claims is refused here; one that shrinks
// later is caught when it is touched (CLinux, `clinux_memory_map`).

internal import CLinux
package import Linux

/// Becomes true when memory of one front end was lost.
///
/// - Thread: set by a signal handler in any thread, read by any.
@safe
package final class LossFlag: Sendable {
  // SAFETY: allocated here, freed in `deinit`; all accesses are atomic.
  nonisolated(unsafe) let address: UnsafeMutablePointer<UInt32>

  package init() {
    // SAFETY: one number, written before anybody sees it.
    unsafe address = .allocate(capacity: 1)
    unsafe address.initialize(to: 0)
  }

  // SAFETY: allocated by `init`.
  deinit { unsafe address.deallocate() }

  // SAFETY: alive as long as this object.
  package var isSet: Bool { unsafe clinux_load32(address) != 0 }
}

/// What a message says about one region.
package struct RegionRequest: Hashable, Sendable {
  package var guestStart: UInt64
  package var byteCount: UInt64
  package var userStart: UInt64
  package var fileOffset: UInt64

  package init(guestStart: UInt64, byteCount: UInt64, userStart: UInt64, fileOffset: UInt64) {
    self.guestStart = guestStart
    self.byteCount = byteCount
    self.userStart = userStart
    self.fileOffset = fileOffset
  }

  /// No address of it wraps around, and it is not empty.
  var isPossible: Bool {
    byteCount > 0
      && !guestStart.addingReportingOverflow(byteCount).overflow
      && !userStart.addingReportingOverflow(byteCount).overflow
      && !fileOffset.addingReportingOverflow(byteCount).overflow
      && fileOffset + byteCount < UInt64(Int64.max) / 2
  }

  /// The two have an address in common.
  func overlaps(_ other: RegionRequest) -> Bool {
    func meet(_ first: UInt64, _ second: UInt64) -> Bool {
      first < second + other.byteCount && second < first + byteCount
    }
    return meet(guestStart, other.guestStart) || meet(userStart, other.userStart)
  }
}

/// A mapping with an owner: unmapped when nobody uses it any more.
@safe
package final class MappedRegion: Sendable {
  package let request: RegionRequest
  /// The byte at `request.guestStart`.
  // SAFETY: mapped from `init` to `deinit`.
  nonisolated(unsafe) let start: UnsafeMutableRawPointer
  // SAFETY: as `start`.
  private nonisolated(unsafe) let mapping: UnsafeMutableRawPointer
  private let mappingBytes: UInt64
  private let guardNumber: Int32
  private let loss: LossFlag

  /// Maps a region of an open file; the descriptor may be closed afterwards.
  package init(
    _ request: RegionRequest, of file: borrowing Descriptor, loss: LossFlag
  ) throws(CutOffReason) {
    var fileBytes: UInt64 = 0
    var pageBytes: UInt64 = 0
    // SAFETY: numbers that live for the calls; the mapping starts within what was mapped.
    let kind = unsafe clinux_memory_kind(file.number, &fileBytes, &pageBytes)
    guard kind == CLINUX_MEMORY_SHARED.rawValue || kind == CLINUX_MEMORY_HUGE.rawValue,
      pageBytes.nonzeroBitCount == 1
    else { throw .foreignMemory }
    guard request.isPossible else { throw .badMemoryTable }
    guard request.fileOffset + request.byteCount <= fileBytes else { throw .memoryTooSmall }
    let offset = request.fileOffset & ~(pageBytes - 1)
    let skipped = request.fileOffset - offset
    mappingBytes = (skipped + request.byteCount + pageBytes - 1) & ~(pageBytes - 1)
    var number: Int32 = -1
    guard
      let mapping = unsafe clinux_memory_map(
        file.number, offset, mappingBytes, loss.address, &number)
    else { throw .mappingFailed }
    unsafe self.mapping = mapping
    unsafe start = mapping + Int(skipped)
    guardNumber = number
    self.request = request
    self.loss = loss
  }

  // SAFETY: mapped by `init` with these numbers; whoever uses the memory holds this object.
  deinit { unsafe clinux_memory_unmap(mapping, mappingBytes, guardNumber) }
}
