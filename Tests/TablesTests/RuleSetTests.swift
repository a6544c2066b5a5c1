// Rule sets: every qualifier by itself, order, and random rules against the plain model.

import Base
import Tables
import Testing
import Wire

/// A rule set that expectations can call: the macros copy what they look at.
private final class TestRules {
  private let compiled: RuleSet

  init(_ rules: [FilterRule], seed: UInt64 = 1) { compiled = RuleSet(rules, seed: seed) }

  var fieldMask: FlowKey { compiled.fieldMask }
  var classCount: Int { compiled.classCount }
  var isEmpty: Bool { compiled.isEmpty }

  func match(_ frame: PlainFrame) -> Int? { compiled.match(frame.key).rule }
  func match(_ key: FlowKey) -> FilterVerdict { compiled.match(key) }
}

private let tcp4: PlainFrame = {
  var frame = PlainFrame()
  frame.etherType = .ipv4
  frame.vlan = 10
  frame.source = .v4(IPv4Address(10, 0, 10, 1))
  frame.destination = .v4(IPv4Address(10, 0, 20, 2))
  frame.protocol = .tcp
  frame.sourcePort = 40_000
  frame.destinationPort = 23
  frame.flags = [.syn]
  return frame
}()

private let udp6: PlainFrame = {
  var frame = PlainFrame()
  frame.etherType = .ipv6
  frame.source = .v6(IPv6Address(high: 0xFD00_0010 << 32, low: 1))
  frame.destination = .v6(IPv6Address(high: 0xFD00_0010 << 32, low: 2))
  frame.protocol = .udp
  frame.sourcePort = 53
  frame.destinationPort = 5353
  return frame
}()

/// A frame and a rule that takes it, and another that does not.
struct Qualifier: Sendable, CustomTestStringConvertible {
  var name: String
  var frame: PlainFrame
  var matching: FilterRule
  var other: FilterRule

  fileprivate init(
    _ name: String, _ frame: PlainFrame, _ matching: (inout FilterRule) -> Void,
    not other: (inout FilterRule) -> Void
  ) {
    self.name = name
    self.frame = frame
    self.matching = FilterRule(.drop)
    self.other = FilterRule(.drop)
    matching(&self.matching)
    other(&self.other)
  }

  var testDescription: String { name }
}

private func prefix(_ text: String) -> IPPrefix? { IPPrefix(text) }

private let arp = PlainFrame()
private let firstMAC = MACAddress(rawValue: 0x0050_5600_0001)
private let secondMAC = MACAddress(rawValue: 0x0050_5600_0002)

private func with(_ frame: PlainFrame, _ change: (inout PlainFrame) -> Void) -> PlainFrame {
  var frame = frame
  change(&frame)
  return frame
}

private let later = with(tcp4) {
  $0.fragment = .later
  ($0.sourcePort, $0.destinationPort, $0.flags) = (nil, nil, nil)
}

