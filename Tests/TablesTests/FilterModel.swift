// A filter as one would write it without a thought for speed: frames with optional fields, rules tried
// one after the other. It shares the rule's declaration with the real one, and nothing else.

import Base
import Tables
import Wire

/// What a frame says, field by field.
struct PlainFrame: Hashable {
  enum Fragment: CaseIterable { case whole, first, later }

  var sourceMAC = MACAddress(rawValue: 0x0050_5600_0001)
  var destinationMAC = MACAddress(rawValue: 0x0050_5600_0002)
  var etherType = EtherType.arp
  var vlan: UInt16 = 0
  var source: IPAddress?
  var destination: IPAddress?
  var `protocol`: IPProtocol?
  var fragment = Fragment.whole
  var sourcePort: UInt16?
  var destinationPort: UInt16?
  var flags: TCP.Flags?

  var key: FlowKey {
    var key = FlowKey()
    key.sourceMAC = sourceMAC
    key.destinationMAC = destinationMAC
    key.etherType = etherType
    key.vlan = vlan
    if let source, let destination {
      key.hasAddresses = true
      key.source = Self.wide(source)
      key.destination = Self.wide(destination)
      key.protocol = `protocol` ?? IPProtocol(rawValue: FlowKey.unknownProtocol)
      key.isFragment = fragment != .whole
      key.isLaterFragment = fragment == .later
    }
    if let sourcePort, let destinationPort {
      key.hasPorts = true
      key.sourcePort = sourcePort
      key.destinationPort = destinationPort
    }
    key.tcpFlags = flags
    return key
  }

  private static func wide(_ address: IPAddress) -> IPv6Address {
    switch address {
    case .v4(let address): FlowKey.mapped(address)
    case .v6(let address): address
    }
  }
}

extension FilterRule {
  /// Whether every qualifier holds.
  func plainlyMatches(_ frame: PlainFrame) -> Bool {
    linkMatches(frame) && networkMatches(frame) && transportMatches(frame)
  }

  private func linkMatches(_ frame: PlainFrame) -> Bool {
    for (match, mac) in [(sourceMAC, frame.sourceMAC), (destinationMAC, frame.destinationMAC)] {
      guard let match else { continue }
      for bit in 0..<UInt64(48) where match.mask.rawValue >> bit & 1 == 1 {
        if match.value.rawValue >> bit & 1 != mac.rawValue >> bit & 1 { return false }
      }
    }
    if let etherType, etherType != frame.etherType { return false }
    return vlans?.contains(frame.vlan) ?? true
  }

  private func networkMatches(_ frame: PlainFrame) -> Bool {
    for (prefix, address) in [(source, frame.source), (destination, frame.destination)] {
      guard let prefix else { continue }
      guard let address, prefix.contains(address) else { return false }
    }
    if let `protocol`, `protocol` != frame.protocol { return false }
    guard let fragment else { return true }
    return frame.source != nil && fragment == (frame.fragment != .whole)
  }

  private func transportMatches(_ frame: PlainFrame) -> Bool {
    for (ports, port) in [
      (sourcePorts, frame.sourcePort), (destinationPorts, frame.destinationPort),
    ] where !ports.isEmpty {
      guard let port, ports.contains(where: { $0.contains(port) }) else { return false }
    }
    guard let tcpFlags else { return true }
    guard let flags = frame.flags else { return false }
    return flags.intersection(tcpFlags.mask) == tcpFlags.value.intersection(tcpFlags.mask)
  }
}

/// The first rule that matches.
func plainMatch(_ rules: [FilterRule], _ frame: PlainFrame) -> Int? {
  rules.firstIndex { $0.plainlyMatches(frame) }
}

/// Rules and frames from a small world, so that they meet.
struct FilterWorld {
  var random: SeededRandom

  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: 0..<elements.count, using: &random)]
  }

  mutating func mac() -> MACAddress {
    MACAddress(
      rawValue: pick([0x0050_5600_0000, 0x0250_5600_0000]) | .random(in: 0...5, using: &random))
  }

  mutating func address(_ isV6: Bool) -> IPAddress {
    let host = UInt8.random(in: 0...7, using: &random)
    let net = UInt8.random(in: 0...2, using: &random)
    if !isV6 { return .v4(IPv4Address(10, 0, net, host)) }
    // One in a few is an IPv4-mapped address inside IPv6, which no IPv4 rule may take for its own.
    if chance(20) { return .v6(FlowKey.mapped(IPv4Address(10, 0, net, host))) }
    return .v6(IPv6Address(high: 0xFD00 << 48 | UInt64(net), low: UInt64(host)))
  }

  mutating func port() -> UInt16 { pick([22, 23, 80, 443, 1024, 5000, 65535]) }

  mutating func frame() -> PlainFrame {
    var frame = PlainFrame()
    frame.sourceMAC = mac()
    frame.destinationMAC = mac()
    frame.vlan = pick([0, 1, 10, 4094])
    let kind = Int.random(in: 0..<10, using: &random)
    if kind == 0 { return frame }
    let isV6 = kind > 6
    frame.etherType = isV6 ? .ipv6 : .ipv4
    if chance(5) { return frame }
    frame.source = address(isV6)
    frame.destination = address(isV6)
    frame.protocol = pick([.tcp, .tcp, .udp, .icmp, .sctp, IPProtocol(rawValue: 0)])
    if chance(15) { frame.fragment = pick([.first, .later]) }
    guard frame.fragment != .later, [.tcp, .udp, .sctp].contains(frame.protocol), !chance(5) else {
      return frame
    }
    frame.sourcePort = port()
    frame.destinationPort = port()
    if frame.protocol == .tcp && !chance(5) {
      frame.flags = pick([.syn, .ack, [.syn, .ack], [.fin, .ack], []])
    }
    return frame
  }

  mutating func prefix() -> IPPrefix? {
    let isV6 = chance(40)
    let address = address(isV6)
    let length = pick(isV6 ? [0, 64, 125, 128] : [0, 24, 30, 32])
    return IPPrefix(address, length: length)
  }

  mutating func ranges() -> [ClosedRange<UInt16>] {
    (0..<Int.random(in: 1...3, using: &random)).map { _ in
      let first = port()
      return chance(60) ? first...first : min(first, 1024)...max(first, 1024)
    }
  }

  mutating func rule() -> FilterRule {
    var rule = FilterRule(pick([.allow, .drop, .tag(cos: 3, dscp: nil), .tag(cos: nil, dscp: 26)]))
    let macMasks = [0xFFFF_FFFF_FFFF, 0xFFFF_FF00_0000, 0x0100_0000_0000] as [UInt64]
    if chance(15) { rule.sourceMAC = .init(mac(), mask: MACAddress(rawValue: pick(macMasks))) }
    if chance(15) { rule.destinationMAC = .init(mac(), mask: MACAddress(rawValue: pick(macMasks))) }
    if chance(15) { rule.etherType = pick([.ipv4, .ipv6, .arp]) }
    if chance(15) { rule.vlans = pick([0...0, 10...10, 1...10, 0...4095]) }
    if chance(40) { rule.source = prefix() }
    if chance(40) { rule.destination = prefix() }
    if chance(40) { rule.protocol = pick([.tcp, .udp, .icmp, IPProtocol(rawValue: 0)]) }
    if chance(20) { rule.sourcePorts = ranges() }
    if chance(40) { rule.destinationPorts = ranges() }
    if chance(15) {
      rule.tcpFlags = .init(pick([.syn, .ack, []]), mask: pick([.syn, [.syn, .ack], []]))
    }
    if chance(15) { rule.fragment = chance(50) }
    return rule
  }
}
