// The values that a filter rule compares with: masked addresses, ranges of numbers, TCP flags. Each
// has one text form, which files, JSON and tables share.

public import Wire

/// A set of Ethernet addresses: those that agree with `address` in the bits of `mask`.
public struct MACPattern: Hashable, Sendable {
  public let address: MACAddress
  public let mask: MACAddress

  /// Clears the bits of the address that the mask does not ask for.
  public init(_ address: MACAddress, mask: MACAddress = .broadcast) {
    self.address = MACAddress(rawValue: address.rawValue & mask.rawValue)
    self.mask = mask
  }

  /// The addresses that begin with the first `prefixLength` bits. Traps outside 0-48.
  public init(_ address: MACAddress, prefixLength: Int) {
    precondition((0...48).contains(prefixLength), "a MAC prefix length out of range")
    self.init(address, mask: MACAddress(rawValue: UInt64.max << UInt64(48 - prefixLength)))
  }

  /// How many leading bits the mask has, if it has no others.
  public var prefixLength: Int? {
    let count = (~(mask.rawValue << 16)).leadingZeroBitCount
    return MACPattern(.broadcast, prefixLength: count).mask == mask ? count : nil
  }

  public func contains(_ other: MACAddress) -> Bool {
    other.rawValue & mask.rawValue == address.rawValue
  }
}

extension MACPattern: TextCodable {
  public static var textName: String { "a MAC address, as \"00:50:56:00:00:00/24\"" }

  /// Reads `MAC`, `MAC/LENGTH` and `MAC/MASK`.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = MACAddress(parts[0]) else { return nil }
    guard parts.count == 2 else {
      self.init(address)
      return
    }
    if let mask = MACAddress(parts[1]) {
      self.init(address, mask: mask)
    } else if let length = UInt8(digits: parts[1]), length <= 48 {
      self.init(address, prefixLength: Int(length))
    } else {
      return nil
    }
  }

  /// Without a mask for one address, with a length for a prefix, with a mask for anything else.
  public var description: String {
    switch prefixLength {
    case 48?: address.description
    case let length?: "\(address)/\(length)"
    case nil: "\(address)/\(mask)"
    }
  }
}

/// Numbers from `low` to `high`: TCP or UDP ports, or VLANs.
public struct FilterRange: Hashable, Sendable {
  public let low: UInt16
  /// At least `low`.
  public let high: UInt16

  public init(_ range: ClosedRange<UInt16>) {
    low = range.lowerBound
    high = range.upperBound
  }

  public init(_ number: UInt16) { self.init(number...number) }

  public var range: ClosedRange<UInt16> { low...high }
  public func contains(_ number: UInt16) -> Bool { range.contains(number) }
}

extension FilterRange: LosslessStringConvertible {
  public init?(_ text: String) {
    let bounds = text.split(separator: "-", omittingEmptySubsequences: false)
    guard (1...2).contains(bounds.count), let low = UInt16(digits: bounds[0]),
      let high = UInt16(digits: bounds[bounds.count - 1]), low <= high
    else { return nil }
    self.init(low...high)
  }

  /// `23` or `16384-32767`.
  public var description: String { low == high ? "\(low)" : "\(low)-\(high)" }
}

/// TCP flags that must be set, and that must be clear; the others may be either.
public struct TCPFlagPattern: Hashable, Sendable {
  /// The flags of RFC 9293, by the bit that each has in the header.
  public static let names = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"]

  public let set: UInt8
  public let clear: UInt8

  /// Nil when a flag is to be both.
  public init?(set: UInt8 = 0, clear: UInt8 = 0) {
    guard set & clear == 0 else { return nil }
    self.set = set
    self.clear = clear
  }

  public func contains(_ flags: UInt8) -> Bool { flags & (set | clear) == set }

  /// `["syn", "!ack"]`.
  public var words: [String] {
    Self.names.indices.compactMap { bit in
      if set >> bit & 1 == 1 { return Self.names[bit] }
      return clear >> bit & 1 == 1 ? "!\(Self.names[bit])" : nil
    }
  }

  /// Reads what `words` gives, in any order. Nil for another word, or a flag that is to be both.
  public init?(words: [String]) {
    var (set, clear): (UInt8, UInt8) = (0, 0)
    for word in words {
      let name = word.hasPrefix("!") ? String(word.dropFirst()) : word
      guard let bit = Self.names.firstIndex(of: name) else { return nil }
      if word.hasPrefix("!") { clear |= 1 << bit } else { set |= 1 << bit }
    }
    self.init(set: set, clear: clear)
  }
}

extension IPProtocol {
  /// The protocols that a rule may name; the others are numbers.
  static let words: [(word: String, value: IPProtocol)] = [
    ("tcp", .tcp), ("udp", .udp), ("icmp", .icmp), ("icmpv6", .icmpv6), ("sctp", .sctp),
    ("igmp", .igmp),
  ]

  var word: String? { Self.words.first { $0.value == self }?.word }

  init?(word: String) {
    guard let found = Self.words.first(where: { $0.word == word }) else { return nil }
    self = found.value
  }
}

extension EtherType {
  /// The types that a rule may name; the others are numbers.
  static let words: [(word: String, value: EtherType)] = [
    ("ipv4", .ipv4), ("ipv6", .ipv6), ("arp", .arp),
  ]

  var word: String? { Self.words.first { $0.value == self }?.word }

  init?(word: String) {
    guard let found = Self.words.first(where: { $0.word == word }) else { return nil }
    self = found.value
  }
}

extension FixedWidthInteger {
  /// Decimal digits and nothing else: no sign.
  init?(digits text: some StringProtocol) {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    self.init(text, radix: 10)
  }
}
