// IPv6 addresses (RFC 4291), kept as two numbers: the first eight octets and the last eight.

public import Base

/// A 128-bit internet address, without a zone.
@frozen
public struct IPv6Address: Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The first eight octets, first octet highest: the network, usually.
  public var high: UInt64
  /// The last eight octets: the interface identifier, usually.
  public var low: UInt64

  @inlinable
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// `::`, no address.
  @inlinable public static var unspecified: IPv6Address { IPv6Address(high: 0, low: 0) }
  /// `ff02::1`, every node on the link.
  @inlinable public static var allNodes: IPv6Address { IPv6Address(high: 0xFF02 << 48, low: 1) }
  /// `ff02::2`, every router on the link.
  @inlinable public static var allRouters: IPv6Address { IPv6Address(high: 0xFF02 << 48, low: 2) }
  public static let bitCount = 128

  @inlinable
  public var isUnspecified: Bool { high | low == 0 }

  @inlinable
  public var isMulticast: Bool { high >> 56 == 0xFF }

  /// `::1`.
  @inlinable
  public var isLoopback: Bool { high == 0 && low == 1 }

  /// fe80::/10.
  @inlinable
  public var isLinkLocal: Bool { high >> 54 == 0xFE80 >> 6 }

  /// Could be the address of one host: not `::`, `::1` or multicast.
  @inlinable
  public var isUnicast: Bool { !isMulticast && !(high == 0 && low <= 1) }

  /// Where a neighbour solicitation for this address is sent (RFC 4291, 2.7.1).
  @inlinable
  public var solicitedNode: IPv6Address {
    IPv6Address(high: 0xFF02 << 48, low: 0x1_FF00_0000 | low & 0xFF_FFFF)
  }

  /// The Ethernet group address that carries this multicast address (RFC 2464, 7).
  @inlinable
  public var multicastMAC: MACAddress { MACAddress(rawValue: 0x3333 << 32 | low & 0xFFFF_FFFF) }

  /// The link-local address made from a MAC address (RFC 4291, appendix A).
  public init(linkLocal mac: MACAddress) {
    let octets = mac.rawValue ^ 0x0200_0000_0000
    high = 0xFE80 << 48
    low = (octets >> 24) << 40 | 0xFF_FE00_0000 | octets & 0xFF_FFFF
  }

  @inlinable
  public static func < (left: Self, right: Self) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }

  /// The 16 bits at `index` (0-7), as between two colons.
  @inlinable
  public func group(_ index: Int) -> UInt16 {
    let half = index < 4 ? high : low
    return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index & 3)))
  }
}

extension RawSpan {
  /// The IPv6 address at `offset`; traps outside the span.
  @inlinable @inline(__always)
  public func ipv6Address(at offset: Int) -> IPv6Address {
    IPv6Address(high: big64(offset), low: big64(offset + 8))
  }
}

extension MutableRawSpan {
  /// Writes an IPv6 address at `offset`; traps outside the span.
  @inlinable @inline(__always)
  public mutating func setIPv6Address(_ address: IPv6Address, at offset: Int) {
    setBig64(address.high, at: offset)
    setBig64(address.low, at: offset + 8)
  }
}
