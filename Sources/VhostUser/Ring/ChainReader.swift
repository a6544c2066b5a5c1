// Following a chain of descriptors (virtio 1.2, 2.7.5.1 and 2.7.5.3), which the guest may have made to
// harm: in a circle, without an end, into memory that is not its own, and while we read it.
//
// Each descriptor is copied before it is judged; a table of them (indirect) is copied as a whole. A chain
// has at most `descriptorsMax` entries and `piecesMax` pieces of memory, so the work is bounded.

internal import CLinux

/// A piece of guest memory that was checked.
@safe
struct ChainPiece: BitwiseCopyable {
  var start: UnsafeMutableRawPointer
  var byteCount: Int
  /// Where the guest has it, for the log.
  var guestAddress: UInt64
}

/// The pieces of one chain, or of several that are filled together.
///
/// Memory: 1,280 pieces, 1,024 descriptors and 512 heads, 54 KiB.
/// - Thread: whoever has entered `PortRings`.
@safe
struct ChainReader: ~Copyable {
  static let descriptorsMax = 1_024
  static let piecesMax = 1_280
  /// 64 KiB in buffers of 128 bytes.
  static let headsMax = 512

  /// A chain that is filled together with others.
  struct Head: BitwiseCopyable {
    var number: UInt16
    var byteCount: Int
  }

  private let pieces: UnsafeMutablePointer<ChainPiece>
  private let table: UnsafeMutableRawPointer
  private let heads: UnsafeMutablePointer<Head>
  private(set) var pieceCount = 0
  private(set) var byteCount = 0

  init() {
    // SAFETY: sized here, freed in `deinit`.
    unsafe pieces = .allocate(capacity: Self.piecesMax)
    unsafe table = .allocate(
      byteCount: Self.descriptorsMax * RingDescriptor.byteCount, alignment: 16)
    unsafe table.initializeMemory(
      as: UInt8.self, repeating: 0, count: Self.descriptorsMax * RingDescriptor.byteCount)
    unsafe heads = .allocate(capacity: Self.headsMax)
    unsafe heads.initialize(repeating: Head(number: 0, byteCount: 0), count: Self.headsMax)
  }

  // SAFETY: allocated by `init`; nothing keeps a pointer past a call.
  deinit {
    unsafe pieces.deallocate()
    unsafe table.deallocate()
    unsafe heads.deallocate()
  }

  /// Where whoever fills several chains notes them.
  @inline(__always)
  func note(_ head: Head, at index: Int) {
    precondition(index >= 0 && index < Self.headsMax, "no such head")
    // SAFETY: checked.
    unsafe heads[index] = head
  }

  @inline(__always)
  func head(_ index: Int) -> Head {
    precondition(index >= 0 && index < Self.headsMax, "no such head")
    // SAFETY: checked.
    return unsafe heads[index]
  }

  mutating func removeAll() {
    pieceCount = 0
    byteCount = 0
  }

  subscript(index: Int) -> ChainPiece {
    precondition(index >= 0 && index < pieceCount, "no such piece")
    // SAFETY: pieces below `pieceCount` were written by `add`.
    return unsafe pieces[index]
  }
}

// MARK: - Walking

extension ChainReader {
  /// What a chain must be.
  struct Rules: BitwiseCopyable {
    var isForWriting: Bool
    var allowsIndirect: Bool
  }

  /// Adds the pieces of the chain that starts at `head`; the broken rule, or nil.
  mutating func add(
    _ head: UInt16, of ring: GuestRing, _ memory: inout MemoryView, _ rules: Rules
  ) -> CutOffReason? {
    guard head < ring.size else { return .headOutOfRange }
    var index = head
    for _ in 0..<min(Int(ring.size), Self.descriptorsMax) {
      let descriptor = ring.descriptor(index)
      if descriptor.isIndirect {
        guard rules.allowsIndirect, !descriptor.hasNext else { return .badIndirectTable }
        return addTable(descriptor, &memory, rules)
      }
      if let reason = add(descriptor, &memory, rules) { return reason }
      guard descriptor.hasNext else { return nil }
      guard descriptor.next < ring.size else { return .nextOutOfRange }
      index = descriptor.next
    }
    return .chainTooLong
  }

  private mutating func addTable(
    _ table: RingDescriptor, _ memory: inout MemoryView, _ rules: Rules
  ) -> CutOffReason? {
    let bytes = Int(table.length)
    let count = bytes / RingDescriptor.byteCount
    guard count > 0, count <= Self.descriptorsMax, bytes % RingDescriptor.byteCount == 0 else {
      return .badIndirectTable
    }
    guard copyTable(table.address, bytes, &memory) else { return .addressOutsideMemory }
    var index = 0
    for _ in 0..<count {
      // SAFETY: `index < count`, whose descriptors were just copied.
      let descriptor = unsafe RingDescriptor(
        at: self.table + index * RingDescriptor.byteCount)
      guard !descriptor.isIndirect else { return .badIndirectTable }
      if let reason = add(descriptor, &memory, rules) { return reason }
      guard descriptor.hasNext else { return nil }
      guard Int(descriptor.next) < count else { return .nextOutOfRange }
      index = Int(descriptor.next)
    }
    return .chainTooLong
  }

