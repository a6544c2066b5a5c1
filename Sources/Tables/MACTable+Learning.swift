// Putting addresses in: learned on a port, announced beyond an uplink, or told by the plan.

public import Base

/// What became of an address that a port was seen to use.
public enum LearnResult: Equatable, Sendable {
  /// Known at this port; its age was refreshed.
  case known
  /// New.
  case added
  /// Was at another port, or external; now here.
  case moved
  /// Belongs to a port by the plan; nothing was changed.
  case isStatic
  /// New, and the table is full; nothing was changed.
  case full
}

extension MACTable {
  /// Notes that `port` sends from an address that it is known to have, idle for long or not.
  ///
  /// - Returns: false when the address is not learned at this port; nothing was changed.
  /// - Cost: the lines of a lookup; a write at most once a second.
  @inlinable @inline(__always)
  public mutating func refresh(_ key: MACKey, port: UInt16, nowSeconds: UInt32) -> Bool {
    guard let (bucket, slot) = position(of: key) else { return false }
    let entry = MACEntry(port: port, kind: .learned, seenSeconds: nowSeconds)
    let known = buckets[bucket].values[slot]
    // Nearly every frame: seen here within this second.
    if known == entry.packed { return true }
    guard known & MACEntry.placeMask == entry.packed & MACEntry.placeMask else { return false }
    buckets[bucket].values[slot] = entry.packed
    return true
  }

  /// Where a raw key is learned at `port`, for `refresh`; -1 when it is not, -2 when it is and was seen in
  /// this second, so that there is nothing to note.
  ///
  /// - Cost: one cache line, or two.
  @inlinable @inline(__always)
  public mutating func place(of key: UInt64, port: UInt16, nowSeconds: UInt32) -> Int {
    let (first, second) = homes(of: key)
    var bucket = first
    var slot = buckets[first].slot(of: key)
    if slot == nil {
      bucket = second
      slot = buckets[second].slot(of: key)
    }
    guard let slot else { return -1 }
    let value = buckets[bucket].values[slot]
    let fresh = MACEntry(port: port, kind: .learned, seenSeconds: nowSeconds).packed
    if value == fresh { return -2 }
    return (value ^ fresh) & MACEntry.placeMask == 0 ? bucket &<< 2 | slot : -1
  }

  /// Notes that an address was seen now at the place where it is learned.
  @inlinable @inline(__always)
  public mutating func refresh(_ place: Int, nowSeconds: UInt32) {
    let (bucket, slot) = (place &>> 2, place & 3)
    let value = buckets[bucket].values[slot]
    buckets[bucket].values[slot] = value & MACEntry.placeMask | UInt64(nowSeconds) << 32
  }

  /// Notes that `port` sends from a learned address.
  public mutating func learn(_ key: MACKey, port: UInt16, nowSeconds: UInt32) -> LearnResult {
    record(key, MACEntry(port: port, kind: .learned, seenSeconds: nowSeconds))
  }

  /// Notes that an address was announced beyond the uplink `port`.
  public mutating func learnExternal(_ key: MACKey, uplink port: UInt16, nowSeconds: UInt32)
    -> LearnResult
  {
    record(key, MACEntry(port: port, kind: .external, seenSeconds: nowSeconds))
  }

  /// Gives an address to a port by the plan, over whatever was known.
  ///
  /// - Returns: false when no slot is to be had, which needs more static entries than slots.
  public mutating func setStatic(_ key: MACKey, port: UInt16) -> Bool {
    let entry = MACEntry(port: port, kind: .static, seenSeconds: 0)
    if let (bucket, slot) = position(of: key) {
      replace(bucket, slot, with: entry)
      return true
    }
    return insert(key, entry)
  }

  mutating func record(_ key: MACKey, _ entry: MACEntry) -> LearnResult {
    guard key.rawValue >> 16 != 0 else { return .full }
    guard let (bucket, slot) = position(of: key) else {
      guard count - staticCount < capacity, insert(key, entry) else { return .full }
      return .added
    }
    let known = MACEntry(packed: buckets[bucket].values[slot])
    if known.kind == .static { return .isStatic }
    if known.port == entry.port && known.kind == entry.kind {
      if known.seenSeconds != entry.seenSeconds { buckets[bucket].values[slot] = entry.packed }
      return .known
    }
    replace(bucket, slot, with: entry)
    return .moved
  }

  /// Where a key is, expired or not.
  @inlinable @inline(__always)
  func position(of key: MACKey) -> (bucket: Int, slot: Int)? {
    let (first, second) = homes(of: key.rawValue)
    if let slot = buckets[first].slot(of: key.rawValue) { return (first, slot) }
    if let slot = buckets[second].slot(of: key.rawValue) { return (second, slot) }
    return nil
  }

  mutating func replace(_ bucket: Int, _ slot: Int, with entry: MACEntry) {
    account(MACEntry(packed: buckets[bucket].values[slot]), by: -1)
    buckets[bucket].values[slot] = entry.packed
    account(entry, by: 1)
  }

  /// Keeps the counts in step with an entry that comes (`by: 1`) or goes (`by: -1`).
  mutating func account(_ entry: MACEntry, by change: Int) {
    changes &+= 1
    count += change
    if entry.kind == .static {
      staticCount += change
    } else {
      dynamicCounts[Int(entry.port)] = UInt32(Int(dynamicCounts[Int(entry.port)]) + change)
    }
  }
}
