// The key of a frame: what the rules of a filter can look at.
//
// The bytes are a frame without its outer 802.1Q tag. What stands behind the addresses is the EtherType,
// and only IP directly behind it is read: with a second tag the EtherType is that of the tag, and the packet
// is not looked into (vSphere's filter, too, sees the tag that the port handles and no further).
//
// Nothing here fails. What is cut off is missing from the key, and says so by its bits; a port or flags
// beyond the length that the IP header declares are padding and are missing too. Fragments (RFC 791, 3.2;
// RFC 8200, 4.5) other than the first have no ports. ICMP has none either.

internal import Base
public import Tables
internal import Wire

extension FlowKey {
  /// Reads the headers of a frame. `vlan` is that of the frame inside the switch, 0 for none.
  ///
  /// - Cost: 11 ns for TCP over IPv4; IPv6 extension headers are walked, at most eight.
  @inline(__always)
  public init(_ bytes: RawSpan, vlan: UInt16, ruleSet: UInt16) {
    self.init()
    transport = UInt64(ruleSet) & Self.ruleSetMask
    destinationLink = UInt64(vlan) & Self.vlanMask
    guard bytes.byteCount >= 14 else { return }
    let type = bytes.big16(12)
    destinationLink |= bytes.big48(0) << 16
    sourceLink = bytes.big48(6) << 16 | UInt64(type)
    if type == 0x0800 {
      readIPv4(bytes)
    } else if type == 0x86DD {
      readIPv6(bytes)
    }
  }

  @inline(__always)
  private mutating func readIPv4(_ bytes: RawSpan) {
    guard bytes.byteCount >= 34 else { return }
    let first = bytes.byte(14)
    let headerBytes = Int(first & 0xF) * 4
    guard first >> 4 == 4, headerBytes >= 20 else { return }
    sourceLow = 0xFFFF << 32 | UInt64(bytes.big32(26))
    destinationLow = 0xFFFF << 32 | UInt64(bytes.big32(30))
    destinationLink |= Self.hasAddressesBit
    let `protocol` = bytes.byte(23)
    transport |= UInt64(`protocol`) << 24
    let fragment = bytes.big16(20)
    if fragment & 0x3FFF != 0 {
      destinationLink |= Self.fragmentBit
      if fragment & 0x1FFF != 0 {
        destinationLink |= Self.laterBit
        return
      }
    }
    let end = min(bytes.byteCount, 14 + Int(bytes.big16(16)))
    readTransport(bytes, at: 14 + headerBytes, end: end, `protocol`)
  }

  @inline(__always)
  private mutating func readIPv6(_ bytes: RawSpan) {
    guard bytes.byteCount >= 54, bytes.byte(14) >> 4 == 6 else { return }
    sourceHigh = bytes.big64(22)
    sourceLow = bytes.big64(30)
    destinationHigh = bytes.big64(38)
    destinationLow = bytes.big64(46)
    destinationLink |= Self.hasAddressesBit
    let next = bytes.byte(20)
    switch IPProtocol(rawValue: next) {
    case .tcp, .udp, .icmpv6, .sctp:
      transport |= UInt64(next) << 24
      let end = min(bytes.byteCount, 54 + Int(bytes.big16(18)))
      readTransport(bytes, at: 54, end: end, next)
    default: readExtensions(bytes)
    }
  }

  /// The seldom part of IPv6. A packet whose headers cannot be followed has the unknown protocol.
  @inline(never)
  private mutating func readExtensions(_ bytes: RawSpan) {
    guard let view = IPv6View(bytes.extracting(droppingFirst: 14)), let layer = view.upperLayer
    else {
      transport |= UInt64(Self.unknownProtocol) << 24
      return
    }
    transport |= UInt64(layer.protocol.rawValue) << 24
    if layer.isFragment { destinationLink |= Self.fragmentBit }
    if layer.fragmentOffsetBytes != 0 {
      destinationLink |= Self.laterBit
      return
    }
    readTransport(
      bytes, at: 14 + layer.offset, end: 14 + view.bytes.byteCount, layer.protocol.rawValue)
  }

  /// Ports and TCP flags, as far as they are before `end`.
  @inline(__always)
  private mutating func readTransport(
    _ bytes: RawSpan, at offset: Int, end: Int, _ protocol: UInt8
  ) {
    switch IPProtocol(rawValue: `protocol`) {
    case .tcp, .udp, .sctp: break
    default: return
    }
    guard end >= offset + 4 else { return }
    transport |= UInt64(bytes.big32(offset)) << 32
    destinationLink |= Self.hasPortsBit
    guard `protocol` == 6, end >= offset + 14 else { return }
    transport |= UInt64(bytes.byte(offset + TCP.flagsOffset)) << 16 | Self.hasFlagsBit
  }
}
