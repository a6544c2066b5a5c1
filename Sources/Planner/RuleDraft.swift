// The filters of a plan in the making. Lists are long and shared by many ports: each is compiled where it
// was declared, once, and equal halves of different lists are kept once.

internal import Base
internal import Model
internal import Tables

/// The rule sets of a port: numbers in the plan plus 1, 0 for none.
struct RuleNumbers {
  var ingress: UInt16 = 0
  var egress: UInt16 = 0
}

struct RuleDraft {
  /// What a flow key has room for, 0 being no rules.
  static let setLimit = 0x7FFF

  /// Who declared a list; a port's own is no other port's.
  private struct Place: Hashable {
    var portgroup: String?
    var hidesTags: Bool
  }

  private var pool = ValuePool<[Tables.FilterRule]>()
  private var known: [Place: RuleNumbers] = [:]

  var sets: [[Tables.FilterRule]] { pool.values }

  /// The numbers of a filter that holds for a port of a port group.
  mutating func add(
    _ filter: Effective<[Model.FilterRule]>, portgroup: String, hidesTags: Bool
  ) throws(DraftError) -> RuleNumbers {
    switch filter.source {
    case .default: return RuleNumbers()
    case .port: return try add(filter.value, hidesTags: hidesTags)
    case .portgroup, .switch:
      let owner = filter.source == .switch ? nil : portgroup
      let place = Place(portgroup: owner, hidesTags: hidesTags)
      if let numbers = known[place] { return numbers }
      let numbers = try add(filter.value, hidesTags: hidesTags)
      known[place] = numbers
      return numbers
    }
  }

  /// The numbers of a list.
  mutating func add(_ rules: [Model.FilterRule], hidesTags: Bool) throws(DraftError) -> RuleNumbers
  {
    guard rules.count <= TopologyLimit.rulesOfAFilter else {
      throw DraftError(
        why: "a filter has \(rules.count) rules; the most are \(TopologyLimit.rulesOfAFilter)",
        remedy: "put fewer rules into it")
    }
    return RuleNumbers(
      ingress: try number(of: rules.compiled(.ingress, hidesTags: hidesTags)),
      egress: try number(of: rules.compiled(.egress, hidesTags: hidesTags)))
  }

  private mutating func number(of rules: [Tables.FilterRule]) throws(DraftError) -> UInt16 {
    guard !rules.isEmpty else { return 0 }
    let number = pool.number(of: rules) + 1
    guard number <= Self.setLimit else {
      throw DraftError(
        why: "its ports have more than \(Self.setLimit) different filters",
        remedy: "give port groups a filter instead of their ports")
    }
    return UInt16(number)
  }
}