private let qualifiers: [Qualifier] = [
  Qualifier(
    "source MAC", arp, { $0.sourceMAC = .init(firstMAC) }, not: { $0.sourceMAC = .init(secondMAC) }),
  Qualifier(
    "destination MAC", arp, { $0.destinationMAC = .init(secondMAC) },
    not: { $0.destinationMAC = .init(firstMAC) }),
  Qualifier(
    "MAC mask", arp,
    { $0.sourceMAC = .init(secondMAC, mask: MACAddress(rawValue: 0xFFFF_FFFF_FFFC)) },
    not: { $0.sourceMAC = .init(secondMAC, mask: MACAddress(rawValue: 0xFFFF_FFFF_FFFE)) }),
  Qualifier("etherType", arp, { $0.etherType = .arp }, not: { $0.etherType = .ipv4 }),
  Qualifier("vlan", tcp4, { $0.vlans = 10...10 }, not: { $0.vlans = 11...11 }),
  Qualifier("vlan range", tcp4, { $0.vlans = 10...20 }, not: { $0.vlans = 11...20 }),
  Qualifier("vlan range end", tcp4, { $0.vlans = 1...10 }, not: { $0.vlans = 1...9 }),
  Qualifier("untagged", arp, { $0.vlans = 0...0 }, not: { $0.vlans = 1...4094 }),
  Qualifier("protocol", tcp4, { $0.protocol = .tcp }, not: { $0.protocol = .udp }),
  Qualifier("protocol of ARP", arp, { _ in }, not: { $0.protocol = .hopByHop }),
  Qualifier(
    "source v4", tcp4, { $0.source = prefix("10.0.10.0/24") },
    not: { $0.source = prefix("10.0.11.0/24") }),
  Qualifier(
    "source host", tcp4, { $0.source = prefix("10.0.10.1/32") },
    not: { $0.source = prefix("10.0.10.0/32") }),
  Qualifier(
    "destination v4", tcp4, { $0.destination = prefix("10.0.20.99/24") },
    not: { $0.destination = prefix("10.0.21.0/24") }),
  Qualifier(
    "all of v4", tcp4, { $0.source = prefix("0.0.0.0/0") }, not: { $0.source = prefix("::/0") }),
  Qualifier(
    "all of v6", udp6, { $0.source = prefix("::/0") }, not: { $0.source = prefix("0.0.0.0/0") }),
  Qualifier(
    "source v6", udp6, { $0.source = prefix("fd00:10::/64") },
    not: { $0.source = prefix("fd00:10:0:1::/64") }),
  Qualifier(
    "destination v6", udp6, { $0.destination = prefix("fd00:10::2/127") },
    not: { $0.destination = prefix("fd00:10::/127") }),
  Qualifier(
    "source port", tcp4, { $0.sourcePorts = [40_000...40_000] }, not: { $0.sourcePorts = [23...23] }
  ),
  Qualifier(
    "destination port", tcp4, { $0.destinationPorts = [23...23] },
    not: { $0.destinationPorts = [40_000...40_000] }),
  Qualifier(
    "port ranges", tcp4, { $0.destinationPorts = [80...90, 20...23, 443...443] },
    not: { $0.destinationPorts = [80...90, 0...22, 24...65_535] }),
  Qualifier(
    "port list", tcp4, { $0.destinationPorts = [80...80, 23...23] },
    not: { $0.destinationPorts = [80...80, 22...22] }),
  Qualifier(
    "both ports", tcp4,
    {
      $0.sourcePorts = [1024...65_535]
      $0.destinationPorts = [22...23]
    },
    not: {
      $0.sourcePorts = [1024...65_535]
      $0.destinationPorts = [24...25]
    }),
  Qualifier("any port, of ARP", arp, { _ in }, not: { $0.destinationPorts = [0...65_535] }),
  Qualifier(
    "flags set", tcp4, { $0.tcpFlags = .init([.syn], mask: [.syn, .ack]) },
    not: { $0.tcpFlags = .init([.syn, .ack], mask: [.syn, .ack]) }),
  Qualifier(
    "flags clear", tcp4, { $0.tcpFlags = .init([], mask: [.ack]) },
    not: { $0.tcpFlags = .init([], mask: [.syn]) }),
  Qualifier("flags, of UDP", udp6, { _ in }, not: { $0.tcpFlags = .init([], mask: [.ack]) }),
  Qualifier("no fragment", tcp4, { $0.fragment = false }, not: { $0.fragment = true }),
  Qualifier("fragment, of ARP", arp, { _ in }, not: { $0.fragment = false }),
  Qualifier(
    "first fragment", with(tcp4) { $0.fragment = .first }, { $0.fragment = true },
    not: { $0.fragment = false }),
  Qualifier(
    "first fragment has ports", with(tcp4) { $0.fragment = .first },
    { $0.destinationPorts = [23...23] }, not: { $0.destinationPorts = [24...24] }),
  Qualifier("later fragment", later, { $0.fragment = true }, not: { $0.fragment = false }),
  Qualifier(
    "later fragment has no ports", later, { $0.protocol = .tcp },
    not: { $0.destinationPorts = [0...65_535] }),
  Qualifier(
    "contradiction", tcp4, { $0.etherType = .ipv4 },
    not: {
      $0.etherType = .arp
      $0.source = prefix("10.0.10.0/24")
    }),
]

