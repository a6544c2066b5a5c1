// An internet address of either family, and an address with the length of its network.

/// An IPv4 or an IPv6 address.
@frozen
public enum IPAddress: Hashable, Comparable, Sendable, BitwiseCopyable {
  case v4(IPv4Address)
  case v6(IPv6Address)

  /// 32 or 128.
  @inlinable
  public var bitCount: Int {
    switch self {
    case .v4: IPv4Address.bitCount
    case .v6: IPv6Address.bitCount
    }
  }

  /// Could be the address of one host; see each family.
  @inlinable
  public var isUnicast: Bool {
    switch self {
    case .v4(let address): address.isUnicast
    case .v6(let address): address.isUnicast
    }
  }

  /// The address with every bit after the first `length` cleared. Traps outside `0...bitCount`.
  public func masked(toLength length: Int) -> IPAddress {
    precondition((0...bitCount).contains(length), "a prefix length out of range")
    switch self {
    case .v4(let address):
      // Swift's shift of 32 or more gives 0, so that length 0 needs no special case.
      return .v4(IPv4Address(rawValue: address.rawValue & (UInt32.max << (32 - length))))
    case .v6(let address):
      return .v6(
        IPv6Address(
          high: address.high & (length >= 64 ? .max : UInt64.max << (64 - length)),
          low: address.low & (length <= 64 ? 0 : UInt64.max << (128 - length))))
    }
  }

  /// IPv4 before IPv6, then by number.
  public static func < (left: Self, right: Self) -> Bool {
    switch (left, right) {
    case (.v4(let left), .v4(let right)): left < right
    case (.v6(let left), .v6(let right)): left < right
    case (.v4, .v6): true
    case (.v6, .v4): false
    }
  }
}

extension IPAddress: TextCodable {
  public static var textName: String { "an IP address" }

  /// Reads either family.
  public init?(_ text: String) {
    if let address = IPv4Address(text) {
      self = .v4(address)
    } else if let address = IPv6Address(text) {
      self = .v6(address)
    } else {
      return nil
    }
  }

  public var description: String {
    switch self {
    case .v4(let address): address.description
    case .v6(let address): address.description
    }
  }
}

/// An address and the length of its network's prefix: `10.0.10.1/24` keeps the `.1`.
@frozen
public struct IPPrefix: Hashable, Comparable, Sendable, BitwiseCopyable {
  public let address: IPAddress
  /// 0-32 or 0-128.
  public let length: Int

  /// Nil when the length is out of range for the family.
  public init?(_ address: IPAddress, length: Int) {
    guard (0...address.bitCount).contains(length) else { return nil }
    self.address = address
    self.length = length
  }

  /// One host alone: /32 or /128.
  public init(host address: IPAddress) {
    self.address = address
    length = address.bitCount
  }

  /// The same network with the host part cleared: `10.0.10.0/24`.
  public var network: IPPrefix {
    IPPrefix(unchecked: address.masked(toLength: length), length: length)
  }

  /// The host part is zero, as in a network's own name.
  public var isNetwork: Bool { address == address.masked(toLength: length) }

  /// Whether `other` is of the same family and in the same network.
  public func contains(_ other: IPAddress) -> Bool {
    other.bitCount == address.bitCount
      && other.masked(toLength: length) == address.masked(toLength: length)
  }

  private init(unchecked address: IPAddress, length: Int) {
    self.address = address
    self.length = length
  }

  public static func < (left: Self, right: Self) -> Bool {
    left.address == right.address ? left.length < right.length : left.address < right.address
  }
}

extension IPPrefix: TextCodable {
  public static var textName: String { "an address with a prefix length, as 10.0.10.1/24" }

  /// Reads `ADDRESS/LENGTH`. The length is needed: for a bare address, see `init(host:)`.
  public init?(_ text: String) {
    guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")),
      let address = IPAddress(String(text[..<slash])),
      let length = decimal(text.utf8[text.utf8.index(after: slash)...], upTo: address.bitCount)
    else { return nil }
    self.init(address, length: length)
  }

  public var description: String { "\(address)/\(length)" }
}
