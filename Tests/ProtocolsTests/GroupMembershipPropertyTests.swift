// Multicast snooping against a plain model: dictionaries, sets, and the tables of RFC 3376, 6.4 as they
// are printed. Random reports, queries and pauses; after each the same ports for every group and source.

import Base
import Protocols
import Testing
import Wire

/// One port's membership of one group, in the words of the RFC.
private struct PlainMember {
  /// The filter mode is EXCLUDE while this is in the future.
  var groupEnd: UInt64?
  /// Wanted until then: A, or X.
  var wanted: [IPAddress: UInt64] = [:]
  /// Y.
  var excluded: Set<IPAddress> = []
  var olderEnd: UInt64 = 0
  var oldestEnd: UInt64 = 0

  mutating func expire(_ now: UInt64) {
    if let end = groupEnd, end <= now {
      groupEnd = nil
      excluded = []
    }
    for (source, end) in wanted where end <= now {
      wanted[source] = nil
      if groupEnd != nil { excluded.insert(source) }
    }
  }

  var isOver: Bool { groupEnd == nil && wanted.isEmpty }

  func wants(_ source: IPAddress) -> Bool {
    groupEnd == nil ? wanted[source] != nil : !excluded.contains(source)
  }

  /// - Parameter short: when asked-for sources end; nil when nobody asks.
  mutating func apply(
    _ kind: GroupRecordKind, _ given: Set<IPAddress>, now: UInt64, whole: UInt64, short: UInt64?
  ) {
    func ask(_ sources: some Sequence<IPAddress>) {
      guard let short else { return }
      for source in sources { if let end = wanted[source] { wanted[source] = min(end, short) } }
    }
    let before = Set(wanted.keys)
    switch (groupEnd, kind) {
    case (_, .isInclude), (_, .allow), (_, .toInclude):
      if kind == .toInclude {
        ask(before.subtracting(given))
        if let end = groupEnd, let short { groupEnd = min(end, short) }
      }
      for source in given { wanted[source] = whole }
      excluded.subtract(given)
    case (nil, .isExclude), (nil, .toExclude):
      wanted = wanted.filter { given.contains($0.key) }
      excluded = given.subtracting(before)
      if kind == .toExclude { ask(given) }
      groupEnd = whole
    case (let end?, .isExclude), (let end?, .toExclude):
      let fresh = given.subtracting(before).subtracting(excluded)
      wanted = wanted.filter { given.contains($0.key) }
      for source in fresh { wanted[source] = kind == .isExclude ? whole : end }
      excluded.formIntersection(given)
      if kind == .toExclude { ask(given.subtracting(excluded)) }
      groupEnd = whole
    case (nil, .block):
      ask(given)
    case (let end?, .block):
      for source in given.subtracting(before).subtracting(excluded) { wanted[source] = end }
      ask(given.subtracting(excluded))
    }
  }
}

private struct PlainSnooping {
  struct Key: Hashable {
    var vlan: UInt16
    var group: IPAddress
    var port: Int
  }

  var members: [Key: PlainMember] = [:]
  var otherEnds: [GroupFamily: UInt64] = [:]
  let activeVLAN: UInt16

  mutating func expire(_ now: UInt64) {
    for key in members.keys { members[key]?.expire(now) }
    members = members.filter { !$0.value.isOver }
  }

  mutating func report(
    _ kind: GroupRecordKind, _ given: Set<IPAddress>, _ key: Key, older: Int?, now: UInt64
  ) {
    let family: GroupFamily = key.group.bitCount == 32 ? .v4 : .v6
    let isQuerier = key.vlan == activeVLAN && (otherEnds[family] ?? 0) <= now
    var member = members[key] ?? PlainMember()
    var given = given
    if older != nil, kind == .isExclude {
      if older == 1 { member.oldestEnd = now + 260_000 } else { member.olderEnd = now + 260_000 }
    }
    if member.olderEnd > now || member.oldestEnd > now {
      if kind == .block || kind == .toInclude && member.oldestEnd > now { return }
      if kind == .toExclude { given = [] }
    }
    member.apply(
      kind, given, now: now, whole: now + 260_000, short: isQuerier ? now + 2_000 : nil)
    members[key] = member.isOver ? nil : member
  }

  /// A router's query for a group: answered within a second, twice.
  mutating func query(_ vlan: UInt16, _ group: IPAddress, _ sources: Set<IPAddress>, now: UInt64) {
    for key in members.keys where key.vlan == vlan && key.group == group {
      if sources.isEmpty, let end = members[key]?.groupEnd {
        members[key]?.groupEnd = min(end, now + 2_000)
      }
      for source in sources {
        if let end = members[key]?.wanted[source] {
          members[key]?.wanted[source] = min(end, now + 2_000)
        }
      }
    }
  }

  func ports(_ group: IPAddress, from source: IPAddress, vlan: UInt16) -> Set<Int>? {
    let listening = members.filter { $0.key.vlan == vlan && $0.key.group == group }
    guard !listening.isEmpty else { return nil }
    return Set(listening.filter { $0.value.wants(source) }.map(\.key.port))
  }
}

