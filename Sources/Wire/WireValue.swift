// What every small value of this module can do: be read from bytes and be written to bytes.
//
// A view proves that the bytes are well formed and reads them where they are; a value is a copy of
// the fields, to be compared, changed, printed and written again. The promise, held by the fuzzers:
// a value that was read, written and read again is the same value.

/// The fields of a header or packet, apart from its bytes.
public protocol WireValue: Hashable, Sendable, CustomStringConvertible {
  /// Reads the fields; nil when the bytes are too short or not of this protocol.
  init?(_ bytes: RawSpan)

  /// What `emit` writes.
  var byteCount: Int { get }

  /// Writes `byteCount` bytes from the start of `bytes` and returns that count.
  ///
  /// Traps when `bytes` is shorter.
  @discardableResult
  func emit(into bytes: inout MutableRawSpan) -> Int
}
