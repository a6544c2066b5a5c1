// Policies made at random, of which any three of one style are valid as switch, port group and port.

import Base
import Model
import Wire

/// What the policies of one switch have in common, so that no two of them contradict each other.
struct PolicyStyle {
  enum Team: CaseIterable {
    /// IP hash may be said: nobody names a standby uplink or beacons.
    case channel
    /// Beacons may be said: every order has two uplinks, and nobody says IP hash.
    case probed
    /// Neither.
    case plain
  }

  var uplinks: [String]
  var team: Team
  /// Learning may be said: the switch accepts forged transmits, and nobody rejects them.
  var learns: Bool

  init(uplinks: [String], _ maker: inout TopologyMaker) {
    self.uplinks = uplinks
    let team = maker.one(of: Team.allCases)
    self.team = team == .probed && uplinks.count < 2 ? .plain : team
    learns = maker.chance()
  }
}

extension TopologyMaker {
  mutating func policy(_ style: PolicyStyle, seesTags: Bool = false) -> Policy {
    Policy(
      blocked: some(chance()),
      security: SecurityPolicy(
        allowPromiscuous: some(chance()), macChanges: some(chance()),
        forgedTransmits: style.learns ? true : some(chance()), blockGuestBPDU: some(chance()),
        reversePathCheckPromiscuous: some(chance())),
      macLearning: MACLearningPolicy(
        enabled: some(style.learns && chance()), allowUnicastFlooding: some(chance()),
        limit: some(count(1...4096)), limitPolicy: some(chance() ? .drop : .allow)),
      inShaping: shaping(), outShaping: shaping(), filter: some(filter(seesTags: seesTags)),
      teaming: teaming(style))
  }

  /// No average above, and no peak below the default of both.
  private mutating func shaping() -> ShapingPolicy {
    ShapingPolicy(
      enabled: some(chance()), averageBandwidth: some(count(8_000...100_000_000)),
      peakBandwidth: some(count(100_000_000...400_000_000_000)),
      burstSize: some(count(1_500...1_073_741_824)))
  }

  private mutating func teaming(_ style: PolicyStyle) -> TeamingPolicy {
    let hash: [LoadBalancing] = style.team == .channel ? [.ipHash] : []
    let probes: [FailureDetection] = style.team == .probed ? [.beaconProbing] : []
    var teaming = TeamingPolicy(
      policy: some(one(of: [.portID, .explicitOrder, .physicalLoad, .sourceMAC] + hash)),
      failureDetection: some(one(of: [.linkStatus] + probes)), failback: some(chance()),
      notifySwitches: some(chance()), loadThresholdPercent: some(count(10...100)),
      loadInterval: some(count(10...3600)))
    guard chance() else { return teaming }
    let order = style.uplinks.shuffled(using: &random)
    let active = count((style.team == .probed ? 2 : 0)...order.count)
    teaming.activeUplinks = Array(order[..<active])
    if style.team != .channel {
      teaming.standbyUplinks = some(Array(order[active..<count(active...order.count)]))
    }
    return teaming
  }

  mutating func filter(seesTags: Bool) -> [FilterRule] {
    (0..<count(0...3)).map { rule("rule-\($0)", seesTags: seesTags) }
  }

  private mutating func rule(_ name: String, seesTags: Bool) -> FilterRule {
    let tag = count(0...2)
    let actions: [FilterAction] = [
      .allow, .drop,
      .tag(
        cos: tag != 0 ? UInt8(count(0...7)) : nil, dscp: tag != 1 ? UInt8(count(0...63)) : nil),
    ]
    var rule = FilterRule(
      name: name, direction: one(of: FilterDirection.allCases), sourceMAC: some(macPattern()),
      destinationMAC: some(macPattern()), action: one(of: actions))
    if seesTags { rule.vlan = some(range(upTo: 4094)) }
    let isV6 = chance()
    switch count(0...3) {
    case 0: rule.etherType = EtherType(rawValue: one(of: [0x0806, 0x8922, 0x0600, 0xFFFF]))
    case 1: rule.etherType = isV6 ? .ipv6 : .ipv4
    default:
      rule.source = some(prefix(isV6))
      rule.destination = some(prefix(isV6))
      rule.fragment = some(chance())
      let transports: [IPProtocol] = [.tcp, .udp, .sctp]
      let others: [IPProtocol] = (isV6 ? [.icmpv6] : [.icmp, .igmp]) + [IPProtocol(rawValue: 200)]
      rule.protocol = some(one(of: transports + others))
      guard let number = rule.protocol, transports.contains(number) else { break }
      rule.sourcePorts = (0..<count(0...2)).map { _ in range(upTo: .max) }
      rule.destinationPorts = (0..<count(0...2)).map { _ in range(upTo: .max) }
      let set = UInt8(count(0...255))
      if number == .tcp, set != 0 {
        rule.tcpFlags = some(TCPFlagPattern(set: set, clear: UInt8(count(0...255)) & ~set)!)
      }
    }
    return rule
  }

  private mutating func macPattern() -> MACPattern {
    let address = MACAddress(rawValue: random.next())
    switch count(0...2) {
    case 0: return MACPattern(address)
    case 1: return MACPattern(address, prefixLength: count(0...48))
    default: return MACPattern(address, mask: MACAddress(rawValue: random.next()))
    }
  }

  private mutating func range(upTo highest: UInt16) -> FilterRange {
    let low = UInt16(count(0...Int(highest)))
    return chance() ? FilterRange(low) : FilterRange(low...UInt16(count(Int(low)...Int(highest))))
  }

  private mutating func prefix(_ isV6: Bool) -> IPPrefix {
    isV6
      ? IPPrefix(
        .v6(IPv6Address(high: random.next(), low: random.next())), length: count(0...128))!
      : IPPrefix(
        .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: random.next()))),
        length: count(0...32))!
  }
}
