// Queries and beacons as our own switch sends them.

internal import Base
internal import Testing
internal import Wire

extension GroupQuery {
  /// One of each form, from 00:50:56:00:00:01.
  static var samples: [GroupQuery] {
    let group4 = IPAddress.v4(IPv4Address(239, 1, 2, 3))
    let group6 = IPAddress.v6(IPv6Address(high: 0xFF15 << 48, low: 0x1234))
    var queries = [
      GroupQuery(.v4, version: 1, responseMilliseconds: 10_000),
      GroupQuery(.v4, version: 2, responseMilliseconds: 10_000),
      GroupQuery(.v4, version: 2, group: group4, responseMilliseconds: 1_000),
      GroupQuery(.v4, version: 3, responseMilliseconds: 10_000),
      GroupQuery(.v4, version: 3, group: group4, responseMilliseconds: 1_000),
      GroupQuery(.v6, version: 1, responseMilliseconds: 10_000),
      GroupQuery(.v6, version: 1, group: group6, responseMilliseconds: 1_000),
      GroupQuery(.v6, version: 2, responseMilliseconds: 10_000),
      GroupQuery(.v6, version: 2, group: group6, responseMilliseconds: 1_000),
    ]
    var both = GroupQuery(.v4, version: 3, group: group4, responseMilliseconds: 1_000)
    both.sources.insert(.v4(IPv4Address(10, 0, 0, 8)))
    both.sources.insert(.v4(IPv4Address(10, 0, 0, 9)))
    both.suppressesRouters = true
    queries.append(both)
    var ten = GroupQuery(.v6, version: 2, group: group6, responseMilliseconds: 1_000)
    for host in 1...10 as ClosedRange<UInt64> {
      ten.sources.insert(.v6(IPv6Address(high: 0xFD00 << 48, low: host)))
    }
    queries.append(ten)
    for index in queries.indices {
      queries[index].sourceMAC = firstMAC
      if !queries[index].isDetailed {
        queries[index].robustness = 0
        queries[index].intervalSeconds = 0
      }
    }
    return queries
  }
}

extension Beacon {
  fileprivate static func isClaimed(by frame: [UInt8], etherType: EtherType) -> Bool {
    isClaimed(by: frame.rawSpan, etherType: etherType)
  }
}

@Suite struct GroupQueryTests {
  @Test func everyFormIsReadAsItWasWritten() {
    for query in GroupQuery.samples {
      #expect(GroupQuery(query.emitted) == query, "\(query)")
      #expect(query.byteCount >= 60 && query.byteCount <= GroupQuery.largestFrameBytes)
    }
    #expect(GroupQuery.samples.last?.byteCount == GroupQuery.largestFrameBytes)
  }

  @Test func aRealQueryIsWrittenAgain() throws {
    for frame in [RealFrame.mld1GeneralQuery, .mld2GeneralQuery] {
      let query = try #require(GroupQuery(frame.bytes))
      var written = query.emitted
      // The bridge pads the hop-by-hop header with two Pad1 instead of one PadN.
      #expect(Array(written[60..<62]) == hex("0100") && Array(frame.bytes[60..<62]) == hex("0000"))
      written[60] = 0
      #expect(written == frame.bytes, "\(frame.name)")
    }
    let query = try #require(GroupQuery(RealFrame.igmp3GeneralQuery.bytes))
    // The bridge's message; its IP header has another identification and no padding follows.
    #expect(Array(query.emitted[38..<50]) == Array(RealFrame.igmp3GeneralQuery.bytes[38..<50]))
    #expect(query.source == .v4(.unspecified) && query.sourceMAC == secondMAC)
  }

  @Test func aReportIsNoQuery() {
    #expect(GroupQuery(RealFrame.igmp2Report.bytes) == nil)
    #expect(GroupQuery(RealFrame.mld2Allow.bytes) == nil)
  }

  @Test func aShortTimeIsNotTakenForVersion1() throws {
    let query = GroupQuery(.v4, version: 2, responseMilliseconds: 20)
    let again = try #require(GroupQuery(query.emitted))
    #expect(again.version == 2 && again.responseMilliseconds == 100)
  }

  @Test func tenSourcesFitAndNoMore() {
    var sources = GroupSources()
    for host in 1...10 as ClosedRange<UInt8> {
      let isTaken = sources.insert(.v4(IPv4Address(10, 0, 0, host)))
      #expect(isTaken)
    }
    let isEleventhTaken = sources.insert(.v4(IPv4Address(10, 0, 0, 11)))
    #expect(sources.isFull && !isEleventhTaken)
    let isKnownTaken = sources.insert(.v4(IPv4Address(10, 0, 0, 3)))
    #expect(isKnownTaken)
    sources.remove(at: 0)
    #expect(sources.count == 9 && sources[0] == .v4(IPv4Address(10, 0, 0, 10)))
    #expect(!sources.contains(.v4(IPv4Address(10, 0, 0, 1))))
    #expect(!sources.contains(.v6(IPv6Address(high: 0, low: 0x0A00_0003))), "of the other family")
    let isOtherTaken = sources.insert(.v6(IPv6Address(high: 0, low: 0x0A00_0003)))
    #expect(isOtherTaken && sources.isFull)
  }

  @Test func aBeaconIsReadAsItWasWritten() throws {
    let beacon = Beacon(
      sourceMAC: firstMAC, identity: 0x0123_4567_89AB_CDEF, position: 2, vlan: 10, sequence: 7)
    let frame = beacon.emitted
    #expect(frame.count == 60 && Beacon(frame) == beacon)
    #expect(
      Array(frame[..<34])
        == hex(
          "ffffffffffff005056000001 8922 4d524c54 01 02 000a 00000007 0123456789abcdef"))
    #expect(frame[34...].allSatisfy { $0 == 0 })
    #expect(Beacon.isClaimed(by: frame, etherType: EtherType(rawValue: 0x8922)))
    #expect(!Beacon.isClaimed(by: frame, etherType: .ipv4))
    #expect(beacon.description == "beacon 7 of uplink 2 in VLAN 10, switch 123456789abcdef")
    var other = beacon
    other.etherType = EtherType(rawValue: 0x88B5)
    #expect(Beacon(other.emitted) == other)
    for offset in [0, 14, 18] {
      var broken = frame
      broken[offset] ^= 2
      #expect(Beacon(broken) == nil, "offset \(offset)")
    }
    #expect(Beacon(Array(frame[..<33])) == nil && Beacon(Array(frame[..<34])) == beacon)
  }
}
