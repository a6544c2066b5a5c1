// The internet checksum (RFC 1071), and its update in place (RFC 1624).
//
// The sum is that of 16-bit words in network order, modulo 65535. It does not care how the words
// are grouped, so eight bytes are added at a time, with the carry brought back; and parts can be
// summed apart and combined, as long as each begins at an even offset or says that it does not.
//
// A sum of 0 has two forms, 0x0000 and 0xFFFF. Only words that are all zero give 0x0000 here, as
// they do in the plain 16-bit sum.

internal import Base

/// A sum of 16-bit words that can be added to.
@frozen
public struct Checksum: Sendable, BitwiseCopyable {
  /// Not folded: any number that is the sum modulo 65535.
  @usableFromInline
  var sum: UInt64

  /// The sum of nothing.
  @inlinable
  public init() { sum = 0 }

  /// A sum that was folded before: what a checksum field holds in a frame that needs completion.
  @inlinable
  public init(folded: UInt16) { sum = UInt64(folded) }

  /// The sum of `bytes`; of an odd number the last is the high half of a word.
  @inlinable
  public init(_ bytes: RawSpan) {
    self.init()
    add(bytes)
  }

  /// Adds bytes that begin at an even offset of the data.
  public mutating func add(_ bytes: RawSpan) {
    // Two sums side by side: one chain of add-with-carry would wait for itself.
    var even: UInt64 = 0
    var odd: UInt64 = 0
    var offset = 0
    let count = bytes.byteCount
    while count - offset >= 16 {
      even = Self.plus(even, bytes.big64(offset))
      odd = Self.plus(odd, bytes.big64(offset + 8))
      offset += 16
    }
    if count - offset >= 8 {
      even = Self.plus(even, bytes.big64(offset))
      offset += 8
    }
    if count - offset >= 4 {
      odd = Self.plus(odd, UInt64(bytes.big32(offset)))
      offset += 4
    }
    if count - offset >= 2 {
      even = Self.plus(even, UInt64(bytes.big16(offset)))
      offset += 2
    }
    if offset < count { odd = Self.plus(odd, UInt64(bytes.byte(offset)) << 8) }
    sum = Self.plus(sum, Self.plus(even, odd))
  }

  /// Adds one 16-bit word.
  @inlinable
  public mutating func add(_ word: UInt16) { sum = Self.plus(sum, UInt64(word)) }

  /// Adds 32 bits, as two words.
  @inlinable
  public mutating func add(_ words: UInt32) { sum = Self.plus(sum, UInt64(words)) }

  /// Adds 64 bits, as four words.
  @inlinable
  public mutating func add(_ words: UInt64) { sum = Self.plus(sum, words) }

  /// Adds the sum of a later part, which begins `offset` bytes into the data.
  ///
  /// A part that begins at an odd offset has its bytes in the other halves of the words.
  @inlinable
  public mutating func add(_ part: Checksum, atOffset offset: Int = 0) {
    let folded = part.folded
    add(offset & 1 == 0 ? folded : folded.byteSwapped)
  }

  /// The 16-bit sum, not inverted.
  @inlinable
  public var folded: UInt16 {
    var sum = (sum >> 32) + (sum & 0xFFFF_FFFF)
    sum = (sum >> 16) + (sum & 0xFFFF)
    sum = (sum >> 16) + (sum & 0xFFFF)
    sum = (sum >> 16) + (sum & 0xFFFF)
    return UInt16(truncatingIfNeeded: sum)
  }

  /// What goes into a checksum field: the inverted sum.
  @inlinable
  public var field: UInt16 { ~folded }

  /// Of data with its checksum field included: nothing was changed on the way.
  @inlinable
  public var isValid: Bool { folded == 0xFFFF }

  @inlinable @inline(__always)
  static func plus(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, carry) = left.addingReportingOverflow(right)
    return sum &+ (carry ? 1 : 0)
  }
}

extension Checksum {
  /// The pseudo-header of TCP and UDP over IPv4 (RFC 9293, 3.1).
  @inlinable
  public init(
    source: IPv4Address, destination: IPv4Address, protocol: IPProtocol, payloadBytes: Int
  ) {
    self.init()
    add(source.rawValue)
    add(destination.rawValue)
    add(UInt16(`protocol`.rawValue))
    add(UInt32(truncatingIfNeeded: payloadBytes))
  }

  /// The pseudo-header of upper layers over IPv6 (RFC 8200, 8.1).
  @inlinable
  public init(
    source: IPv6Address, destination: IPv6Address, protocol: IPProtocol, payloadBytes: Int
  ) {
    self.init()
    add(source.high)
    add(source.low)
    add(destination.high)
    add(destination.low)
    add(UInt32(truncatingIfNeeded: payloadBytes))
    add(UInt16(`protocol`.rawValue))
  }

  /// The checksum field after one of the words under it changed (RFC 1624, equation 3).
  @inlinable
  public static func updated(_ field: UInt16, from old: UInt16, to new: UInt16) -> UInt16 {
    var sum = Checksum(folded: ~field)
    sum.add(~old)
    sum.add(new)
    return sum.field
  }

  /// The checksum field after two of the words under it changed: an IPv4 address, for one.
  @inlinable
  public static func updated(_ field: UInt16, from old: UInt32, to new: UInt32) -> UInt16 {
    var sum = Checksum(folded: ~field)
    sum.add(~old)
    sum.add(new)
    return sum.field
  }
}
