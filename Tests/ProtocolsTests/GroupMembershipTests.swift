// Multicast snooping: joins and leaves of every version, timeouts, the querier, and the bounds.

import Base
import Protocols
import Testing
import Wire

private let group: IPAddress = .v4(IPv4Address(239, 1, 2, 3))
private let group6: IPAddress = .v6(IPv6Address(high: 0xFF15 << 48, low: 0x1234))

private func source(_ number: UInt8) -> IPAddress { .v4(IPv4Address(10, 0, 9, number)) }

/// A router's query; from 10.0.10.254 or fe80::fe.
private func routerQuery(
  _ family: GroupFamily, _ group: IPAddress? = nil, milliseconds: UInt32 = 10_000
) -> GroupQuery {
  var query = GroupQuery(
    family, version: family == .v4 ? 3 : 2, group: group, responseMilliseconds: milliseconds)
  query.source =
    family == .v4
    ? .v4(IPv4Address(10, 0, 10, 254)) : .v6(IPv6Address(high: 0xFE80 << 48, low: 0xFE))
  return query
}

@Suite struct GroupMembershipTests {
  @Test(arguments: [0x12, 0x16] as [UInt8])
  func anOlderReportJoinsForEverySource(type: UInt8) {
    let snooping = TestMembership()
    snooping.receive(GroupFrames.older(type, group), port: 3)
    #expect(snooping.ports(group) == [3] && snooping.ports(group, vlan: 11) == nil)
    snooping.receive(GroupFrames.older(131, group6), port: 4)
    #expect(snooping.ports(group6) == [4] && snooping.ports(group) == [3])
  }

  @Test func aMembershipEndsWhenItIsNotReportedAgain() {
    let snooping = TestMembership()
    snooping.receive(GroupFrames.older(0x16, group), port: 3)
    snooping.run(seconds: 200)
    snooping.receive(GroupFrames.older(0x16, group), port: 3)
    snooping.run(seconds: 259.8)
    #expect(snooping.ports(group) == [3])
    snooping.run(seconds: 0.3)
    #expect(snooping.ports(group) == nil && snooping.groupCount == 0)
  }

  @Test func aGroupThatIsLeftIsAskedForTwiceAndGoes() {
    let snooping = TestMembership()
    snooping.setVLAN(10, true)
    snooping.run(seconds: 60)
    snooping.report(.isExclude, group, port: 3)
    snooping.report(.isExclude, group, port: 4)
    snooping.receive(GroupFrames.older(0x17, group), port: 3)
    let start = snooping.now
    let sent = snooping.run(seconds: 2.2)
    #expect(sent.map(\.milliseconds) == [start, start + 1_000])
    for (_, pending) in sent {
      #expect(pending.port == 3 && pending.vlan == 10 && pending.query.group == group)
      #expect(pending.query.version == 3 && pending.query.responseMilliseconds == 1_000)
    }
    #expect(snooping.ports(group) == [4], "the other port was not asked and stays")
  }

  @Test func anAnswerKeepsTheGroup() {
    let snooping = TestMembership()
    snooping.setVLAN(10, true)
    snooping.run(seconds: 60)
    snooping.report(.isExclude, group, port: 3)
    snooping.report(.toInclude, group, port: 3)
    snooping.run(seconds: 0.5)
    snooping.report(.isExclude, group, port: 3)
    #expect(snooping.run(seconds: 10).isEmpty, "it need not be asked again")
    #expect(snooping.ports(group) == [3])
  }

  @Test func sourcesAreHonouredForEachPort() {
    let snooping = TestMembership()
    snooping.report(.isInclude, group, [source(1), source(2)], port: 1)
    snooping.report(.isExclude, group, [source(2)], port: 2)
    snooping.report(.isExclude, group, port: 3)
    #expect(snooping.ports(group, from: source(1)) == [1, 2, 3])
    #expect(snooping.ports(group, from: source(2)) == [1, 3])
    #expect(snooping.ports(group, from: source(3)) == [2, 3])
    snooping.report(.allow, group, [source(3)], port: 1)
    #expect(snooping.ports(group, from: source(3)) == [1, 2, 3])
    let entry = snooping.entries.first { $0.port == 2 }
    #expect(entry?.isExclude == true && entry?.sources.count == 1)
  }

