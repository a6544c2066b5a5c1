// An ordered set of rules, of which the first that matches decides; where none does, the frame passes.
//
// Asked on a miss of the flow table only, and still not by trying rule after rule. Each rule is filed under
// one of its exact conditions (an address prefix, a port with its protocol, a MAC address, a VLAN, an
// EtherType), namely that which it shares with the fewest other rules; ranges are only compared.
// Rules filed under the same kind of condition (same bits, other values: "the first 24 bits of the destination")
// make a class with a hash table, so that a frame asks each class once. A rule without any exact condition is
// in the class that looks at no bit: the rest list. The lowest rule found wins.
//
//   classes, by their lowest rule   mask ──hash(key & mask)──> slot ──> filed rules, lowest first
//
// Why not the alternatives: a decision tree (HyperCuts) copies rules with wide ranges many times over; full
// tuple space search (Srinivasan 1999, what Open vSwitch does) has a class for each combination of lengths.
// One condition alone gives at most a class for each prefix length, 330 in all, ten in real sets; 10,000
// rules leave a handful of candidates.
//
// Bound: the lookup is linear in the rules that share their most selective condition, all of them in a set made
// of ranges alone. Classes that begin behind the best rule found are not asked.

public import Base

/// Which bits the rules of a class were filed by, and the lowest of them.
@frozen
@usableFromInline
struct RuleClass: BitwiseCopyable, Sendable {
  @usableFromInline
  var mask: FlowKey
  @usableFromInline
  var lowestRule: UInt32
}

/// The rules filed under one value. Two values with the same hash share a slot, which costs a
/// comparison and is not wrong: each candidate is compared whole.
@frozen
@usableFromInline
struct RuleSlot: BitwiseCopyable, Sendable {
  @usableFromInline
  var hash: UInt64
  @usableFromInline
  var first: UInt32
  /// 0 is an empty slot.
  @usableFromInline
  var count: UInt32
}

/// What a rule wants of a frame's protocol and ports, ranges left out.
@frozen
@usableFromInline
struct TransportScreen: BitwiseCopyable, Sendable {
  @usableFromInline
  let mask: UInt64
  @usableFromInline
  let value: UInt64

  init(_ rule: CompiledRule) {
    mask =
      rule.mask.transport
      & (FlowKey.protocolMask | FlowKey.sourcePortMask | FlowKey.destinationPortMask)
    value = rule.value.transport & mask
  }
}

/// The rules of a port group or a port in one direction, compiled.
///
/// - Thread: any; nothing changes after `init`.
public struct RuleSet: ~Copyable, Sendable {
  /// Which bits any rule looks at, the rule set number included: what else differs between two
  /// frames makes no difference here, so that they share a flow.
  public let fieldMask: FlowKey
  public let ruleCount: Int
  let rules: FixedArray<CompiledRule>
  let ranges: FixedArray<PortRange>
  let classes: FixedArray<RuleClass>
  let slots: FixedArray<RuleSlot>
  /// Rule numbers, those of each slot in order.
  let filed: FixedArray<UInt32>
  let hash: FlowHash
  /// For a short set, what each rule wants of protocol and ports; empty for a long one.
  @usableFromInline
  let screens: FixedArray<TransportScreen>
  /// The longest set for which asking each rule is cheaper than a lookup.
  private static let longestScreenedCount = 8

  /// Compiles rules. Traps on more than `FilterVerdict.largestRuleCount`.
  ///
  /// - Cost: some microseconds for each rule; for changes of configuration.
  public init(_ rules: [FilterRule], seed: UInt64) {
    var ranges: [PortRange] = []
    let compiled = rules.enumerated().map { number, rule in
      CompiledRule(rule, number: number, ranges: &ranges)
    }
    var fields = FlowKey()
    fields.transport = FlowKey.ruleSetMask
    for rule in compiled where !rule.isImpossible { fields.formUnion(rule.fieldMask) }
    let hash = FlowHash(seed: seed)
    let index = RuleIndex(compiled, ranges, hash)
    fieldMask = fields
    ruleCount = rules.count
    self.rules = FixedArray(compiled)
    self.ranges = FixedArray(ranges)
    classes = FixedArray(index.classes)
    slots = FixedArray(index.slots)
    filed = FixedArray(index.filed)
    self.hash = hash
    let isShort = rules.count <= Self.longestScreenedCount
    screens = FixedArray(
      isShort ? compiled.filter { !$0.isImpossible }.map(TransportScreen.init) : [])
    isScreened = isShort
  }

