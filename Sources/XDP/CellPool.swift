// Who holds which cell of the shared memory area.
//
// A cell is held by a batch that lends its frame, and by each queue to which it was given for sending or
// for receiving; the number of holders is a plain count, for one worker owns them all. With no holder it is
// free. So a frame that is flooded to several ports is in all their rings at once, and comes back when
// the last has sent it.
//
// Free cells are used again last in, first out: their lines are still in the cache.
//
// Memory: 2 bytes of count and 4 of the free list for each cell.
//
// Invariant: a cell is in the free list exactly when its count is 0.

internal import Base
internal import Glibc

/// The counts and the free list of an area's cells.
///
/// - Thread: one worker. Changing it changes only the memory behind the pointers, never the struct.
@safe
package struct CellPool: ~Copyable {
  let capacity: Int
  private let holders: UnsafeMutablePointer<UInt16>
  private let free: UnsafeMutablePointer<UInt32>
  private let freeCells: UnsafeMutablePointer<Int>

  /// All cells free.
  package init(capacity: Int) {
    self.capacity = capacity
    // SAFETY: room for `capacity` of each and for one number, initialised here and freed in `deinit`.
    unsafe holders = .allocate(capacity: capacity)
    unsafe holders.initialize(repeating: 0, count: capacity)
    unsafe free = .allocate(capacity: capacity)
    for cell in 0..<capacity { unsafe (free + cell).initialize(to: UInt32(capacity - 1 - cell)) }
    unsafe freeCells = .allocate(capacity: 1)
    unsafe freeCells.initialize(to: capacity)
  }

  deinit {
    // SAFETY: allocated by `init`; nothing outside has these pointers.
    unsafe holders.deallocate()
    unsafe free.deallocate()
    unsafe freeCells.deallocate()
  }

  // SAFETY: one number, initialised by `init`.
  package var freeCount: Int { unsafe freeCells.pointee }

  /// A free cell, with one holder now; nil when there is none.
  @inline(__always)
  package func take() -> Int? {
    // SAFETY: the free list holds `freeCount` cells, each below `capacity`.
    let count = unsafe freeCells.pointee
    guard count > 0 else { return nil }
    unsafe freeCells.pointee = count &- 1
    let cell = Int(unsafe free[count &- 1])
    unsafe holders[cell] = 1
    return cell
  }

  /// One more holder; false when a cell has as many as can be counted.
  @inline(__always)
  package func hold(_ cell: Int) -> Bool {
    check(cell)
    // SAFETY: the cell was checked.
    let count = unsafe holders[cell]
    guard count < UInt16.max else { return false }
    unsafe holders[cell] = count &+ 1
    return true
  }

  /// One holder less; the last one leaves the cell free.
  @inline(__always)
  package func letGo(_ cell: Int) {
    check(cell)
    // SAFETY: the cell was checked; by the invariant the free list has room for one that was held.
    let count = unsafe holders[cell]
    precondition(count > 0, "nobody holds this cell")
    unsafe holders[cell] = count &- 1
    guard count == 1 else { return }
    unsafe free[freeCells.pointee] = UInt32(truncatingIfNeeded: cell)
    unsafe freeCells.pointee += 1
  }

  /// How many hold a cell.
  package func holderCount(_ cell: Int) -> Int {
    check(cell)
    // SAFETY: the cell was checked.
    return Int(unsafe holders[cell])
  }

  @inline(__always)
  private func check(_ cell: Int) {
    precondition(UInt(bitPattern: cell) < UInt(bitPattern: capacity), "no such cell")
  }
}

/// How often one queue holds each cell, so that all of them come back when it closes.
///
/// Memory: a byte for each cell.
/// - Thread: as `CellPool`.
@safe
package final class HeldCells {
  let capacity: Int
  private let counts: UnsafeMutablePointer<UInt8>

  package init(capacity: Int) {
    self.capacity = capacity
    // SAFETY: `capacity` bytes, initialised here and freed in `deinit`.
    unsafe counts = .allocate(capacity: capacity)
    unsafe counts.initialize(repeating: 0, count: capacity)
  }

  // SAFETY: allocated by `init`; nothing outside has the pointer.
  deinit { unsafe counts.deallocate() }

  /// Notes one more; false when a byte cannot count it.
  @inline(__always)
  package func add(_ cell: Int) -> Bool {
    check(cell)
    // SAFETY: the cell was checked.
    let count = unsafe counts[cell]
    guard count < UInt8.max else { return false }
    unsafe counts[cell] = count &+ 1
    return true
  }

  /// Notes one less.
  @inline(__always)
  package func remove(_ cell: Int) {
    check(cell)
    // SAFETY: the cell was checked.
    let count = unsafe counts[cell]
    precondition(count > 0, "the queue does not hold this cell")
    unsafe counts[cell] = count &- 1
  }

  /// Lets go of everything.
  package func letGoAll(in pool: borrowing CellPool) {
    for cell in 0..<capacity {
      // SAFETY: the cell is below `capacity`.
      while unsafe counts[cell] > 0 {
        remove(cell)
        pool.letGo(cell)
      }
    }
  }

  @inline(__always)
  private func check(_ cell: Int) {
    precondition(UInt(bitPattern: cell) < UInt(bitPattern: capacity), "no such cell")
  }
}

// SAFETY: each owns its memory alone; sending it sends everything.
extension CellPool: @unchecked Sendable {}
extension HeldCells: @unchecked Sendable {}