  /// A private copy of a table; it may cross from one region into the next.
  private func copyTable(_ address: UInt64, _ bytes: Int, _ memory: inout MemoryView) -> Bool {
    var done = 0
    while done < bytes {
      guard let part = unsafe memory.part(at: address &+ UInt64(done)),
        let start = part.baseAddress
      else { return false }
      let count = min(part.count, bytes - done)
      // SAFETY: `count` bytes are left in the part and in the table.
      unsafe clinux_copy(table + done, start, count)
      done += count
    }
    return true
  }

  @inline(__always)
  private mutating func add(
    _ descriptor: RingDescriptor, _ memory: inout MemoryView, _ rules: Rules
  ) -> CutOffReason? {
    // SAFETY: only addresses that the view has found are handed on.
    guard descriptor.isWritable == rules.isForWriting else { return .wrongDirection }
    let length = Int(descriptor.length)
    if let start = unsafe memory.find(descriptor.address, UInt64(descriptor.length)) {
      return unsafe add(start, length, descriptor.address)
    }
    return addAcross(descriptor.address, length, &memory)
  }

  /// A buffer that crosses from one region into the next.
  @inline(never)
  private mutating func addAcross(
    _ address: UInt64, _ length: Int, _ memory: inout MemoryView
  ) -> CutOffReason? {
    var done = 0
    // SAFETY: as `add`.
    while done < length {
      let place = address &+ UInt64(done)
      guard let part = unsafe memory.part(at: place), let start = part.baseAddress else {
        return .addressOutsideMemory
      }
      let count = min(part.count, length - done)
      if let reason = unsafe add(start, count, place) { return reason }
      done += count
    }
    return nil
  }

  /// - Unsafe: `count` bytes at `start` are memory of the view.
  @unsafe
  private mutating func add(
    _ start: UnsafeMutableRawPointer, _ count: Int, _ address: UInt64
  ) -> CutOffReason? {
    guard count > 0 else { return nil }
    guard pieceCount < Self.piecesMax else { return .chainTooLong }
    // SAFETY: there is room for one more.
    unsafe pieces[pieceCount] = ChainPiece(
      start: start, byteCount: count, guestAddress: address)
    pieceCount += 1
    byteCount += count
    return nil
  }
}

// MARK: - Bytes

extension ChainReader {
  /// What came of copying a chain.
  enum Copy {
    /// This many bytes.
    case copied(Int)
    /// More than there is room for; nothing was copied.
    case tooLong
    case broken(CutOffReason)
  }

  /// Follows a chain and copies what it holds.
  ///
  /// - Unsafe: `room` is memory of our own.
  @unsafe
  mutating func copy(
    _ head: UInt16, of ring: GuestRing, _ memory: inout MemoryView, _ rules: Rules,
    to room: UnsafeMutableRawBufferPointer
  ) -> Copy {
    removeAll()
    if let reason = add(head, of: ring, &memory, rules) { return .broken(reason) }
    guard byteCount <= room.count, let destination = room.baseAddress else { return .tooLong }
    var done = 0
    for index in 0..<pieceCount {
      // SAFETY: pieces were checked, and there is room for all of them.
      let piece = unsafe pieces[index]
      unsafe clinux_copy(destination + done, piece.start, piece.byteCount)
      done += piece.byteCount
    }
    return .copied(done)
  }

  /// A place in the chain, to write on from.
  struct Cursor: BitwiseCopyable {
    fileprivate var piece = 0
    fileprivate var offset = 0
    init() {}
  }

  /// Writes bytes on from a place. Traps beyond the end of the chain.
  ///
  /// - Unsafe: `count` bytes are readable at `source`.
  @unsafe
  func write(
    _ source: UnsafeRawPointer, _ count: Int, at cursor: inout Cursor, _ log: DirtyLog
  ) {
    var done = 0
    while done < count {
      precondition(cursor.piece < pieceCount, "beyond the end of the chain")
      // SAFETY: the piece exists; `part` bytes are left in it and at the source.
      let piece = unsafe pieces[cursor.piece]
      let part = min(piece.byteCount - cursor.offset, count - done)
      unsafe clinux_copy(piece.start + cursor.offset, source + done, part)
      if log.isOn { log.mark(piece.guestAddress &+ UInt64(cursor.offset), UInt64(part)) }
      done += part
      cursor.offset += part
      if cursor.offset == piece.byteCount {
        cursor.piece += 1
        cursor.offset = 0
      }
    }
  }
}