@Suite struct RuleSetTests {
  @Test(arguments: qualifiers)
  func aQualifierHoldsOrDoesNot(qualifier: Qualifier) {
    let rules = TestRules([qualifier.other, qualifier.matching])
    #expect(rules.match(qualifier.frame) == 1)
    #expect(TestRules([qualifier.other]).match(qualifier.frame) == nil)
    #expect(plainMatch([qualifier.other, qualifier.matching], qualifier.frame) == 1, "the model")
  }

  @Test func theFirstRuleDecidesAndNoneMeansAllow() {
    var telnet = FilterRule(.drop)
    telnet.protocol = .tcp
    telnet.destinationPorts = [23...23]
    var host = FilterRule(.tag(cos: 0, dscp: 46))
    host.source = prefix("10.0.10.1/32")
    let first = TestRules([telnet, host])
    #expect(first.match(tcp4.key).isDrop && first.match(tcp4.key).rule == 0)
    let second = TestRules([host, telnet]).match(tcp4.key)
    #expect(!second.isDrop && second.isTag && second.cos == 0 && second.dscp == 46)
    #expect(first.match(udp6.key) == .allow)
    #expect(TestRules([]).isEmpty && TestRules([]).match(tcp4.key) == .allow)
  }

  @Test(arguments: Array(1...40) as [UInt64])
  func randomRulesAgreeWithThePlainModel(seed: UInt64) {
    var world = FilterWorld(seed: seed)
    let count = Int.random(in: 1...60, using: &world.random)
    let rules = (0..<count).map { _ in world.rule() }
    let set = TestRules(rules, seed: seed)
    var hits = Set<Int>()
    for _ in 0..<500 {
      let frame = world.frame()
      let expected = plainMatch(rules, frame)
      #expect(set.match(frame) == expected, "seed \(seed), \(frame)")
      let masked = frame.key.masked(by: set.fieldMask)
      #expect(set.match(masked).rule == expected, "masked, seed \(seed), \(frame)")
      if let expected { hits.insert(expected) }
    }
    #expect(hits.count > 1 || count < 10, "the world is too small: seed \(seed)")
  }

  @Test func theFieldMaskIsWhatTheRulesLookAt() {
    var rule = FilterRule(.drop)
    rule.destination = prefix("10.0.20.0/24")
    let mask = TestRules([rule]).fieldMask
    var expected = FlowKey()
    expected.ruleSet = 0x7FFF
    expected.etherType = EtherType(rawValue: 0xFFFF)
    expected.hasAddresses = true
    expected.destinationLow = 0xFFFF_FF00
    #expect(mask == expected)
  }

  @Test func tenThousandRulesMakeFewClasses() {
    let rules = (0..<10_000).map { number -> FilterRule in
      var rule = FilterRule(.drop)
      let octets = (UInt8(number >> 8), UInt8(truncatingIfNeeded: number))
      switch number % 3 {
      case 0:
        rule.protocol = .tcp
        rule.destinationPorts = [UInt16(number)...UInt16(number)]
      case 1: rule.source = IPPrefix(host: .v4(IPv4Address(10, 1, octets.0, octets.1)))
      default: rule.destination = IPPrefix(.v4(IPv4Address(11, octets.0, octets.1, 0)), length: 24)
      }
      return rule
    }
    let set = TestRules(rules)
    #expect(set.classCount == 3)
    for number in stride(from: 0, to: 9_999, by: 3) {
      #expect(set.match(with(tcp4) { $0.destinationPort = UInt16(number) }) == number)
    }
  }
}
