// What is heard: reports, which make members, and queries, which show where routers are.
//
// A report of an older version is a record of the newest. While a host of IGMPv1, IGMPv2 or MLDv1 is
// taken to be behind a port, what only newer hosts mean is passed over there: it would take groups and
// sources from a host that cannot ask for them (RFC 3376, 7.3.2; RFC 3810, 8.3.2).

public import Base
internal import Tables
public import Wire

extension GroupMembership {
  /// Takes a message that came in at a port.
  ///
  /// Drain `nextQuery` afterwards: a group that was left is asked for at once.
  /// - Cost: in the number of records, and of members of their groups.
  public mutating func receive(
    _ message: borrowing GroupMessage, port: Int, isUplink: Bool, vlan: UInt16,
    now: MonotonicTime
  ) {
    let vlan = vlan & 0xFFF
    if message.isQuery {
      heardQuery(message, port: port, isUplink: isUplink, vlan: vlan, now: now)
      return
    }
    guard !isUplink else { return }
    let timing = timing(message.family, vlan, now)
    var cursor = 0
    while let record = message.next(&cursor) {
      guard !Self.isAlwaysFlooded(record.group) else { continue }
      var given = GroupSources()
      var isComplete = true
      for index in 0..<record.sourceCount where isComplete {
        isComplete = given.insert(message.source(index, of: record))
      }
      if !isComplete { sourceOverflowCount += 1 }
      apply(
        Report(
          kind: record.kind, group: record.group, given: given, isComplete: isComplete,
          family: message.family, version: message.version),
        port: port, vlan: vlan, timing)
    }
  }

  /// One record of a message, with its sources in place.
  struct Report {
    var kind: GroupRecordKind
    var group: IPAddress
    var given: GroupSources
    /// Every source of the record is in `given`.
    var isComplete: Bool
    var family: GroupFamily
    var version: Int

    /// A host of IGMPv2 or MLDv1 (or IGMPv1) is behind the port; `kind` is a current state then.
    var isOlder: Bool { version < (family == .v4 ? 3 : 2) }

    /// From a port that is no member it changes nothing.
    var asksForNothing: Bool {
      switch kind {
      case .block: true
      case .isInclude, .toInclude, .allow: isComplete && given.isEmpty
      case .isExclude, .toExclude: false
      }
    }
  }

  private mutating func apply(
    _ report: Report, port: Int, vlan: UInt16, _ timing: MembershipTiming
  ) {
    var report = report
    let group = find(report.group, vlan)
    var known = group.flatMap { member(port, of: $0) }
    if let index = known {
      members[index].expire(timing.now)
      if members[index].isOver {
        removeMember(index)
        known = nil
      }
    }
    if known == nil, report.asksForNothing { return }
    guard let index = known ?? addMember(port, of: report.group, vlan, now: timing.now) else {
      overflow(port, vlan, until: timing.membershipEnd)
      return
    }
    if report.isOlder, report.kind == .isExclude {
      if report.version == 1, report.family == .v4 {
        members[index].version1End = timing.membershipEnd
      } else {
        members[index].version2End = timing.membershipEnd
      }
    }
    if members[index].translate(&report, timing.now) {
      let fits = members[index].apply(
        report.kind, report.given, isComplete: report.isComplete, timing)
      if !fits, report.isComplete { sourceOverflowCount += 1 }
    }
    settle(index)
  }

  /// Gives a port everything in a VLAN, because what it asked for found no room.
  mutating func overflow(_ port: Int, _ vlan: UInt16, until end: MonotonicTime) {
    fullCount += 1
    overflows[Int(vlan)].ports.insert(port)
    overflows[Int(vlan)].end = max(overflows[Int(vlan)].end, end)
    nextOverflowEnd = min(nextOverflowEnd, overflows[Int(vlan)].end)
  }

