// Times of IGMP and MLD that are a number up to half the range of their field, and floating point
// beyond it (RFC 3376, 4.1.1 and 4.1.7; RFC 3810, 5.1.3 and 5.1.9).
//
//   8 bits    1 | exponent 3 | mantissa 4      (mantissa + 16) << (exponent + 3)
//   16 bits   1 | exponent 3 | mantissa 12     (mantissa + 4096) << (exponent + 3)
//
// A number that has no code of its own gets that of the next lower one: who answers early answers.

/// Between such codes and numbers.
public enum TimeCode {
  /// 31,744: the largest number of an 8-bit code.
  public static let largest8: UInt32 = 31 << 10
  /// 8,387,584: the largest number of a 16-bit code.
  public static let largest16: UInt32 = 8191 << 10

  @inlinable
  public static func number(_ code: UInt8) -> UInt32 {
    guard code >= 128 else { return UInt32(code) }
    return (UInt32(code & 0xF) | 0x10) << (UInt32(code >> 4 & 7) + 3)
  }

  @inlinable
  public static func number(_ code: UInt16) -> UInt32 {
    guard code >= 32_768 else { return UInt32(code) }
    return (UInt32(code & 0xFFF) | 0x1000) << (UInt32(code >> 12 & 7) + 3)
  }

  public static func code8(_ number: UInt32) -> UInt8 {
    guard number >= 128 else { return UInt8(number) }
    let number = min(number, largest8)
    // The mantissa with its leading one has five bits.
    let shift = UInt32(27 - number.leadingZeroBitCount)
    return UInt8(0x80 | (shift - 3) << 4 | number >> shift & 0xF)
  }

  public static func code16(_ number: UInt32) -> UInt16 {
    guard number >= 32_768 else { return UInt16(number) }
    let number = min(number, largest16)
    // Thirteen bits.
    let shift = UInt32(19 - number.leadingZeroBitCount)
    return UInt16(0x8000 | (shift - 3) << 12 | number >> shift & 0xFFF)
  }
}