  /// Whether a verdict may differ between two frames of one flow: some rule asks for TCP flags.
  public var looksAtFlags: Bool { fieldMask.transport & FlowKey.hasFlagsBit != 0 }

  /// Whether `excludes` can say anything.
  public let isScreened: Bool

  /// Whether protocol and ports alone show that no rule of a short set matches a frame.
  ///
  /// - `transport`: as in a key; ports that the frame does not have may be anything.
  @inlinable @inline(__always)
  public func excludes(_ transport: UInt64) -> Bool {
    for index in 0..<screens.count
    where transport & screens[index].mask == screens[index].value { return false }
    return true
  }

  /// Without rules every frame passes; nothing need be asked.
  public var isEmpty: Bool { ruleCount == 0 }

  /// How many hash tables a lookup asks at most.
  public var classCount: Int { classes.count }

  /// What the set takes, its own fields not counted.
  public var memoryBytes: Int {
    rules.count * MemoryLayout<CompiledRule>.stride + ranges.count * MemoryLayout<PortRange>.stride
      + classes.count * MemoryLayout<RuleClass>.stride
      + slots.count * MemoryLayout<RuleSlot>.stride + filed.count * MemoryLayout<UInt32>.stride
  }

  /// The verdict of the first rule that matches, or `.allow` without a rule.
  ///
  /// - Cost: a cache line or two for each class, some for each candidate; 10,000 mixed rules, 40 ns.
  public func match(_ key: FlowKey) -> FilterVerdict {
    var best = UInt32(ruleCount)
    for index in 0..<classes.count {
      // In order of their lowest rules: no later class can do better.
      if classes[index].lowestRule >= best { break }
      let wanted = hash(key.masked(by: classes[index].mask)) &+ UInt64(index)
      var place = Int(truncatingIfNeeded: wanted >> 20) & (slots.count - 1)
      while slots[place].count > 0 {
        if slots[place].hash == wanted {
          best = lowest(in: slots[place], key, below: best)
          break
        }
        place = (place + 1) & (slots.count - 1)
      }
    }
    return best < ruleCount ? rules[Int(best)].verdict : .allow
  }

  @inline(__always)
  private func lowest(in slot: RuleSlot, _ key: FlowKey, below best: UInt32) -> UInt32 {
    for place in Int(slot.first)..<Int(slot.first + slot.count) {
      let number = filed[place]
      if number >= best { return best }
      if matches(key, Int(number)) { return number }
    }
    return best
  }

  @inline(__always)
  private func matches(_ key: FlowKey, _ number: Int) -> Bool {
    guard key.matches(rules[number].value, under: rules[number].mask) else { return false }
    let (vlan, first) = (key.vlan, Int(rules[number].firstRange))
    let (sources, all) = (
      Int(rules[number].sourceRanges),
      Int(rules[number].sourceRanges) + Int(rules[number].destinationRanges)
    )
    return vlan >= rules[number].firstVLAN && vlan <= rules[number].lastVLAN
      && isIn(first..<first + sources, key.sourcePort)
      && isIn(first + sources..<first + all, key.destinationPort)
  }

  /// Whether a port is in one of some ranges; it is when there are none.
  @inline(__always)
  private func isIn(_ places: Range<Int>, _ port: UInt16) -> Bool {
    if places.isEmpty { return true }
    for place in places where ranges[place].first <= port && port <= ranges[place].last {
      return true
    }
    return false
  }
}
