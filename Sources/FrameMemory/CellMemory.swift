// Memory in cells of one size, chained: what `FrameStore` keeps its frames in.
//
// Free cells are a list, the last given back first: its pages and cache lines are warm. Cells that were
// never used come after those, so that pages are touched only when that many frames wait at once.
//
// Invariant: a chain taken for `byteCount` has as many cells as hold them, and ends with -1.

internal import Base
internal import Wire

/// A fixed number of cells, each free or in one chain.
@safe
struct CellMemory: ~Copyable {
  static let cellBytes = 2_048

  let capacity: Int
  private(set) var freeCount: Int
  private let memory: UnsafeMutableRawPointer
  /// The next cell of the chain, or of the free list.
  private var links: FixedArray<Int32>
  private var firstFree: Int32 = -1
  /// Cells from here on were never used.
  private var usedLimit = 0

  init(capacity: Int) {
    precondition(TransportLayout.headerLimitBytes <= Self.cellBytes)
    precondition(capacity > 0 && capacity < Int(Int32.max), "a store has 1 to 2^31 - 2 cells")
    self.capacity = capacity
    freeCount = capacity
    // SAFETY: `capacity` cells, freed in `deinit`; large blocks come from fresh pages, which cost nothing
    // until they are touched.
    unsafe memory = .allocate(byteCount: capacity * Self.cellBytes, alignment: 64)
    links = FixedArray(repeating: -1, count: capacity)
  }

  // SAFETY: allocated by `init`, and no pointer outlives a call.
  deinit { unsafe memory.deallocate() }

  /// How many cells hold this many bytes; at least one.
  static func cellCount(byteCount: Int) -> Int { max((byteCount + cellBytes - 1) / cellBytes, 1) }

  /// The start of a cell.
  @unsafe
  private func address(_ cell: Int) -> UnsafeMutableRawPointer {
    precondition(cell >= 0 && cell < capacity, "no such cell")
    // SAFETY: the number was checked.
    return unsafe memory + cell * Self.cellBytes
  }
}

// MARK: - Chains

extension CellMemory {
  /// Takes cells for as many bytes. Traps when there are not enough: ask `freeCount` first.
  ///
  /// - Returns: the first cell.
  mutating func takeChain(byteCount: Int) -> Int {
    let first = takeCell()
    var last = first
    for _ in 1..<Self.cellCount(byteCount: byteCount) {
      let cell = takeCell()
      links[last] = Int32(cell)
      last = cell
    }
    links[last] = -1
    return first
  }

  private mutating func takeCell() -> Int {
    precondition(freeCount > 0, "no cell is free")
    freeCount -= 1
    if firstFree >= 0 {
      let cell = Int(firstFree)
      firstFree = links[cell]
      return cell
    }
    usedLimit += 1
    return usedLimit - 1
  }

  /// Gives all cells of a chain back.
  mutating func giveBack(chain first: Int) {
    var cell = Int32(first)
    while cell >= 0 {
      let next = links[Int(cell)]
      links[Int(cell)] = firstFree
      firstFree = cell
      freeCount += 1
      cell = next
    }
  }
}

// MARK: - Bytes

extension CellMemory {
  /// Writes a frame into a chain that was taken for its length.
  mutating func write(_ bytes: RawSpan, to first: Int) {
    copy(bytes, to: first, at: 0)
  }

  /// Writes a piece of a frame into a chain that was taken for its length.
  mutating func write(_ cut: SegmentCut, of bytes: RawSpan, headerBytes: Int, to first: Int) {
    precondition(headerBytes <= Self.cellBytes, "headers lie in one cell")
    // SAFETY: `headerBytes` fit the first cell; nothing else touches it during the call.
    var headers = unsafe MutableRawSpan(_unsafeStart: address(first), byteCount: headerBytes)
    cut.writeHeaders(of: bytes, tag: .none, checksum: .partial, into: &headers)
    copy(bytes.extracting(cut.payload), to: first, at: headerBytes)
  }

  /// Copies bytes into a chain, from a place in its first cell on.
  private mutating func copy(_ bytes: RawSpan, to first: Int, at start: Int) {
    var cell = first
    var place = start
    var done = 0
    while done < bytes.byteCount {
      if place == Self.cellBytes {
        cell = Int(links[cell])
        place = 0
      }
      let count = min(bytes.byteCount - done, Self.cellBytes - place)
      // SAFETY: `place + count` is within the cell, whose number is checked.
      let destination = unsafe address(cell) + place
      unsafe bytes.extracting(done..<done + count).withUnsafeBytes { source in
        guard let start = source.baseAddress else { return }
        unsafe destination.copyMemory(from: start, byteCount: source.count)
      }
      done += count
      place += count
    }
  }

  /// Adds the frame that a chain holds to a batch. Traps when the batch is full or its slots too small.
  mutating func append(chain first: Int, _ frame: StoredFrame, to batch: inout FrameBatch) {
    let byteCount = Int(frame.byteCount)
    precondition(
      !batch.isFull && byteCount <= batch.frameCapacityBytes, "no room for the frame")
    // SAFETY: the slot holds headroom and `frameCapacityBytes`, and the length was checked against it.
    let destination = unsafe batch.slotAddress(batch.count) + FrameBatch.headroomBytes
    var cell = first
    var done = 0
    while done < byteCount {
      let count = min(byteCount - done, Self.cellBytes)
      // SAFETY: both ranges lie within their memory: the cell's number is checked.
      unsafe (destination + done).copyMemory(from: address(cell), byteCount: count)
      done += count
      if done < byteCount { cell = Int(links[cell]) }
    }
    batch.append(
      Frame(
        offset: UInt32(FrameBatch.headroomBytes), byteCount: frame.byteCount,
        ingress: frame.ingress, tag: frame.tag, offload: frame.offload))
  }
}

// SAFETY: the cells are owned alone; sending them sends everything.
extension CellMemory: @unchecked Sendable {}
