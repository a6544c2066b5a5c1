// Ethernet addresses (IEEE 802-2014, clause 8), kept as a number so that tables can hash them.

public import Base

/// A 48-bit Ethernet address, in the low bits of `rawValue`, first octet highest.
@frozen
public struct MACAddress: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
  public var rawValue: UInt64

  /// Keeps the low 48 bits.
  @inlinable
  public init(rawValue: UInt64) { self.rawValue = rawValue & 0xFFFF_FFFF_FFFF }

  @inlinable public static var zero: MACAddress { MACAddress(rawValue: 0) }
  @inlinable public static var broadcast: MACAddress { MACAddress(rawValue: 0xFFFF_FFFF_FFFF) }

  /// The group bit: a multicast address, broadcast included.
  @inlinable
  public var isMulticast: Bool { rawValue & 0x0100_0000_0000 != 0 }

  @inlinable
  public var isBroadcast: Bool { rawValue == 0xFFFF_FFFF_FFFF }

  /// 01-80-C2-00-00-00 to -0F: reserved by IEEE 802.1Q-2018 table 8-1, never forwarded by a bridge.
  @inlinable
  public var isReserved: Bool { rawValue >> 4 == 0x0180_C200_0000 >> 4 }

  /// Where bridges send spanning tree frames: 01-80-C2-00-00-00 (IEEE 802.1Q-2018, 8.13), and
  /// 01-00-0C-CC-CC-CD (Cisco, per VLAN).
  @inlinable
  public var isSpanningTree: Bool {
    rawValue == 0x0180_C200_0000 || rawValue == 0x0100_0CCC_CCCD
  }

  @inlinable
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The octet at `index`, 0 being the first on the wire.
  @inlinable
  public func octet(_ index: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: rawValue >> UInt64(40 - 8 * index))
  }
}

extension MACAddress: LosslessStringConvertible {
  /// Reads `00:50:56:00:00:01` or `00-50-56-00-00-01`: six pairs of hexadecimal digits.
  public init?(_ text: some StringProtocol) {
    let pairs = text.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
    guard pairs.count == 6 else { return nil }
    var value: UInt64 = 0
    for pair in pairs {
      guard pair.utf8.count == 2, pair.allSatisfy(\.isHexDigit), let octet = UInt8(pair, radix: 16)
      else { return nil }
      value = value << 8 | UInt64(octet)
    }
    self.init(rawValue: value)
  }

  public init?(_ text: String) { self.init(text[...]) }

  /// Six pairs of lower-case hexadecimal digits, with colons.
  public var description: String {
    (0..<6).map { index in
      let digits = String(octet(index), radix: 16)
      return digits.utf8.count == 1 ? "0" + digits : digits
    }.joined(separator: ":")
  }
}

extension MACAddress: TextCodable {
  public static var textName: String { "a MAC address" }

  public init(from decoder: any Decoder) throws { self = try Self.decodedText(from: decoder) }

  public func encode(to encoder: any Encoder) throws { try encodeText(to: encoder) }
}

extension RawSpan {
  /// The Ethernet address at `offset`; traps outside the span.
  @inlinable @inline(__always)
  public func macAddress(at offset: Int) -> MACAddress { MACAddress(rawValue: big48(offset)) }
}

extension MutableRawSpan {
  /// Writes an Ethernet address at `offset`; traps outside the span.
  @inlinable @inline(__always)
  public mutating func setMACAddress(_ address: MACAddress, at offset: Int) {
    setBig48(address.rawValue, at: offset)
  }
}