  @Test func aBlockedSourceIsAskedForAndGoes() {
    let snooping = TestMembership()
    snooping.setVLAN(10, true)
    snooping.run(seconds: 60)
    snooping.report(.allow, group, [source(1), source(2)], port: 1)
    snooping.report(.block, group, [source(2)], port: 1)
    let sent = snooping.run(seconds: 3)
    #expect(sent.count == 2)
    for (_, pending) in sent {
      #expect(pending.query.sources.count == 1 && pending.query.sources.contains(source(2)))
    }
    #expect(snooping.ports(group, from: source(1)) == [1])
    #expect(snooping.ports(group, from: source(2)) == [])
  }

  @Test func anOlderHostBehindThePortKeepsWhatANewerOneBlocks() {
    let snooping = TestMembership()
    snooping.setVLAN(10, true)
    snooping.run(seconds: 60)
    snooping.receive(GroupFrames.older(0x16, group), port: 1)
    snooping.report(.block, group, [source(2)], port: 1)
    snooping.report(.toExclude, group, [source(2)], port: 1)
    snooping.run(seconds: 5)
    #expect(snooping.ports(group, from: source(2)) == [1])
    snooping.receive(GroupFrames.older(0x12, group), port: 1)
    snooping.receive(GroupFrames.older(0x17, group), port: 1)
    #expect(snooping.run(seconds: 5).isEmpty, "a host of version 1 cannot answer")
    #expect(snooping.ports(group) == [1])
  }

