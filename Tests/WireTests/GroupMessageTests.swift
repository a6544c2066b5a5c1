// IGMP and MLD: real frames, the forms of every version, and what must be refused.

internal import Base
internal import Testing
internal import Wire

/// A message with its records in arrays: the macros of Testing cannot hold what does not escape.
struct ReadGroupMessage: Equatable {
  var family: GroupFamily
  var version: Int
  var source: IPAddress
  var query: GroupMessage.Query?
  var querySources: [IPAddress] = []
  var records: [Record] = []

  struct Record: Equatable {
    var kind: GroupRecordKind
    var group: String
    var sources: [String] = []
  }

  init?(_ frame: [UInt8]) {
    guard let message = GroupMessage(frame.rawSpan) else { return nil }
    family = message.family
    version = message.version
    source = message.source
    query = message.query
    if let query {
      querySources = (0..<query.sourceCount).map { message.querySource($0) }
    }
    var cursor = 0
    while let record = message.next(&cursor) {
      let sources = (0..<record.sourceCount).map { message.source($0, of: record).description }
      records.append(
        Record(kind: record.kind, group: record.group.description, sources: sources))
    }
  }
}

private func isClaimed(_ frame: [UInt8]) -> Bool { GroupMessage.isClaimed(by: frame.rawSpan) }

/// A frame of IGMP with right checksums around a message whose own checksum is made, too.
private func igmpFrame(_ digits: String, timeToLive: UInt8 = 1, sum: UInt16 = 0) -> [UInt8] {
  var message = hex(digits)
  message.withMutableRawSpan { IGMP.updateChecksum(in: &$0) }
  message[3] ^= UInt8(sum)
  let ip = IPv4Header(
    source: IPv4Address(10, 0, 0, 1), destination: IPv4Address(224, 0, 0, 1), protocol: .igmp,
    payloadBytes: message.count, timeToLive: timeToLive)
  let ethernet = EthernetHeader(
    destination: ip.destination.multicastMAC, source: firstMAC, etherType: .ipv4)
  return ethernet.emitted + ip.emitted + message
}

/// The same for MLD; without a hop-by-hop header.
private func mldFrame(
  _ digits: String, from source: IPv6Address = IPv6Address(linkLocal: firstMAC),
  hopLimit: UInt8 = 1
) -> [UInt8] {
  var message = hex(digits)
  let ip = IPv6Header(
    source: source, destination: .allNodes, nextHeader: .icmpv6, payloadBytes: message.count,
    hopLimit: hopLimit)
  let sum = Checksum(
    source: ip.source, destination: ip.destination, protocol: .icmpv6, payloadBytes: message.count)
  message.withMutableRawSpan { ICMPv6.updateChecksum(in: &$0, pseudoHeader: sum) }
  let ethernet = EthernetHeader(
    destination: ip.destination.multicastMAC, source: firstMAC, etherType: .ipv6)
  return ethernet.emitted + ip.emitted + message
}

private let ff15 = "ff150000000000000000000000001234"

@Suite struct GroupMessageTests {
  private typealias Record = ReadGroupMessage.Record

  @Test func realReportsOfIGMPAreRead() throws {
    let cases: [(RealFrame, Int, Record)] = [
      (.igmp1Report, 1, Record(kind: .isExclude, group: "239.1.2.3")),
      (.igmp2Report, 2, Record(kind: .isExclude, group: "239.1.2.3")),
      (.igmp2Leave, 2, Record(kind: .toInclude, group: "239.1.2.3")),
      (.igmp3ToExclude, 3, Record(kind: .toExclude, group: "239.1.2.3")),
      (.igmp3ToInclude, 3, Record(kind: .toInclude, group: "239.1.2.3")),
      (
        .igmp3Allow, 3,
        Record(kind: .allow, group: "232.1.1.1", sources: ["10.0.10.9", "10.0.10.8"])
      ),
      (
        .igmp3Block, 3,
        Record(kind: .block, group: "232.1.1.1", sources: ["10.0.10.8", "10.0.10.9"])
      ),
    ]
    for (frame, version, record) in cases {
      let message = try #require(ReadGroupMessage(frame.bytes), "\(frame.name)")
      #expect(message.family == .v4 && message.version == version, "\(frame.name)")
      #expect(message.records == [record] && message.query == nil, "\(frame.name)")
      #expect(message.source == .v4(IPv4Address(10, 0, 10, 1)), "\(frame.name)")
      #expect(isClaimed(frame.bytes))
    }
  }

