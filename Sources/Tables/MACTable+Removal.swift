// Taking addresses out: by the plan, with their port, by age, and on request.

internal import Base
public import Wire

extension MACTable {
  /// Forgets one address. Does nothing when it is unknown.
  public mutating func remove(_ key: MACKey) {
    guard let (bucket, slot) = position(of: key) else { return }
    clear(bucket, slot)
  }

  /// Forgets what was learned at a port or announced beyond it; its static entries stay.
  ///
  /// - Returns: how many entries went.
  /// - Cost: a pass over the whole table, unless the port has no such entry. For changes of
  ///   configuration, not for frames.
  @discardableResult
  public mutating func flush(port: UInt16) -> Int {
    guard dynamicCounts[Int(port)] > 0 else { return 0 }
    return removeAll { _, entry in entry.kind != .static && entry.port == port }
  }

  /// Forgets what was learned or announced of an address, in those VLANs for which `isIncluded` holds.
  ///
  /// - Cost: a pass over the whole table.
  public mutating func flush(_ address: MACAddress, inVLANs isIncluded: (UInt16) -> Bool) {
    _ = removeAll { key, entry in
      key.address == address && entry.kind != .static && isIncluded(key.vlan)
    }
  }

  /// Forgets everything that was learned or announced; static entries stay.
  @discardableResult
  public mutating func flush() -> Int { removeAll { _, entry in entry.kind != .static } }

  /// Removes expired entries from the next `bucketCount` buckets, going round the table.
  ///
  /// Frees room only: an expired entry is not found anyway.
  public mutating func sweep(bucketCount: Int, nowSeconds: UInt32) {
    for _ in 0..<min(bucketCount, buckets.count) {
      for slot in 0..<4 where buckets[sweepBucket].keys[slot] != 0 {
        if current(MACEntry(packed: buckets[sweepBucket].values[slot]), nowSeconds: nowSeconds)
          == nil
        {
          clear(sweepBucket, slot)
        }
      }
      sweepBucket = (sweepBucket + 1) & (buckets.count - 1)
    }
  }

  /// How many buckets there are: what a full sweep takes.
  public var bucketCount: Int { buckets.count }

  /// The next entry at or after `cursor`, which moves past it; nil at the end. Start with 0.
  ///
  /// Entries may be added and removed between calls; one that stays is not missed unless an insertion
  /// moves it.
  public func next(_ cursor: inout Int) -> (key: MACKey, entry: MACEntry)? {
    while cursor < buckets.count * 4 {
      let (bucket, slot) = (cursor / 4, cursor % 4)
      cursor += 1
      let key = buckets[bucket].keys[slot]
      if key != 0 {
        return (MACKey(rawValue: key), MACEntry(packed: buckets[bucket].values[slot]))
      }
    }
    return nil
  }

  private mutating func removeAll(where isUnwanted: (MACKey, MACEntry) -> Bool) -> Int {
    let before = count
    for bucket in buckets.indices {
      for slot in 0..<4 where buckets[bucket].keys[slot] != 0 {
        let key = MACKey(rawValue: buckets[bucket].keys[slot])
        let entry = MACEntry(packed: buckets[bucket].values[slot])
        if isUnwanted(key, entry) { clear(bucket, slot) }
      }
    }
    return before - count
  }

  private mutating func clear(_ bucket: Int, _ slot: Int) {
    account(MACEntry(packed: buckets[bucket].values[slot]), by: -1)
    buckets[bucket].keys[slot] = 0
  }
}