  @Test func theQuerierBeginsQuicklyAndGoesOnSlowly() {
    let snooping = TestMembership()
    snooping.setVLAN(10, true)
    let start = snooping.now
    let sent = snooping.run(seconds: 300)
    for family in GroupFamily.allCases {
      let mine = sent.filter { $0.query.query.family == family }
      #expect(
        mine.map { $0.milliseconds - start } == [0, 31_250, 156_250, 281_250], "\(family)")
      #expect(mine.allSatisfy { $0.query.port == nil && $0.query.query.group == nil })
    }
    #expect(sent.first?.query.query.source == .v4(.unspecified))
    snooping.setVLAN(10, false)
    #expect(snooping.run(seconds: 300).isEmpty)
  }

  @Test func anotherQuerierIsLeftToItAndReplacedWhenItIsGone() throws {
    let snooping = TestMembership()
    snooping.setVLAN(10, true)
    snooping.run(seconds: 60)
    snooping.receive(GroupFrames.query(routerQuery(.v4)), port: 0, isUplink: true)
    snooping.receive(GroupFrames.query(routerQuery(.v6)), port: 0, isUplink: true)
    #expect(!snooping.isQuerier(.v4) && !snooping.isQuerier(.v6))
    let heard = snooping.now
    snooping.report(.isExclude, group, port: 3)
    snooping.report(.toInclude, group, port: 3)
    let sent = snooping.run(seconds: 260)
    let first = try #require(sent.first)
    #expect(first.milliseconds == heard + 255_000, "it asks for what is left, too")
    #expect(snooping.isQuerier(.v4) && snooping.routerPorts().isEmpty)
  }

  @Test func aQuerierWithoutAnAddressIsNone() {
    let snooping = TestMembership()
    snooping.setVLAN(10, true)
    var query = routerQuery(.v4)
    query.source = .v4(.unspecified)
    snooping.receive(GroupFrames.query(query), port: 5)
    var query6 = routerQuery(.v6)
    query6.source = .v6(GroupQuery.defaultMLDSource)
    snooping.receive(GroupFrames.query(query6), port: 5)
    #expect(snooping.isQuerier(.v4) && snooping.isQuerier(.v6))
    #expect(snooping.routerPorts().isEmpty)
  }

  @Test func aRouterBehindAPortIsKnownForAWhile() {
    let snooping = TestMembership()
    snooping.receive(GroupFrames.query(routerQuery(.v4)), port: 5)
    #expect(snooping.routerPorts() == [5] && snooping.routerPorts(vlan: 11).isEmpty)
    snooping.run(seconds: 254)
    #expect(snooping.routerPorts() == [5])
    snooping.run(seconds: 2)
    #expect(snooping.routerPorts().isEmpty)
  }

  @Test func anotherQueriersQuestionEndsWhatNobodyAnswers() {
    let snooping = TestMembership()
    snooping.report(.isExclude, group, port: 3)
    snooping.report(.isExclude, group, port: 4)
    let query = routerQuery(.v4, group, milliseconds: 1_000)
    snooping.receive(GroupFrames.query(query), port: 0, isUplink: true)
    snooping.run(seconds: 1)
    snooping.report(.isExclude, group, port: 4)
    snooping.run(seconds: 1.2)
    #expect(snooping.ports(group) == [4])
    var suppressed = query
    suppressed.suppressesRouters = true
    snooping.receive(GroupFrames.query(suppressed), port: 0, isUplink: true)
    snooping.run(seconds: 5)
    #expect(snooping.ports(group) == [4])
  }

  @Test func aPortThatArrivedIsAskedAtOnce() {
    let snooping = TestMembership()
    snooping.askNow(8)
    let start = snooping.now
    let sent = snooping.run(seconds: 5)
    #expect(sent.map { $0.milliseconds - start } == [0, 0, 1_000, 1_000])
    #expect(sent.allSatisfy { $0.query.port == 8 && $0.query.query.responseMilliseconds == 1_000 })
    #expect(Set(sent.map(\.query.query.family)) == [.v4, .v6])
    snooping.askNow(8)
    snooping.remove(8)
    #expect(snooping.run(seconds: 5).isEmpty)
  }

  /// The pass over the table is past the element that the second port gets.
  @Test func whatIsAskedForDuringADrainIsNotLost() {
    var settings = GroupMembershipSettings()
    settings.robustness = 1
    let snooping = TestMembership(settings)
    snooping.askNow(1)
    let first = snooping.nextQuery()
    #expect(first?.port == 1)
    snooping.askNow(2)
    #expect(snooping.run(seconds: 1).map(\.query.port) == [1, 2, 2])
  }

  @Test func aPortThatIsGoneListensToNothing() {
    let snooping = TestMembership()
    snooping.report(.isExclude, group, port: 3)
    snooping.report(.isExclude, group, port: 4, vlan: 11)
    snooping.report(.isInclude, group, [source(1)], port: 4)
    snooping.receive(GroupFrames.query(routerQuery(.v4)), port: 4)
    snooping.remove(4)
    #expect(snooping.ports(group, from: source(1)) == [3] && snooping.ports(group, vlan: 11) == nil)
    #expect(snooping.memberCount == 1 && snooping.groupCount == 1)
    #expect(snooping.routerPorts().isEmpty)
  }

  @Test func whatHostsDoNotReportIsNotKept() {
    let snooping = TestMembership()
    snooping.report(.isExclude, .v4(IPv4Address(224, 0, 0, 251)), port: 3)
    #expect(snooping.groupCount == 0)
    #expect(GroupMembership.isAlwaysFlooded(.v4(IPv4Address(224, 0, 0, 1))))
    #expect(!GroupMembership.isAlwaysFlooded(.v4(IPv4Address(224, 0, 1, 1))))
    #expect(GroupMembership.isAlwaysFlooded(.v6(.allNodes)))
    #expect(!GroupMembership.isAlwaysFlooded(.v6(.allRouters)))
    snooping.receive(GroupFrames.older(0x16, group), port: 0, isUplink: true)
    #expect(snooping.groupCount == 0, "hosts beyond an uplink are not ours")
  }

  @Test func tenSourcesFitAndMoreIsAll() {
    let snooping = TestMembership()
    snooping.report(.isInclude, group, (1...10).map(source), port: 1)
    #expect(snooping.ports(group, from: source(11)) == [])
    snooping.report(.allow, group, [source(11)], port: 1)
    #expect(snooping.ports(group, from: source(200)) == [1])
    snooping.report(.isInclude, group, (1...11).map(source), port: 2)
    #expect(snooping.ports(group, from: source(200)) == [1, 2])
    #expect(snooping.sourceOverflowCount == 2)
  }

  @Test func aFullTableGivesThePortEverythingForAWhile() {
    var limits = GroupMembershipLimits()
    limits.groups = 2
    limits.members = 3
    let snooping = TestMembership(limits: limits)
    for number in 1...3 as ClosedRange<UInt8> {
      snooping.report(.isExclude, .v4(IPv4Address(239, 0, 0, number)), port: Int(number))
    }
    #expect(snooping.fullCount == 1 && snooping.groupCount == 2)
    #expect(snooping.ports(.v4(IPv4Address(239, 0, 0, 1))) == [1, 3])
    #expect(snooping.ports(.v4(IPv4Address(239, 9, 9, 9))) == [3], "any group at all")
    #expect(snooping.ports(.v4(IPv4Address(239, 9, 9, 9)), vlan: 11) == nil)
    snooping.run(seconds: 261)
    #expect(snooping.ports(.v4(IPv4Address(239, 9, 9, 9))) == nil)
    #expect(snooping.memberCount == 0)
  }

  @Test func settingsChangeWhileItRuns() {
    let snooping = TestMembership()
    snooping.setVLAN(10, true)
    snooping.run(seconds: 200)
    var settings = GroupMembershipSettings()
    settings.queryIntervalSeconds = 20
    settings.robustness = 3
    settings.igmpVersion = 2
    settings.mldVersion = 1
    snooping.configure(settings)
    let start = snooping.now
    let sent = snooping.run(seconds: 31).filter { $0.query.query.family == .v4 }
    #expect(sent.map { $0.milliseconds - start } == [0, 5_000, 10_000, 30_000])
    #expect(sent.allSatisfy { $0.query.query.version == 2 })
    settings.isQuerier = false
    snooping.configure(settings)
    #expect(snooping.run(seconds: 100).isEmpty && !snooping.isReliable(.v4))
  }

  @Test func itIsReliableWhenAQueryCouldBeAnswered() {
    let snooping = TestMembership()
    #expect(!snooping.isReliable(.v4))
    snooping.setVLAN(10, true)
    snooping.run(seconds: 9)
    #expect(!snooping.isReliable(.v4))
    snooping.run(seconds: 2)
    #expect(
      snooping.isReliable(.v4) && snooping.isReliable(.v6) && !snooping.isReliable(.v4, vlan: 11))
  }

  /// A guest can ask where the others do not hear it: nobody would answer, and all would be forgotten.
  @Test func aGuestsQuestionNeitherSilencesOursNorEndsAnything() {
    let snooping = TestMembership()
    snooping.setVLAN(10, true)
    snooping.run(seconds: 60)
    snooping.report(.isExclude, group, port: 3)
    snooping.receive(GroupFrames.query(routerQuery(.v4)), port: 5)
    snooping.receive(GroupFrames.query(routerQuery(.v4, group, milliseconds: 100)), port: 5)
    #expect(snooping.isQuerier(.v4) && snooping.routerPorts() == [5])
    snooping.run(seconds: 5)
    #expect(snooping.ports(group) == [3])
  }

  @Test func withoutAQuerierOfOursAGuestsCounts() {
    var settings = GroupMembershipSettings()
    settings.isQuerier = false
    let snooping = TestMembership(settings)
    snooping.setVLAN(10, true)
    snooping.receive(GroupFrames.query(routerQuery(.v4)), port: 5)
    snooping.run(seconds: 11)
    #expect(snooping.isReliable(.v4))
  }

  @Test func anotherQuerierIsNotBelievedForDays() {
    let snooping = TestMembership()
    snooping.setVLAN(10, true)
    snooping.run(seconds: 60)
    var query = routerQuery(.v4)
    query.robustness = 7
    query.intervalSeconds = 31_744
    snooping.receive(GroupFrames.query(query), port: 0, isUplink: true)
    snooping.run(seconds: 254)
    #expect(!snooping.isQuerier(.v4))
    snooping.run(seconds: 2)
    #expect(snooping.isQuerier(.v4))
  }

  @Test func onePortDoesNotFillTheTables() {
    var limits = GroupMembershipLimits()
    limits.groups = 8
    limits.members = 8
    limits.membersPerPort = 2
    let snooping = TestMembership(limits: limits)
    for number in 1...9 as ClosedRange<UInt8> {
      snooping.report(.isExclude, .v4(IPv4Address(239, 0, 0, number)), port: 3)
    }
    #expect(snooping.memberCount == 2 && snooping.fullCount == 7)
    snooping.report(.isExclude, group, port: 4)
    #expect(snooping.ports(group) == [3, 4], "the greedy port gets everything")
    snooping.remove(3)
    snooping.report(.isExclude, group, port: 3)
    #expect(snooping.memberCount == 2 && snooping.fullCount == 7)
  }
}
