// The flow table: verdicts of keys that were asked for before, so that their cost does not depend on
// the number of rules.
//
// Sets of four entries, each entry one cache line. Beside the entries each set has a word of tags, 15 bits of
// each entry's hash and a bit that it was used: a lookup reads that word and then the one entry
// that it points at. An entry holds for one generation; with a new plan comes a new generation, and
// everything that was known is void without being touched.
//
// Replacement. A new flow takes a free place (never used, or of another generation), else the fourth place,
// which is on probation. A flow that is hit there moves, against the first place that was not hit since the last
// such attempt; when all were, the attempt only clears their marks. So:
//   - flows seen once, however many, replace each other and never an established flow;
//   - to evict one established flow takes three frames of one other flow of its set (one to come in,
//     two hits) while it has none itself. Which flows share a set depends on the seed.
// An evicted flow costs its next frame one look at the rules, nothing else.

public import Base

/// A key and what is known of it: one cache line.
@frozen
@usableFromInline
struct FlowEntry: BitwiseCopyable, Sendable {
  @usableFromInline
  var key: FlowKey
  @usableFromInline
  var verdict: FilterVerdict
  /// 0 was never used.
  @usableFromInline
  var generation: UInt32

  @inlinable
  init(key: FlowKey, verdict: FilterVerdict, generation: UInt32) {
    self.key = key
    self.verdict = verdict
    self.generation = generation
  }
}

/// Verdicts by masked key.
///
/// - Thread: one worker. Nothing is allocated after `init`.
public struct FlowTable: ~Copyable, Sendable {
  /// What an entry takes: one cache line.
  public static let entryBytes = 64
  /// A power of two.
  public let capacity: Int
  /// Lookups that found a verdict.
  @inlinable
  public var hits: UInt64 { hitCount }
  /// Lookups that did not.
  @inlinable
  public var misses: UInt64 { missCount }
  @usableFromInline
  var hitCount: UInt64 = 0
  @usableFromInline
  var missCount: UInt64 = 0
  @usableFromInline
  var entries: FixedArray<FlowEntry>
  /// Four tags of 16 bits: 15 of the hash, never zero, and on top "hit since the last attempt".
  @usableFromInline
  var tags: FixedArray<UInt64>
  @usableFromInline
  let hash: FlowHash

  /// An empty table. Traps unless `capacity` is a power of two, 8 to 16 M.
  public init(capacity: Int = 65_536, seed: UInt64) {
    precondition(
      MemoryLayout<FlowKey>.size == 56 && MemoryLayout<FlowEntry>.stride == Self.entryBytes,
      "an entry is a cache line")
    precondition(
      capacity >= 8 && capacity <= 1 << 24 && capacity & (capacity - 1) == 0,
      "a flow table holds a power of two of entries")
    self.capacity = capacity
    hash = FlowHash(seed: seed)
    entries = FixedArray(
      repeating: FlowEntry(key: FlowKey(), verdict: .allow, generation: 0), count: capacity)
    tags = FixedArray(repeating: 0, count: capacity / 4)
  }

  /// What the table takes.
  public static func memoryBytes(capacity: Int) -> Int { capacity * entryBytes + capacity / 4 * 8 }

  /// The verdict of a masked key, unless it is not known in this generation.
  ///
  /// - Cost: two cache lines for a hit, one for a miss; 8 ns, and 16 ns with 30,000 flows in use.
  @inlinable @inline(__always)
  public mutating func lookup(_ key: FlowKey, generation: UInt32) -> FilterVerdict? {
    let hashed = hash(key)
    let set = self.set(of: hashed)
    let word = tags[set]
    // A zero in each 16-bit lane whose tag is the wanted one; the mark on top does not count.
    let wanted = Self.tag(of: hashed) &* 0x0001_0001_0001_0001
    let differences = (word ^ wanted) & 0x7FFF_7FFF_7FFF_7FFF
    var found = ~(differences &+ 0x7FFF_7FFF_7FFF_7FFF) & 0x8000_8000_8000_8000
    while found != 0 {
      let way = found.trailingZeroBitCount >> 4
      let place = set << 2 | way
      if entries[place].key == key && entries[place].generation == generation {
        let verdict = entries[place].verdict
        if way == 3 {
          promote(set)
        } else if word & (0x8000 << UInt64(way << 4)) == 0 {
          tags[set] = word | 0x8000 << UInt64(way << 4)
        }
        hitCount &+= 1
        return verdict
      }
      found &= found &- 1
    }
    missCount &+= 1
    return nil
  }

  /// Notes a verdict that `lookup` did not know. The generation is not 0.
  public mutating func insert(_ key: FlowKey, generation: UInt32, verdict: FilterVerdict) {
    let hashed = hash(key)
    let set = self.set(of: hashed)
    var way = 0
    while way < 3 && entries[set << 2 | way].generation == generation { way += 1 }
    entries[set << 2 | way] = FlowEntry(key: key, verdict: verdict, generation: generation)
    let lane = UInt64(way << 4)
    tags[set] = tags[set] & ~(0xFFFF << lane) | Self.tag(of: hashed) << lane
  }

  /// Reads the tags of a key, for nothing but to have them in the cache soon.
  @inlinable @inline(__always)
  public func readAhead(_ key: FlowKey) -> UInt64 { tags[set(of: hash(key))] }

  /// Forgets the counts; the flows stay.
  public mutating func resetCounts() { (hitCount, missCount) = (0, 0) }

  /// A flow on probation was hit: it trades places with the first that was not, if there is one.
  @usableFromInline
  mutating func promote(_ set: Int) {
    let word = tags[set]
    for way in 0..<3 where word & (0x8000 << UInt64(way << 4)) == 0 {
      let (established, newcomer) = (entries[set << 2 | way], entries[set << 2 | 3])
      entries[set << 2 | way] = newcomer
      entries[set << 2 | 3] = established
      let lane = UInt64(way << 4)
      let (old, new) = (word >> lane & 0xFFFF, word >> 48 & 0x7FFF)
      tags[set] = word & ~(0xFFFF << lane | 0xFFFF << 48) | (new | 0x8000) << lane | old << 48
      return
    }
    tags[set] = word & 0x7FFF_7FFF_7FFF_7FFF
  }

  @inlinable @inline(__always)
  func set(of hashed: UInt64) -> Int {
    Int(truncatingIfNeeded: hashed >> 16) & (tags.count - 1)
  }

  /// 15 bits that choose nothing else, never zero: a zero tag is a place that was never used.
  @inlinable @inline(__always)
  static func tag(of hashed: UInt64) -> UInt64 { max(hashed & 0x7FFF, 1) }
}