@Suite struct GroupMembershipPropertyTests {
  private static let vlans: [UInt16] = [10, 20]

  private static func group(_ number: Int) -> IPAddress {
    number < 3
      ? .v4(IPv4Address(239, 0, 0, UInt8(number)))
      : .v6(IPv6Address(high: 0xFF15 << 48, low: UInt64(number)))
  }

  private static func source(_ number: Int, like group: IPAddress) -> IPAddress {
    group.bitCount == 32
      ? .v4(IPv4Address(10, 0, 0, UInt8(number)))
      : .v6(IPv6Address(high: 0xFD00 << 48, low: UInt64(number)))
  }

  /// Six groups, six sources (so that no list overflows), two VLANs, of which our querier asks in one.
  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func agreesWithAPlainModel(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    // Little room, so that groups collide in the table.
    var limits = GroupMembershipLimits()
    limits.groups = 14
    limits.members = 48
    let snooping = TestMembership(limits: limits, seed: seed)
    snooping.setVLAN(10, true)
    var plain = PlainSnooping(activeVLAN: 10)
    for step in 0..<4_000 {
      let pauses: [UInt64] = [100, 100, 100, 200, 500, 1_000, 2_000, 10_000, 70_000]
      snooping.now += pauses.randomElement(using: &random) ?? 100
      _ = snooping.drain()
      _ = snooping.tick()
      plain.expire(snooping.now)
      act(snooping, &plain, &random)
      let vlan = Self.vlans.randomElement(using: &random) ?? 10
      for number in 0..<6 {
        let group = Self.group(number)
        let source = Self.source(Int.random(in: 0..<7, using: &random), like: group)
        #expect(
          snooping.ports(group, from: source, vlan: vlan)
            == plain.ports(group, from: source, vlan: vlan), "seed \(seed), step \(step), \(group)")
      }
      #expect(snooping.memberCount == plain.members.count, "seed \(seed), step \(step)")
      if snooping.memberCount != plain.members.count { return }
    }
    compareEntries(snooping, plain, seed)
  }

  private func act(
    _ snooping: TestMembership, _ plain: inout PlainSnooping, _ random: inout SeededRandom
  ) {
    let vlan = Self.vlans.randomElement(using: &random) ?? 10
    let group = Self.group(Int.random(in: 0..<6, using: &random))
    let family: GroupFamily = group.bitCount == 32 ? .v4 : .v6
    let port = Int.random(in: 0..<4, using: &random)
    let key = PlainSnooping.Key(vlan: vlan, group: group, port: port)
    let numbers = (0..<6).filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
    let sources = numbers.map { Self.source($0, like: group) }
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<75:
      let kind = GroupRecordKind.allCases.randomElement(using: &random) ?? .allow
      snooping.report(kind, group, sources, port: port, vlan: vlan)
      plain.report(kind, Set(sources), key, older: nil, now: snooping.now)
    case 75..<79:
      let type: UInt8 = family == .v4 ? (Bool.random(using: &random) ? 0x12 : 0x16) : 131
      snooping.receive(GroupFrames.older(type, group), port: port, vlan: vlan)
      plain.report(.isExclude, [], key, older: type == 0x12 ? 1 : 2, now: snooping.now)
    case 79..<84:
      snooping.receive(
        GroupFrames.older(family == .v4 ? 0x17 : 132, group), port: port, vlan: vlan)
      plain.report(.toInclude, [], key, older: 2, now: snooping.now)
    case 84..<86:
      snooping.remove(port)
      plain.members = plain.members.filter { $0.key.port != port }
    case 86..<92:
      // From 0.0.0.0 or our own address: no other querier, but a question all the same.
      var query = GroupQuery(
        family, version: family == .v4 ? 3 : 2, group: group, responseMilliseconds: 1_000)
      for source in sources { query.sources.insert(source) }
      snooping.receive(GroupFrames.query(query), port: 0, isUplink: true, vlan: vlan)
      plain.query(vlan, group, Set(sources), now: snooping.now)
    case 92..<93:
      var query = GroupQuery(family, version: family == .v4 ? 3 : 2, responseMilliseconds: 10_000)
      query.source =
        family == .v4
        ? .v4(IPv4Address(10, 0, 0, 254)) : .v6(IPv6Address(high: 0xFE80 << 48, low: 1))
      snooping.receive(GroupFrames.query(query), port: 0, isUplink: true, vlan: 10)
      plain.otherEnds[family] = snooping.now + 255_000
    default: break
    }
  }

  private func compareEntries(
    _ snooping: TestMembership, _ plain: PlainSnooping, _ seed: UInt64
  ) {
    #expect(snooping.entries.count == plain.members.count, "seed \(seed)")
    for entry in snooping.entries {
      let key = PlainSnooping.Key(vlan: entry.vlan, group: entry.group, port: entry.port)
      let member = plain.members[key]
      #expect(entry.isExclude == (member?.groupEnd != nil), "seed \(seed)")
      let sources = Set((0..<entry.sources.count).map { entry.sources[$0] })
      let expected = entry.isExclude ? member?.excluded : member.map { Set($0.wanted.keys) }
      #expect(sources == expected, "seed \(seed)")
    }
  }
}
