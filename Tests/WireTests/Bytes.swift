// Arrays where Wire takes spans: the macros of Testing cannot hold a value that does not escape.

internal import Base
internal import Wire

extension WireValue {
  init?(_ bytes: [UInt8]) { self.init(bytes.rawSpan) }

  /// What `emit` writes, over bytes that were not zero.
  var emitted: [UInt8] {
    var bytes = [UInt8](repeating: 0xFF, count: byteCount)
    let count = bytes.withMutableRawSpan { emit(into: &$0) }
    return Array(bytes[..<count])
  }
}

extension AddressClaim {
  init?(_ frame: [UInt8]) { self.init(frame.rawSpan) }
}

extension Checksum {
  init(_ bytes: [UInt8]) { self.init(bytes.rawSpan) }
}

/// Bytes from hexadecimal digits; white space is ignored.
func hex(_ digits: String) -> [UInt8] {
  let nibbles = digits.compactMap { $0.hexDigitValue.map { UInt8($0) } }
  return stride(from: 0, to: nibbles.count - 1, by: 2).map { nibbles[$0] << 4 | nibbles[$0 + 1] }
}
