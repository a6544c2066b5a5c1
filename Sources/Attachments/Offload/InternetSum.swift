// The Internet checksum's running sum (RFC 1071): ones' complement, 16 bits, any order of words.
//
// The sum is taken over 32-bit words in the machine's order and turned at the end (RFC 1071, 2 (B)),
// which is several times faster than reading 16-bit words in network order.

internal import Base

/// A sum that parts are added to; only the last part may have an odd number of bytes.
struct InternetSum: BitwiseCopyable {
  /// 32-bit words can be added four thousand million times before it overflows.
  private var total: UInt64 = 0

  init() {}

  /// Starts from a 16-bit sum, such as a sender left in a checksum field.
  init(_ sum: UInt16) { add(sum) }

  mutating func add(_ word: UInt16) { total &+= UInt64(word.bigEndian) }

  mutating func add(_ bytes: RawSpan) {
    let words = bytes.byteCount / 4
    var sum: UInt64 = 0
    for index in 0..<words {
      // SAFETY: 4 * words <= byteCount, and every bit pattern is a valid integer.
      let word = unsafe bytes.unsafeLoadUnaligned(
        fromUncheckedByteOffset: index * 4, as: UInt32.self)
      sum &+= UInt64(word)
    }
    var rest = words * 4
    if bytes.byteCount - rest >= 2 {
      sum &+= UInt64(bytes.big16(rest).bigEndian)
      rest += 2
    }
    if rest < bytes.byteCount { sum &+= UInt64((UInt16(bytes.byte(rest)) << 8).bigEndian) }
    // Folded once, so that many parts cannot overflow the total.
    total &+= (sum & 0xFFFF_FFFF) &+ (sum >> 32)
  }

  /// The sum in 16 bits.
  var folded: UInt16 {
    var sum = (total & 0xFFFF_FFFF) &+ (total >> 32)
    sum = (sum & 0xFFFF) &+ (sum >> 16)
    sum = (sum & 0xFFFF) &+ (sum >> 16)
    sum = (sum & 0xFFFF) &+ (sum >> 16)
    return UInt16(bigEndian: UInt16(truncatingIfNeeded: sum))
  }

  /// The checksum to be written.
  var checksum: UInt16 { ~folded }

  /// The checksum of TCP and UDP, never zero: in UDP zero means that there is none (RFC 768), and in ones'
  /// complement 0xFFFF is the same number.
  var transportChecksum: UInt16 { checksum == 0 ? 0xFFFF : checksum }
}
