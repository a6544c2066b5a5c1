// Random packets and random rules for them: few addresses and ports, so that rules match.

import Base

extension RandomSwitches {
  /// An IP packet and its bytes behind the Ethernet header.
  mutating func packet(isIPv6: Bool) -> (ModelPacket, [UInt8]) {
    let number: UInt8 = pick([6, 6, 17, 17, isIPv6 ? 58 : 1, 132])
    var packet = ModelPacket(
      source: address(isIPv6: isIPv6), destination: address(isIPv6: isIPv6), number: number)
    let isPart = chance(15)
    packet.isFragment = isPart
    packet.isLaterFragment = isPart && chance(50)
    let transport = transport(&packet)
    return (packet, isIPv6 ? Self.ipv6(packet, transport) : Self.ipv4(packet, transport))
  }

  private mutating func address(isIPv6: Bool) -> [UInt8] {
    let low: [UInt8] = [pick([10, 192]), UInt8(number(below: 2)), 0, UInt8(number(below: 256))]
    let high: [UInt8] = [0xFD, 0, 0, UInt8(number(below: 2)), 0, 0, 0, 0, 0, 0, 0, 0]
    return isIPv6 ? high + low : low
  }

  private mutating func port() -> UInt16 { pick([22, 23, 80, 16_384, 20_000, 65_535]) }

  /// The first twenty bytes behind the IP header; notes what can be read of them.
  private mutating func transport(_ packet: inout ModelPacket) -> [UInt8] {
    let (source, destination) = (port(), port())
    let flags = UInt8(number(below: 64))
    var bytes = [UInt8](repeating: 0, count: 20)
    bytes[0] = UInt8(source >> 8)
    bytes[1] = UInt8(source & 0xFF)
    bytes[2] = UInt8(destination >> 8)
    bytes[3] = UInt8(destination & 0xFF)
    bytes[12] = 5 << 4
    bytes[13] = flags
    if !packet.isLaterFragment && [6, 17, 132].contains(packet.number) {
      packet.ports = (source, destination)
      if packet.number == 6 { packet.flags = flags }
    }
    return bytes
  }

  private static func ipv4(_ packet: ModelPacket, _ transport: [UInt8]) -> [UInt8] {
    // More fragments, or an offset of eight bytes.
    let fragment: UInt8 = packet.isFragment && !packet.isLaterFragment ? 0x20 : 0
    return [
      0x45, 0, 0, 40, 0, 1, fragment, packet.isLaterFragment ? 1 : 0, 64, packet.number, 0, 0,
    ]
      + packet.source + packet.destination + transport
  }

  private static func ipv6(_ packet: ModelPacket, _ transport: [UInt8]) -> [UInt8] {
    var rest = transport
    var next = packet.number
    if packet.isFragment {
      rest = [next, 0, 0, packet.isLaterFragment ? 8 : 1, 0, 0, 0, 1] + rest
      next = 44
    }
    return [0x60, 0, 0, 0, 0, UInt8(rest.count), next, 64] + packet.source + packet.destination
      + rest
  }

  // MARK: - Flows

  /// A frame that is like another in all but one thing, which may matter or not.
  mutating func lookalike(_ other: ModelFrame) -> ModelFrame {
    var frame = other
    let kind = number(below: 12)
    if kind == 0 { frame.ingress = number(below: Self.portCount) }
    if kind == 1 { frame.vlan = frame.vlan == nil ? 0 : nil }
    if kind == 2 { frame.bytes += [UInt8](repeating: 0, count: pick([1, 1_432, 1_433])) }
    guard frame.etherType == 0x0800, var packet = frame.packet, !packet.isFragment else {
      return frame
    }
    switch kind {
    case 3: declare(pick([23, 24, 33, 34]), &packet, &frame.bytes)
    case 4: addOptions(&packet, &frame.bytes)
    case 5: cut(&packet, &frame.bytes)
    case 6 where packet.number == 6:
      frame.bytes[47] = UInt8(number(below: 64))
      packet.flags = frame.bytes[47]
    case 7:
      frame.bytes[37] ^= 1
      packet.ports?.destination ^= 1
    case 8:
      frame.bytes[35] ^= 1
      packet.ports?.source ^= 1
    case 9:
      frame.bytes[33] ^= 1
      packet.destination[3] ^= 1
    case 10:
      frame.bytes[29] ^= 1
      packet.source[3] ^= 1
    default:
      // Class, number, "don't fragment", life, and what is behind the ports.
      for offset in [15, 18, 22, 40] { frame.bytes[offset] = UInt8(number(below: 256)) }
      frame.bytes[20] = pick([0x40, 0])
    }
    frame.packet = packet
    return frame
  }