  @Test func realReportsOfMLDAreRead() throws {
    let cases: [(RealFrame, Int, [Record])] = [
      (.mld1Report, 1, [Record(kind: .isExclude, group: "ff15::1234")]),
      (.mld1Done, 1, [Record(kind: .toInclude, group: "ff15::1234")]),
      (
        .mld2Report, 2,
        [
          Record(kind: .toExclude, group: "ff02::1:ff00:2"),
          Record(kind: .toExclude, group: "ff02::6a"),
        ]
      ),
      (
        .mld2Allow, 2,
        [
          Record(kind: .allow, group: "ff35::99", sources: ["fd00:10::9"]),
          Record(kind: .toExclude, group: "ff15::1234"),
        ]
      ),
      (.mld2UnspecifiedSource, 2, [Record(kind: .toExclude, group: "ff02::1:ff00:2")]),
    ]
    for (frame, version, records) in cases {
      let message = try #require(ReadGroupMessage(frame.bytes), "\(frame.name)")
      #expect(message.family == .v6 && message.version == version, "\(frame.name)")
      #expect(message.records == records && message.query == nil, "\(frame.name)")
      #expect(isClaimed(frame.bytes))
    }
  }

  @Test func realQueriesAreRead() throws {
    for (frame, family, version) in [
      (RealFrame.igmp2GeneralQuery, GroupFamily.v4, 2), (.igmp3GeneralQuery, .v4, 3),
      (.mld1GeneralQuery, .v6, 1), (.mld2GeneralQuery, .v6, 2),
    ] {
      let message = try #require(ReadGroupMessage(frame.bytes), "\(frame.name)")
      let query = try #require(message.query, "\(frame.name)")
      #expect(message.family == family && message.version == version, "\(frame.name)")
      #expect(query.group == nil && query.responseMilliseconds == 10_000, "\(frame.name)")
      let isDetailed = frame.name.contains("igmp3") || frame.name.contains("mld2")
      #expect(query.robustness == (isDetailed ? 2 : 0), "\(frame.name)")
      #expect(query.intervalSeconds == (isDetailed ? 125 : 0), "\(frame.name)")
      #expect(message.records.isEmpty)
    }
  }

