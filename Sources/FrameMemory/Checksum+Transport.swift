// The one rule by which a transport checksum differs from a plain Internet checksum.

public import Wire

extension Checksum {
  /// The field of TCP and UDP, never zero: in UDP zero says that there is none (RFC 768), and in
  /// ones' complement 0xFFFF is the same number.
  @inlinable
  public var transportField: UInt16 { field == 0 ? 0xFFFF : field }
}