  /// A total length that leaves no room for flags, or not even for ports.
  private mutating func declare(
    _ byteCount: UInt8, _ packet: inout ModelPacket, _ bytes: inout [UInt8]
  ) {
    bytes[17] = byteCount
    if byteCount < 24 { packet.ports = nil }
    if byteCount < 34 { packet.flags = nil }
  }

  /// What stood at the place of the ports is an option now; behind it are zeroes.
  private func addOptions(_ packet: inout ModelPacket, _ bytes: inout [UInt8]) {
    bytes[14] = 0x46
    if packet.ports != nil { packet.ports = (0, 0) }
    if packet.flags != nil { packet.flags = 0 }
  }

  /// The first fragment, which has ports, or a later one.
  private mutating func cut(_ packet: inout ModelPacket, _ bytes: inout [UInt8]) {
    packet.isFragment = true
    packet.isLaterFragment = chance(50)
    (bytes[20], bytes[21]) = packet.isLaterFragment ? (0, 1) : (0x20, 0)
    if packet.isLaterFragment { (packet.ports, packet.flags) = (nil, nil) }
  }

  // MARK: - Rules

  mutating func rules() -> [ModelRule] {
    guard chance(35) else { return [] }
    return (0...number(below: 4)).map { _ in rule() }
  }

  private mutating func rule() -> ModelRule {
    var rule = ModelRule(id: Int(random.next() >> 1))
    if chance(15) { rule.sourceMAC = mac() }
    if chance(15) { rule.destinationMAC = mac() }
    if chance(15) { rule.etherType = pick([0x0800, 0x86DD, 0x88B5, 0x8100]) }
    if chance(15) { rule.vlans = pick([0...0, 10...10, 0...20, 100...101, 102...103]) }
    let isIPv6 = chance(50)
    if chance(20) { rule.source = prefix(isIPv6: isIPv6) }
    if chance(20) { rule.destination = prefix(isIPv6: isIPv6) }
    if chance(20) { rule.number = pick([6, 17, 1, 58]) }
    if chance(10) { rule.sourcePorts = ranges() }
    if chance(15) { rule.destinationPorts = ranges() }
    if chance(10) {
      let mask = UInt8(number(below: 64))
      rule.flags = (UInt8(number(below: 64)) & mask, mask)
    }
    if chance(10) { rule.isFragment = chance(50) }
    switch number(below: 10) {
    case 0..<3: rule.action = .drop
    case 3..<7:
      let cos = chance(60) ? UInt8(number(below: 8)) : nil
      rule.action = .tag(cos: cos, dscp: cos == nil || chance(50) ? UInt8(number(below: 64)) : nil)
    default: rule.action = .allow
    }
    return rule
  }

  private mutating func mac() -> (UInt64, UInt64) {
    let value = pick(Self.knownAddresses + Self.strangers + Self.groups)
    return (value, pick([0xFFFF_FFFF_FFFF, 0xFFFF_FF00_0000, 0x0000_0000_0001, 0xFFFF_FFFF_FFFC]))
  }

  private mutating func prefix(isIPv6: Bool) -> ModelPrefix {
    let length = isIPv6 ? pick([0, 16, 32, 104, 112, 127]) : pick([0, 8, 16, 24, 31])
    return ModelPrefix(bytes: address(isIPv6: isIPv6), length: length)
  }

  private mutating func ranges() -> [ClosedRange<UInt16>] {
    (0...number(below: 2)).map { _ in pick([22...22, 23...23, 80...80, 16_384...32_767, 0...1_023])
    }
  }
}