  @Test func aQueryForSourcesIsRead() throws {
    let frame = igmpFrame("1181 0000 ef010203 0bff 0002 0a000a08 0a000a09")
    let query = try #require(ReadGroupMessage(frame)?.query)
    #expect(query.group == IPAddress("239.1.2.3") && query.responseMilliseconds == 13_600)
    #expect(query.suppressesRouters && query.robustness == 3 && query.intervalSeconds == 31_744)
    #expect(
      ReadGroupMessage(frame)?.querySources
        == [.v4(IPv4Address(10, 0, 10, 8)), .v4(IPv4Address(10, 0, 10, 9))])
    let first = try #require(ReadGroupMessage(igmpFrame("1100 0000 00000000"))?.query)
    #expect(first.responseMilliseconds == 10_000, "version 1 has no time")
  }

  @Test func aReportMayHaveManyRecordsAndStrangeOnes() throws {
    let frame = igmpFrame(
      """
      2200 0000 0000 0005
      01 02 0001 ef010203 0a000001 1111111122222222
      07 00 0001 ef010203 0a000001
      02 00 0000 0a000001
      03 00 0000 ef010204
      06 00 0002 ef010205 0a000001 0a000002 ffff
      """)
    let records = try #require(ReadGroupMessage(frame)).records
    #expect(
      records == [
        Record(kind: .isInclude, group: "239.1.2.3", sources: ["10.0.0.1"]),
        Record(kind: .toInclude, group: "239.1.2.4"),
        Record(kind: .block, group: "239.1.2.5", sources: ["10.0.0.1", "10.0.0.2"]),
      ])
  }

  @Test(arguments: [
    "1164 0000 0a000001",  // a query for what is no group
    "1164 0000 ef010203 02",  // between the lengths of two versions
    "1164 0000 ef010203 027d 0001",  // a source that is not there
    "1600 0000 0a000001",  // a report of what is no group
    "1700 0000 00000000",
    "2200 0000 0000 0001",  // a record that is not there
    "2200 0000 0000 0001 01 00 0001 ef010203",  // its source
    "2200 0000 0000 0001 01 01 0000 ef010203",  // its auxiliary word
    "2200 0000 0000 ffff 01 00 0000 ef010203",
    "2200 0000",
  ])
  func brokenIGMPIsMalformed(_ digits: String) {
    #expect(ReadGroupMessage(igmpFrame(digits)) == nil)
    #expect(isClaimed(igmpFrame(digits)))
  }

  @Test func aChecksumAndATimeToLiveAreAskedFor() {
    let digits = "1600 0000 ef010203"
    #expect(ReadGroupMessage(igmpFrame(digits)) != nil)
    #expect(ReadGroupMessage(igmpFrame(digits, timeToLive: 2)) == nil)
    #expect(isClaimed(igmpFrame(digits, timeToLive: 2)))
    #expect(ReadGroupMessage(igmpFrame(digits, sum: 1)) == nil)
    var header = igmpFrame(digits)
    header[24] ^= 1
    #expect(ReadGroupMessage(header) == nil, "the checksum of the header")
    #expect(isClaimed(header))
  }

  @Test func brokenMLDIsMalformed() {
    let report = "8300 0000 0000 0000 \(ff15)"
    #expect(ReadGroupMessage(mldFrame(report)) != nil)
    let bad = [
      mldFrame(report, hopLimit: 2),
      mldFrame(report, from: IPv6Address(high: 0xFD00 << 48, low: 1)),
      mldFrame("8200 0000 0000 0000 \(ff15)", from: .unspecified),
      mldFrame("8300 0000 0000 0000 fd000000000000000000000000001234"),
      mldFrame("8200 0000 0000 0000 fd000000000000000000000000001234"),
      mldFrame("8200 0000 0000 0000 \(ff15) 02"),
      mldFrame("8200 0000 0000 0000 \(ff15) 027d 0001"),
      mldFrame("8300 0000 0000 0000"),
      mldFrame("8f00 0000 0000"),
      mldFrame("8f00 0000 0000 0001 01 00 0001 \(ff15)"),
    ]
    for (index, frame) in bad.enumerated() {
      #expect(ReadGroupMessage(frame) == nil, "case \(index)")
      #expect(isClaimed(frame), "case \(index)")
    }
    var sum = mldFrame(report)
    sum[57] ^= 1
    #expect(ReadGroupMessage(sum) == nil && isClaimed(sum))
    #expect(ReadGroupMessage(mldFrame(report, from: .unspecified)) != nil, "no address yet")
  }

  @Test func otherFramesAreLetGo() {
    for frame in [
      RealFrame.arpRequest, .ping4, .ping6, .solicitation, .advertisement,
    ] {
      #expect(!isClaimed(frame.bytes) && ReadGroupMessage(frame.bytes) == nil, "\(frame.name)")
    }
    let pim = igmpFrame("1400 0000 ef010203")
    #expect(!isClaimed(pim) && ReadGroupMessage(pim) == nil, "between routers")
    #expect(!isClaimed([]) && !isClaimed([UInt8](repeating: 0, count: 60)))
  }

  @Test func messagesAreDescribed() throws {
    let leave = try #require(IGMPMessage(Array(RealFrame.igmp2Leave.bytes[38...])))
    #expect(leave.description == "igmp leave of 239.1.2.3")
    let done = try #require(MLDMessage(Array(RealFrame.mld1Done.bytes[62...])))
    #expect(done.description == "mld done of ff15::1234")
    #expect(IGMPMessage(type: .query, group: .unspecified).description == "igmp query")
  }

  @Test func timesRoundDownToWhatTheirCodesCanSay() {
    for code in 0...UInt8.max { #expect(TimeCode.code8(TimeCode.number(code)) == code) }
    for code in 0...UInt16.max { #expect(TimeCode.code16(TimeCode.number(code)) == code) }
    for number in (0...40_000 as ClosedRange<UInt32>) {
      let shown = TimeCode.number(TimeCode.code8(number))
      #expect(shown <= number && (number > 31_744 || shown + number / 16 + 1 > number))
    }
    #expect(TimeCode.number(TimeCode.code16(.max)) == TimeCode.largest16)
    #expect(TimeCode.number(TimeCode.code8(.max)) == TimeCode.largest8)
  }
}
