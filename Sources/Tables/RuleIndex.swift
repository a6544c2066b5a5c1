// Filing the rules of a set: which condition each is looked up by. Runs when a plan is compiled.
//
// Two passes. The first counts, for every exact condition of every rule, how many rules share it; the second
// files each rule under the condition with the smallest count. Of equal ones that wins whose kind is the
// most common, so that there are few classes.
//
// A list of single ports is as exact as one port: the rule is filed under each of them. A range is not,
// beyond `largestPortCount` ports.

internal import Base

/// What a rule set is searched with.
struct RuleIndex {
  /// A rule with a list of at most this many ports is filed under each of them.
  static let largestPortCount = 16

  /// A condition that a rule may be filed under: these bits have one of these values.
  struct Condition {
    var mask: FlowKey
    var values: [FlowKey]
  }

  private(set) var classes: [RuleClass] = []
  private(set) var slots: [RuleSlot] = []
  private(set) var filed: [UInt32] = []

  init(_ rules: [CompiledRule], _ ranges: [PortRange], _ hash: FlowHash) {
    let conditions = rules.map { rule in
      rule.isImpossible ? [] : Self.conditions(of: rule, ranges)
    }
    var rulesOfMask: [FlowKey: Int] = [:]
    var rulesOfValue: [FlowKey: [FlowKey: Int]] = [:]
    for condition in conditions.joined() {
      rulesOfMask[condition.mask, default: 0] += 1
      for value in condition.values {
        rulesOfValue[condition.mask, default: [:]][value, default: 0] += 1
      }
    }
    var members: [FlowKey: [FlowKey: [UInt32]]] = [:]
    for (number, ofRule) in conditions.enumerated() {
      let best = ofRule.min { left, right in
        let first = Self.share(of: left, rulesOfValue)
        let second = Self.share(of: right, rulesOfValue)
        if first != second { return first < second }
        return rulesOfMask[left.mask, default: 0] > rulesOfMask[right.mask, default: 0]
      }
      guard let best else { continue }
      for value in best.values {
        members[best.mask, default: [:]][value, default: []].append(UInt32(number))
      }
    }
    file(members, hash)
  }

  /// How many rules share the most common value of a condition.
  private static func share(of condition: Condition, _ counts: [FlowKey: [FlowKey: Int]]) -> Int {
    let ofMask = counts[condition.mask, default: [:]]
    return condition.values.map { ofMask[$0, default: 0] }.max() ?? .max
  }

  /// The exact conditions of a rule. The last looks at nothing, and every rule has it.
  private static func conditions(of rule: CompiledRule, _ ranges: [PortRange]) -> [Condition] {
    var conditions: [Condition] = []
    let add = { (mask: FlowKey) in
      if mask != FlowKey() && !conditions.contains(where: { $0.mask == mask }) {
        conditions.append(Condition(mask: mask, values: [rule.value.masked(by: mask)]))
      }
    }
    var mask = FlowKey()
    (mask.sourceHigh, mask.sourceLow) = (rule.mask.sourceHigh, rule.mask.sourceLow)
    add(mask)
    mask = FlowKey()
    (mask.destinationHigh, mask.destinationLow) = (
      rule.mask.destinationHigh, rule.mask.destinationLow
    )
    add(mask)
    for ports in [FlowKey.sourcePortMask, FlowKey.destinationPortMask]
    where rule.mask.transport & ports != 0 {
      mask = FlowKey()
      mask.transport = rule.mask.transport & (ports | FlowKey.protocolMask)
      add(mask)
    }
    for bits in [~UInt64(0xFFFF), 0xFFFF] {
      mask = FlowKey()
      mask.sourceLink = rule.mask.sourceLink & bits
      add(mask)
    }
    for bits in [~UInt64(0xFFFF), FlowKey.vlanMask] {
      mask = FlowKey()
      mask.destinationLink = rule.mask.destinationLink & bits
      add(mask)
    }
    mask = FlowKey()
    mask.transport = rule.mask.transport & FlowKey.protocolMask
    add(mask)
    let first = Int(rule.firstRange)
    let middle = first + Int(rule.sourceRanges)
    addList(ports: ranges[first..<middle], shift: 48, of: rule, to: &conditions)
    addList(
      ports: ranges[middle..<middle + Int(rule.destinationRanges)], shift: 32, of: rule,
      to: &conditions)
    return conditions + [Condition(mask: FlowKey(), values: [FlowKey()])]
  }

  /// Adds a short list of ports as a condition, the rule's protocol with them.
  private static func addList(
    ports: ArraySlice<PortRange>, shift: UInt64, of rule: CompiledRule,
    to conditions: inout [Condition]
  ) {
    let count = ports.reduce(0) { $0 + max(0, Int($1.last) - Int($1.first) + 1) }
    guard (1...largestPortCount).contains(count) else { return }
    var mask = FlowKey()
    mask.transport = rule.mask.transport & FlowKey.protocolMask | 0xFFFF << shift
    let values = Set(ports.flatMap { $0.first...$0.last }).map { port in
      var value = FlowKey()
      value.transport = rule.value.transport & FlowKey.protocolMask | UInt64(port) << shift
      return value
    }
    conditions.append(Condition(mask: mask, values: values))
  }

  /// Lays the classes out flat, by their lowest rules.
  private mutating func file(_ members: [FlowKey: [FlowKey: [UInt32]]], _ hash: FlowHash) {
    classes = members.map { mask, values in
      let lowest = values.values.compactMap(\.first).min() ?? .max
      return RuleClass(mask: mask, lowestRule: lowest)
    }
    // Two classes may share their lowest rule only if both hold it, and no rule is in two.
    classes.sort { $0.lowestRule < $1.lowestRule }
    var lists: [UInt64: [UInt32]] = [:]
    for (number, ruleClass) in classes.enumerated() {
      for (value, rules) in members[ruleClass.mask, default: [:]] {
        lists[hash(value) &+ UInt64(number), default: []] += rules
      }
    }
    var slotCount = 2
    while slotCount < lists.count * 2 { slotCount *= 2 }
    slots = Array(repeating: RuleSlot(hash: 0, first: 0, count: 0), count: slotCount)
    for (wanted, rules) in lists.sorted(by: { $0.key < $1.key }) {
      var place = Int(truncatingIfNeeded: wanted >> 20) & (slotCount - 1)
      while slots[place].count > 0 { place = (place + 1) & (slotCount - 1) }
      slots[place] = RuleSlot(
        hash: wanted, first: UInt32(filed.count), count: UInt32(rules.count))
      filed += rules.sorted()
    }
  }
}
