// What an Ethernet frame carries (IEEE 802 Numbers registry, IANA).
//
// The constants are computed: from another module, a stored one of a struct type costs a call.

public import Base

/// The type field of an Ethernet header; up to 1500 it is a length instead (IEEE 802.3, 3.2.6).
@frozen
public struct EtherType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt16

  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  @inlinable public static var ipv4: EtherType { EtherType(rawValue: 0x0800) }
  @inlinable public static var arp: EtherType { EtherType(rawValue: 0x0806) }
  @inlinable public static var rarp: EtherType { EtherType(rawValue: 0x8035) }
  /// A customer tag (C-tag) follows.
  @inlinable public static var vlan: EtherType { EtherType(rawValue: 0x8100) }
  /// A service tag (S-tag) follows.
  @inlinable public static var serviceVLAN: EtherType { EtherType(rawValue: 0x88A8) }
  @inlinable public static var ipv6: EtherType { EtherType(rawValue: 0x86DD) }
  /// LACP and its kin (IEEE 802.3, 57A).
  @inlinable public static var slowProtocols: EtherType { EtherType(rawValue: 0x8809) }
  @inlinable public static var lldp: EtherType { EtherType(rawValue: 0x88CC) }

  /// A length, so that an 802.2 header follows.
  @inlinable
  public var isLength: Bool { rawValue <= 1500 }

  /// A tag of either kind.
  @inlinable
  public var isTag: Bool { rawValue == 0x8100 || rawValue == 0x88A8 }
}

extension EtherType: CustomStringConvertible {
  /// The name that tcpdump(1) uses, or the number.
  public var description: String {
    switch self {
    case .ipv4: "IPv4"
    case .arp: "ARP"
    case .rarp: "RARP"
    case .vlan: "802.1Q"
    case .serviceVLAN: "802.1ad"
    case .ipv6: "IPv6"
    case .slowProtocols: "slow protocols"
    case .lldp: "LLDP"
    default: "0x" + String(UInt32(rawValue) + 0x1_0000, radix: 16).dropFirst()
    }
  }
}

extension RawSpan {
  /// The EtherType at `offset`; traps outside the span.
  @inlinable @inline(__always)
  public func etherType(at offset: Int) -> EtherType { EtherType(rawValue: big16(offset)) }
}
