// Masked addresses, ranges and TCP flags: what they contain, and their texts.

import Base
import Model
import Testing
import Wire

@Suite struct FilterPatternTests {
  @Test(arguments: [
    ("00:50:56:00:00:01", "00:50:56:00:00:01", 48),
    ("00:50:56:ff:ff:ff/24", "00:50:56:00:00:00/24", 24),
    ("ff:ff:ff:ff:ff:ff/0", "00:00:00:00:00:00/0", 0),
    ("00:50:56:00:00:01/48", "00:50:56:00:00:01", 48),
    ("01:00:00:00:00:00/01:00:00:00:00:00", "01:00:00:00:00:00/01:00:00:00:00:00", nil),
    ("00:50:56:00:00:00/ff:ff:ff:00:00:00", "00:50:56:00:00:00/24", 24),
  ])
  func macPatterns(_ text: String, _ expected: String, _ length: Int?) throws {
    let pattern = try #require(MACPattern(text))
    #expect(pattern.description == expected)
    #expect(pattern.prefixLength == length)
    #expect(MACPattern(expected) == pattern)
  }

  @Test(arguments: [
    "", "00:50:56", "00:50:56:00:00:00/", "00:50:56:00:00:00/49", "00:50:56:00:00:00/+1",
  ])
  func refusesMACs(_ text: String) { #expect(MACPattern(text) == nil) }

  @Test(arguments: 0..<200 as Range<UInt64>) func aPatternContainsByItsMask(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let (address, mask) = (random.next(), random.next() | random.next())
    let pattern = MACPattern(MACAddress(rawValue: address), mask: MACAddress(rawValue: mask))
    for _ in 0..<20 {
      // Few bits differ, so that some are in.
      let other = address ^ (random.next() & random.next() & random.next())
      let agrees = (0..<48).allSatisfy { mask >> $0 & 1 == 0 || (address ^ other) >> $0 & 1 == 0 }
      #expect(pattern.contains(MACAddress(rawValue: other)) == agrees, "seed \(seed)")
    }
  }

  @Test(arguments: ["", "-", "1-", "2-1", "65536", "1-2-3", "a", "+1"])
  func refusesRanges(_ text: String) { #expect(FilterRange(text) == nil) }

  @Test func ranges() {
    #expect(FilterRange("0-65535")?.range == 0...65535)
    #expect(FilterRange("23-23")?.description == "23")
    #expect(FilterRange(5...9).contains(9) && !FilterRange(5...9).contains(10))
  }

  @Test func tcpFlags() throws {
    let pattern = try #require(TCPFlagPattern(words: ["!ack", "syn"]))
    #expect(pattern.words == ["syn", "!ack"])
    #expect(pattern.set == TCP.Flags.syn.rawValue && pattern.clear == TCP.Flags.ack.rawValue)
    for flags in 0...255 as ClosedRange<UInt8> {
      let isSYN = TCP.Flags(rawValue: flags).contains(.syn)
      let isACK = TCP.Flags(rawValue: flags).contains(.ack)
      #expect(pattern.contains(flags) == (isSYN && !isACK))
    }
    #expect(TCPFlagPattern(words: ["syn", "!syn"]) == nil)
    #expect(TCPFlagPattern(words: ["SYN"]) == nil)
  }

  @Test func aRuleKeepsNetworks() throws {
    let prefix = try #require(IPPrefix("10.0.10.5/24"))
    var rule = FilterRule(name: "a", source: prefix, action: .drop)
    #expect(rule.source == prefix.network)
    rule.destination = prefix
    #expect(rule.destination == prefix.network)
  }

  @Test func rulesMadeInCodeAreChecked() {
    let rules = [
      FilterRule(name: "a", sourcePorts: [FilterRange(1)], action: .tag(cos: nil, dscp: nil)),
      FilterRule(name: "a", action: .drop),
    ]
    let topology = Topology(
      name: "t", hosts: [Host(name: "h")],
      standardSwitches: [
        StandardSwitch(
          host: "h", name: "s", policy: Policy(filter: rules),
          settings: SwitchSettings(privateVlans: [
            PrivateVLAN(primary: 0, secondary: 4095, type: .isolated)
          ]))
      ])
    let told = topology.validationFailures().map(\.why)
    #expect(told.contains("`sourcePorts` needs a protocol that has ports"))
    #expect(told.contains("the action `tag` sets nothing"))
    #expect(told.contains { $0.hasPrefix("the name `a` is already taken") })
    #expect(told.contains("`primary` is 0, which is out of range"))
    #expect(told.contains("`secondary` is 4095, which is out of range"))
  }
}
