// Rules as they were declared, turned into rules as the tables read them.
//
// A list is cut in two: what holds for frames into the switch and what holds for frames out of it, each in
// the order of the list. The tables know a rule by its place in its half, which `declaredRule` turns back.

internal import Base
internal import Model
internal import Tables
internal import Wire

extension Model.FilterDirection {
  func holds(on way: Model.FilterDirection) -> Bool { self == .both || self == way }
}

extension Model.FilterRule {
  /// A VLAN that no frame has: a rule that asks for it matches nothing, and keeps its place.
  private static let noVLAN: ClosedRange<UInt16> = 4096...4096

  /// The rule as the tables read it. More ranges of ports than they take in one rule make several.
  ///
  /// `hidesTags`: the port has no tags, so that a rule which asks for one never matches.
  func compiled(hidesTags: Bool) -> [Tables.FilterRule] {
    var rule = Tables.FilterRule(action.compiled)
    rule.sourceMAC = sourceMAC.map { .init($0.address, mask: $0.mask) }
    rule.destinationMAC = destinationMAC.map { .init($0.address, mask: $0.mask) }
    rule.etherType = etherType
    rule.vlans = vlan.map { hidesTags ? Self.noVLAN : $0.range }
    rule.source = source
    rule.destination = destination
    rule.protocol = `protocol`
    rule.tcpFlags = tcpFlags.map {
      .init(TCP.Flags(rawValue: $0.set), mask: TCP.Flags(rawValue: $0.set | $0.clear))
    }
    rule.fragment = fragment
    return sourcePorts.parts.flatMap { sources in
      destinationPorts.parts.map { destinations in
        rule.sourcePorts = sources
        rule.destinationPorts = destinations
        return rule
      }
    }
  }

  /// How many rules of the tables this one makes.
  var partCount: Int { sourcePorts.parts.count * destinationPorts.parts.count }
}

extension Model.FilterAction {
  fileprivate var compiled: Tables.FilterAction {
    switch self {
    case .allow: .allow
    case .drop: .drop
    case .tag(let cos, let dscp): .tag(cos: cos, dscp: dscp)
    }
  }
}

extension [FilterRange] {
  /// The ranges, as many at a time as a rule of the tables takes; one empty part for every port.
  fileprivate var parts: [[ClosedRange<UInt16>]] {
    guard count > Tables.FilterRule.largestRangeCount else { return [map(\.range)] }
    return stride(from: 0, to: count, by: Tables.FilterRule.largestRangeCount).map { start in
      self[start..<Swift.min(start + Tables.FilterRule.largestRangeCount, count)].map(\.range)
    }
  }
}

extension [Model.FilterRule] {
  /// The half of the list for one way.
  func compiled(_ way: FilterDirection, hidesTags: Bool) -> [Tables.FilterRule] {
    filter { $0.direction.holds(on: way) }.flatMap { $0.compiled(hidesTags: hidesTags) }
  }

  /// The rule behind a place in the compiled half for one way.
  func declaredRule(_ place: Int, _ way: FilterDirection) -> Model.FilterRule? {
    var left = place
    for rule in self where rule.direction.holds(on: way) {
      left -= rule.partCount
      if left < 0 { return rule }
    }
    return nil
  }
}
