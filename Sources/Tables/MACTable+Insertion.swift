// Finding a slot for a new key: an empty one in either home, or one made empty by moving others.

internal import Base

/// The most entries moved for one insertion. At the load allowed (half), random keys need none or one;
/// the bound is for keys that were chosen badly, and then the table says `full`.
private let longestPath = 32

extension MACTable {
  /// Puts a key that is not in the table into it; false when no slot can be made free.
  mutating func insert(_ key: MACKey, _ entry: MACEntry) -> Bool {
    let (first, second) = homes(of: key.rawValue)
    if let slot = buckets[first].slot(of: 0) ?? makeRoom(in: first, unless: second) {
      store(key.rawValue, entry.packed, first, slot)
    } else if let slot = buckets[second].slot(of: 0) {
      store(key.rawValue, entry.packed, second, slot)
    } else {
      return false
    }
    account(entry, by: 1)
    return true
  }

  /// Empties a slot of a full bucket by moving a chain of entries to their other homes.
  ///
  /// The chain is found first and moved afterwards from its end, so a failed search changes nothing.
  /// - Returns: the slot that is free now, or nil; nil at once when the key's other home has room.
  private mutating func makeRoom(in start: Int, unless other: Int) -> Int? {
    if buckets[other].slot(of: 0) != nil { return nil }
    var path: [32 of (bucket: Int, slot: Int)] = .init(repeating: (0, 0))
    var bucket = start
    for length in 0..<longestPath {
      guard let slot = unusedSlot(of: bucket, path, length) else { return nil }
      path[length] = (bucket, slot)
      let homes = homes(of: buckets[bucket].keys[slot])
      bucket = homes.0 == bucket ? homes.1 : homes.0
      if let free = buckets[bucket].slot(of: 0) {
        shift(path, length, into: (bucket, free))
        return path[0].slot
      }
    }
    return nil
  }

  /// A slot of the bucket that the path does not use yet; the first try depends on the length, so that
  /// a path which comes back to a bucket leaves it another way.
  private func unusedSlot(
    of bucket: Int, _ path: [32 of (bucket: Int, slot: Int)], _ length: Int
  ) -> Int? {
    for attempt in 0..<4 {
      let slot = (length + attempt) & 3
      var isUsed = false
      for step in 0..<length where path[step] == (bucket, slot) { isUsed = true }
      if !isUsed { return slot }
    }
    return nil
  }

  private mutating func shift(
    _ path: [32 of (bucket: Int, slot: Int)], _ last: Int, into end: (bucket: Int, slot: Int)
  ) {
    var target = end
    for step in stride(from: last, through: 0, by: -1) {
      let source = path[step]
      store(
        buckets[source.bucket].keys[source.slot], buckets[source.bucket].values[source.slot],
        target.bucket, target.slot)
      target = source
    }
    buckets[target.bucket].keys[target.slot] = 0
  }

  private mutating func store(_ key: UInt64, _ value: UInt64, _ bucket: Int, _ slot: Int) {
    buckets[bucket].keys[slot] = key
    buckets[bucket].values[slot] = value
  }
}
