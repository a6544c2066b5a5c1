// The MAC table: which port has this address in this VLAN.
//
// A hash table of cache lines. Each line is a bucket of four keys and their four values, and a key lives
// in one of two buckets, so a lookup touches one line, seldom two, and never more, however the keys were
// chosen. An insertion that finds both buckets full moves others to their second bucket (cuckoo hashing,
// Pagh and Rodler 2001; four slots a bucket, Erlingsson et al. 2006); there are twice as many slots as
// entries allowed, so that this is rare and a path is found within a few steps.
//
// Bounds: `capacity` learned and external entries. Full means `.full`: the caller decides (drop or forward
// unlearned); no entry is thrown out for a new one, because a guest that invents addresses must not make
// the switch forget those of others. Static entries, one for each port, use the slots beyond `capacity`.
//
// Ageing is exact for the reader: an entry older than `ageingSeconds` is not found, whether or not the
// sweep has removed it.

public import Base

/// Four keys and their values: one cache line.
@frozen
@usableFromInline
struct MACBucket: BitwiseCopyable, Sendable {
  /// Raw keys; 0 is an empty slot (the zero address is never stored).
  @usableFromInline
  var keys: [4 of UInt64]
  @usableFromInline
  var values: [4 of UInt64]

  @usableFromInline
  static let empty = MACBucket(keys: .init(repeating: 0), values: .init(repeating: 0))

  @inlinable
  init(keys: [4 of UInt64], values: [4 of UInt64]) {
    self.keys = keys
    self.values = values
  }

  /// Where a key is in the bucket, or nil. All four are compared, without a branch for each: which of
  /// them it is cannot be predicted.
  @inlinable @inline(__always)
  func slot(of key: UInt64) -> Int? {
    let hits =
      (keys[0] == key ? 1 : 0) | (keys[1] == key ? 2 : 0) | (keys[2] == key ? 4 : 0)
      | (keys[3] == key ? 8 : 0)
    return hits == 0 ? nil : hits.trailingZeroBitCount
  }
}

/// MAC addresses by VLAN: static, learned and external.
///
/// - Thread: one worker. Nothing is allocated after `init`.
public struct MACTable: ~Copyable, Sendable {
  /// Learned and external entries together stay within this.
  public let capacity: Int
  /// Idle learned and external entries are forgotten after this long.
  public var ageingSeconds: UInt32
  /// Entries in the table, expired ones that the sweep has not met included.
  public internal(set) var count = 0
  @usableFromInline
  var buckets: FixedArray<MACBucket>
  @usableFromInline
  let seed: UInt64
  /// Entries of each port that are not static.
  var dynamicCounts: FixedArray<UInt32>
  var staticCount = 0
  /// Moves on with every entry that comes, goes or moves.
  public internal(set) var changes: UInt32 = 0
  var sweepBucket = 0

  /// An empty table for ports below `portCapacity`. The seed keeps guests from aiming at one bucket.
  public init(capacity: Int, portCapacity: Int, ageingSeconds: UInt32 = 300, seed: UInt64) {
    precondition(capacity > 0 && capacity <= 1 << 24, "a MAC table holds 1 to 16 M entries")
    self.capacity = capacity
    self.ageingSeconds = ageingSeconds
    self.seed = seed
    let slots = Self.slotCount(capacity: capacity, portCapacity: portCapacity)
    buckets = FixedArray(repeating: .empty, count: slots / 4)
    dynamicCounts = FixedArray(repeating: 0, count: portCapacity)
  }

  /// What the table takes: 16 bytes for each slot, 4 for each port.
  public static func memoryBytes(capacity: Int, portCapacity: Int) -> Int {
    slotCount(capacity: capacity, portCapacity: portCapacity) * 16 + portCapacity * 4
  }

  /// A power of two: twice the entries allowed, and half as many again as with every port's own address.
  private static func slotCount(capacity: Int, portCapacity: Int) -> Int {
    let wanted = max(capacity * 2, (capacity + portCapacity) * 3 / 2)
    var slots = 32
    while slots < wanted { slots *= 2 }
    return slots
  }

  /// Learned entries of a port, or external ones of an uplink; expired ones until they are swept.
  public func dynamicCount(ofPort port: UInt16) -> Int { Int(dynamicCounts[Int(port)]) }

  /// Asks for the line where a raw key most likely is: it is looked up soon.
  @inlinable @inline(__always)
  public func prefetch(_ key: UInt64) { buckets.prefetch(homes(of: key).0) }

  /// The two buckets of a key. They may be the same.
  @inlinable @inline(__always)
  func homes(of key: UInt64) -> (Int, Int) {
    var mixed = (key ^ seed) &* 0x9E37_79B9_7F4A_7C15
    mixed ^= mixed >> 32
    mixed = mixed &* 0xD6E8_FEB8_6659_FD93
    let mask = buckets.count &- 1
    return (
      Int(truncatingIfNeeded: mixed >> 40) & mask, Int(truncatingIfNeeded: mixed >> 12) & mask
    )
  }

  /// The entry of a key, unless it is unknown or too old.
  ///
  /// - Cost: one cache line, or two.
  @inlinable @inline(__always)
  public func find(_ key: MACKey, nowSeconds: UInt32) -> MACEntry? {
    let (first, second) = homes(of: key.rawValue)
    if let slot = buckets[first].slot(of: key.rawValue) {
      return current(MACEntry(packed: buckets[first].values[slot]), nowSeconds: nowSeconds)
    }
    if let slot = buckets[second].slot(of: key.rawValue) {
      return current(MACEntry(packed: buckets[second].values[slot]), nowSeconds: nowSeconds)
    }
    return nil
  }

  /// The port where a raw key is; nil when it is not known, too old, or external.
  @inlinable @inline(__always)
  public mutating func localPort(of key: UInt64, nowSeconds: UInt32) -> UInt16? {
    let home = homes(of: key).0
    guard let slot = buckets[home].slot(of: key) else {
      return localPortElsewhere(key, nowSeconds: nowSeconds)
    }
    return localPort(buckets[home].values[slot], nowSeconds: nowSeconds)
  }

  // Changes nothing; a borrowing call that is not inlined would copy the table's own fields.
  @inlinable @inline(never)
  mutating func localPortElsewhere(_ key: UInt64, nowSeconds: UInt32) -> UInt16? {
    let second = homes(of: key).1
    guard let slot = buckets[second].slot(of: key) else { return nil }
    return localPort(buckets[second].values[slot], nowSeconds: nowSeconds)
  }

  @inlinable @inline(__always)
  func localPort(_ packed: UInt64, nowSeconds: UInt32) -> UInt16? {
    let kind = UInt8(truncatingIfNeeded: packed >> 16)
    let age = nowSeconds &- UInt32(truncatingIfNeeded: packed >> 32)
    let isLocal =
      kind == MACEntry.Kind.static.rawValue
      || (kind == MACEntry.Kind.learned.rawValue && age <= ageingSeconds)
    return isLocal ? UInt16(truncatingIfNeeded: packed) : nil
  }

  /// The entry itself, or nil when it is too old.
  @inlinable @inline(__always)
  public func current(_ entry: MACEntry, nowSeconds: UInt32) -> MACEntry? {
    entry.kind == .static || nowSeconds &- entry.seenSeconds <= ageingSeconds ? entry : nil
  }
}
