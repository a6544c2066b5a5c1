// IPv4 addresses (RFC 791), kept as a number, first octet highest.

public import Base

/// A 32-bit internet address.
@frozen
public struct IPv4Address: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
  public var rawValue: UInt32

  @inlinable
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// An address from its four octets, as it is written.
  @inlinable
  public init(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
    rawValue =
      UInt32(first) << 24 | UInt32(second) << 16 | UInt32(third) << 8 | UInt32(fourth)
  }

  /// 0.0.0.0: "this host", or no address.
  @inlinable public static var unspecified: IPv4Address { IPv4Address(rawValue: 0) }
  @inlinable public static var broadcast: IPv4Address { IPv4Address(rawValue: .max) }
  public static let bitCount = 32

  @inlinable
  public var isUnspecified: Bool { rawValue == 0 }

  /// 224.0.0.0/4 (RFC 5771).
  @inlinable
  public var isMulticast: Bool { rawValue >> 28 == 0xE }

  /// 127.0.0.0/8 (RFC 1122, 3.2.1.3).
  @inlinable
  public var isLoopback: Bool { rawValue >> 24 == 127 }

  /// 169.254.0.0/16 (RFC 3927).
  @inlinable
  public var isLinkLocal: Bool { rawValue >> 16 == 0xA9FE }

  /// Could be the address of one host: not 0.0.0.0/8, loopback, multicast or 240.0.0.0/4.
  @inlinable
  public var isUnicast: Bool { rawValue >> 24 != 0 && !isLoopback && rawValue >> 28 < 0xE }

  /// The Ethernet group address that carries this multicast address (RFC 1112, 6.4).
  @inlinable
  public var multicastMAC: MACAddress {
    MACAddress(rawValue: 0x0100_5E00_0000 | UInt64(rawValue & 0x7F_FFFF))
  }

  @inlinable
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The octet at `index`, 0 being the first on the wire.
  @inlinable
  public func octet(_ index: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: rawValue >> UInt32(24 - 8 * index))
  }
}

extension IPv4Address: TextCodable {
  public static var textName: String { "an IPv4 address" }

  public init(from decoder: any Decoder) throws { self = try Self.decodedText(from: decoder) }

  public func encode(to encoder: any Encoder) throws { try encodeText(to: encoder) }

  /// Reads dotted decimal: four numbers 0-255 without leading zeros, as inet_pton(3) does.
  public init?(_ text: String) {
    self.init(octets: text.utf8[...])
  }

  init?(octets text: Substring.UTF8View) {
    let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      guard let octet = decimal(part, upTo: 255) else { return nil }
      value = value << 8 | UInt32(octet)
    }
    rawValue = value
  }

  public var description: String { "\(octet(0)).\(octet(1)).\(octet(2)).\(octet(3))" }
}

/// A decimal number without sign or leading zeros; nil when it is not one or above `limit`.
func decimal(_ digits: Substring.UTF8View, upTo limit: Int) -> Int? {
  guard (1...5).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0")
  else { return nil }
  var value = 0
  for digit in digits {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
    value = value * 10 + Int(digit - UInt8(ascii: "0"))
  }
  return value <= limit ? value : nil
}

extension RawSpan {
  /// The IPv4 address at `offset`; traps outside the span.
  @inlinable @inline(__always)
  public func ipv4Address(at offset: Int) -> IPv4Address { IPv4Address(rawValue: big32(offset)) }
}

extension MutableRawSpan {
  /// Writes an IPv4 address at `offset`; traps outside the span.
  @inlinable @inline(__always)
  public mutating func setIPv4Address(_ address: IPv4Address, at offset: Int) {
    setBig32(address.rawValue, at: offset)
  }
}
