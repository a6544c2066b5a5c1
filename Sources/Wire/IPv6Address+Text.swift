// IPv6 addresses as text: every form of RFC 4291, 2.2 is read; the one form of RFC 5952 is written.
//
//   2001:db8:0:0:8:800:200c:417a      eight groups of one to four hexadecimal digits
//   2001:db8::8:800:200c:417a         one `::` for one or more groups of zeros
//   ::ffff:192.0.2.1                  the last two groups in dotted decimal
//
// A zone (`fe80::1%eth0`) belongs to an interface, not to an address, and is not read.

extension IPv6Address: TextCodable {
  public static var textName: String { "an IPv6 address" }

  public init?(_ text: String) {
    guard text.utf8.count <= 45 else { return nil }  // the longest form, INET6_ADDRSTRLEN less one
    var head = GroupList()
    var tail = GroupList()
    if let gap = Self.gap(in: text.utf8) {
      guard head.append(parsing: text.utf8[..<gap], mayEndInIPv4: false),
        tail.append(parsing: text.utf8[text.utf8.index(gap, offsetBy: 2)...], mayEndInIPv4: true),
        head.count + tail.count < 8
      else { return nil }
    } else {
      guard head.append(parsing: text.utf8[...], mayEndInIPv4: true), head.count == 8
      else { return nil }
    }
    let (headHigh, headLow) = head.shifted(byGroups: 8 - head.count)
    self.init(high: headHigh | tail.high, low: headLow | tail.low)
  }

  /// Where the first `::` is.
  private static func gap(in text: String.UTF8View) -> String.Index? {
    var previous: UInt8 = 0
    for index in text.indices {
      if text[index] == UInt8(ascii: ":") && previous == UInt8(ascii: ":") {
        return text.index(before: index)
      }
      previous = text[index]
    }
    return nil
  }

  /// Lower case, no leading zeros, the first longest run of two or more zero groups as `::`, and
  /// dotted decimal at the end of an IPv4-mapped address (RFC 5952, 4 and 5).
  public var description: String {
    if high == 0 && low >> 32 == 0xFFFF {
      return "::ffff:\(IPv4Address(rawValue: UInt32(truncatingIfNeeded: low)))"
    }
    let zeros = longestZeroRun
    guard zeros.count >= 2 else { return text(0..<8) }
    return text(0..<zeros.lowerBound) + "::" + text(zeros.upperBound..<8)
  }

  private func text(_ groups: Range<Int>) -> String {
    groups.map { String(group($0), radix: 16) }.joined(separator: ":")
  }

  /// The first of the longest runs of groups that are zero; empty when there is none.
  private var longestZeroRun: Range<Int> {
    var longest = 0..<0
    var start = 0
    for index in 0..<8 where group(index) != 0 {
      if index - start > longest.count { longest = start..<index }
      start = index + 1
    }
    if 8 - start > longest.count { longest = start..<8 }
    return longest
  }
}

/// Up to eight groups of an address, read from left to right, the last in the low bits.
private struct GroupList {
  var high: UInt64 = 0
  var low: UInt64 = 0
  var count = 0

  mutating func append(_ group: UInt64) -> Bool {
    guard count < 8 else { return false }
    high = high << 16 | low >> 48
    low = low << 16 | group
    count += 1
    return true
  }

  /// Appends the groups of one side of the `::`; an empty side has none. False when malformed.
  mutating func append(parsing text: Substring.UTF8View, mayEndInIPv4: Bool) -> Bool {
    guard !text.isEmpty else { return true }
    let parts = text.split(
      separator: UInt8(ascii: ":"), maxSplits: 8, omittingEmptySubsequences: false)
    for (position, part) in parts.enumerated() {
      if mayEndInIPv4 && position == parts.count - 1 && part.contains(UInt8(ascii: ".")) {
        guard let address = IPv4Address(octets: part), append(UInt64(address.rawValue >> 16)),
          append(UInt64(address.rawValue & 0xFFFF))
        else { return false }
      } else {
        guard let group = Self.hexadecimal(part), append(group) else { return false }
      }
    }
    return true
  }

  private static func hexadecimal(_ digits: Substring.UTF8View) -> UInt64? {
    guard (1...4).contains(digits.count) else { return nil }
    var value: UInt64 = 0
    for digit in digits {
      guard let nibble = Character(UnicodeScalar(digit)).hexDigitValue else { return nil }
      value = value << 4 | UInt64(nibble)
    }
    return value
  }

  /// The groups moved left, as the first of eight.
  func shifted(byGroups groups: Int) -> (high: UInt64, low: UInt64) {
    let bits = UInt64(groups * 16)
    if bits >= 128 { return (0, 0) }
    if bits >= 64 { return (low << (bits - 64), 0) }
    return (high << bits | (bits == 0 ? 0 : low >> (64 - bits)), low << bits)
  }
}
