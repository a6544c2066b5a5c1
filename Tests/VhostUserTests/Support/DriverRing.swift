// The driver's side of a split virtqueue, as plainly as possible (virtio 1.2, 2.7): it offers chains and
// takes back what was used.

/// One ring in a guest's memory.
final class DriverRing {
  /// A piece of memory by the guest's addresses.
  struct Piece: Equatable {
    var address: UInt64
    var count: Int
  }

  let file: GuestFile
  let size: Int
  /// Offsets in the file.
  let descriptors: Int
  let available: Int
  let used: Int
  var availableIndex: UInt16
  var usedIndex: UInt16
  private var free: [UInt16]
  /// The descriptors of each chain that is out, by its head.
  private var chains: [UInt16: [UInt16]] = [:]

  /// Lies at `offset` of the file, with room for `bytes(size)`. Goes on at an index.
  init(_ file: GuestFile, at offset: Int, size: Int, index: UInt16 = 0) {
    self.file = file
    self.size = size
    descriptors = offset
    available = offset + 16 * size
    used = (available + 6 + 2 * size + 3) & ~3
    availableIndex = index
    usedIndex = index
    free = (0..<UInt16(size)).reversed()
    file.store(index, at: available + 2)
    file.store(index, at: used + 2)
  }

  static func bytes(_ size: Int) -> Int { 16 * size + 6 + 2 * size + 4 + 6 + 8 * size + 16 }

  var freeCount: Int { free.count }

  func setDescriptor(
    _ index: Int, address: UInt64, length: UInt32, flags: UInt16, next: UInt16
  ) {
    Self.write(file, descriptors + 16 * index, address, length, flags, next)
  }

  static func write(
    _ file: GuestFile, _ offset: Int, _ address: UInt64, _ length: UInt32, _ flags: UInt16,
    _ next: UInt16
  ) {
    file.store(address, at: offset)
    file.store(length, at: offset + 8)
    file.store(flags, at: offset + 12)
    file.store(next, at: offset + 14)
  }

  /// Offers a chain; nil when there are not enough descriptors.
  ///
  /// - `table`: where an indirect table goes, as an offset in the file and a guest address.
  @discardableResult
  func offer(_ pieces: [Piece], writable: Bool, table: (offset: Int, address: UInt64)? = nil)
    -> UInt16?
  {
    let writeFlag: UInt16 = writable ? 2 : 0
    let needed = table == nil ? pieces.count : 1
    guard needed <= free.count, needed > 0 else { return nil }
    let taken = (0..<needed).map { _ in free.removeLast() }
    if let table {
      for (place, piece) in pieces.enumerated() {
        let isLast = place == pieces.count - 1
        Self.write(
          file, table.offset + 16 * place, piece.address, UInt32(piece.count),
          writeFlag | (isLast ? 0 : 1), isLast ? 0 : UInt16(place + 1))
      }
      setDescriptor(
        Int(taken[0]), address: table.address, length: UInt32(16 * pieces.count), flags: 4, next: 0)
    } else {
      for (place, piece) in pieces.enumerated() {
        let isLast = place == pieces.count - 1
        setDescriptor(
          Int(taken[place]), address: piece.address, length: UInt32(piece.count),
          flags: writeFlag | (isLast ? 0 : 1), next: isLast ? 0 : taken[place + 1])
      }
    }
    chains[taken[0]] = taken
    publish(taken[0])
    return taken[0]
  }

  /// Makes a head available, whatever it is.
  func publish(_ head: UInt16) {
    file.store(head, at: available + 4 + 2 * (Int(availableIndex) % size))
    availableIndex &+= 1
    file.store(availableIndex, at: available + 2)
  }

  /// What was used since the last time, in order.
  func takeUsed() -> [(head: UInt16, length: Int)] {
    var result: [(head: UInt16, length: Int)] = []
    let end = file.load(UInt16.self, at: used + 2)
    while usedIndex != end {
      let entry = used + 4 + 8 * (Int(usedIndex) % size)
      let head = UInt16(file.load(UInt32.self, at: entry))
      result.append((head, Int(file.load(UInt32.self, at: entry + 4))))
      free += chains.removeValue(forKey: head) ?? []
      usedIndex &+= 1
    }
    return result
  }

  // What either side asks the other for.
  var noNotify: Bool { file.load(UInt16.self, at: used) & 1 != 0 }
  var availableEvent: UInt16 { file.load(UInt16.self, at: used + 4 + 8 * size) }
  func setNoInterrupt(_ value: Bool) { file.store(UInt16(value ? 1 : 0), at: available) }
  func setUsedEvent(_ index: UInt16) { file.store(index, at: available + 4 + 2 * size) }
}