  /// Gives a port everything in a VLAN for as long as a membership lasts: what it asked for is not known.
  public mutating func giveAll(port: Int, vlan: UInt16, now: MonotonicTime) {
    for family in [GroupFamily.v4, .v6] {
      overflow(port, vlan & 0xFFF, until: timing(family, vlan & 0xFFF, now).membershipEnd)
    }
  }

  /// Forgets everything about a port: it was detached, moved away or changed its VLAN.
  ///
  /// - Cost: a pass over all members.
  public mutating func remove(port: Int) {
    for index in members.indices
    where members[index].group >= 0 && members[index].port == UInt16(port) {
      removeMember(index)
    }
    for index in routers.indices where routers[index].port == UInt16(port) {
      routers[index] = RouterPort()
    }
    for index in asks.indices where asks[index].port == UInt16(port) {
      asks[index] = PortAsk()
    }
    if nextOverflowEnd != .never {
      for vlan in overflows.indices { overflows[vlan].ports.remove(port) }
    }
  }

  /// Does what is due by now, apart from queries.
  ///
  /// Drain `nextQuery` first: a query that was not taken is still due.
  /// - Returns: when to do both again at the latest.
  public mutating func tick(now: MonotonicTime) -> MonotonicTime {
    // What is over is looked for ten times a second at most.
    let sweepDue = max(nextEnd, lastSweep.advanced(byMilliseconds: 100))
    if nextEnd != .never, sweepDue <= now { sweepMembers(now) }
    if nextRouterEnd <= now { sweepRouters(now) }
    if nextOverflowEnd <= now { sweepOverflows(now) }
    let ends = nextEnd == .never ? nextEnd : max(nextEnd, lastSweep.advanced(byMilliseconds: 100))
    let queries = min(memberQueries.due, generalQueries.due, askQueries.due)
    return min(ends, nextRouterEnd, nextOverflowEnd, queries)
  }

  private mutating func sweepMembers(_ now: MonotonicTime) {
    lastSweep = now
    nextEnd = .never
    for index in endDues.indices {
      if endDues[index] <= now {
        members[index].expire(now)
        settle(index)
      } else {
        nextEnd = min(nextEnd, endDues[index])
      }
    }
  }

  private mutating func sweepRouters(_ now: MonotonicTime) {
    nextRouterEnd = .never
    for index in routers.indices where routers[index].end != .zero {
      if routers[index].end <= now {
        routers[index] = RouterPort()
      } else {
        nextRouterEnd = min(nextRouterEnd, routers[index].end)
      }
    }
  }

  private mutating func sweepOverflows(_ now: MonotonicTime) {
    nextOverflowEnd = .never
    for vlan in overflows.indices where overflows[vlan].end != .zero {
      if overflows[vlan].end <= now {
        overflows[vlan] = PortOverflow()
      } else {
        nextOverflowEnd = min(nextOverflowEnd, overflows[vlan].end)
      }
    }
  }
}

/// A VM port behind which a router was heard in a VLAN.
struct RouterPort: Sendable, BitwiseCopyable {
  var port: UInt16 = .max
  var vlan: UInt16 = 0
  /// `.zero` is a free element.
  var end = MonotonicTime.zero
}

/// The ports of a VLAN that get everything for want of room.
struct PortOverflow: Sendable, BitwiseCopyable {
  var ports = PortSet()
  /// `.zero` without any.
  var end = MonotonicTime.zero
}

extension GroupMember {
  /// Makes of a report what it means while an older host is there; false when it means nothing.
  func translate(_ report: inout GroupMembership.Report, _ now: MonotonicTime) -> Bool {
    let hasVersion1 = version1End > now
    guard hasVersion1 || version2End > now else { return true }
    switch report.kind {
    case .block: return false
    case .toInclude: return !hasVersion1
    case .toExclude:
      report.given = GroupSources()
      report.isComplete = true
      return true
    case .isInclude, .isExclude, .allow: return true
    }
  }
}
