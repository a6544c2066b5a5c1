// What a filter changes in the bytes of a frame on its way to one port: the DSCP, so far.

/// A DSCP to put into the IP header (RFC 2474), or nothing.
///
/// - Shape: one byte; 0 is nothing.
@frozen
public struct Rewrite: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt8

  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  @inlinable public static var none: Rewrite { Rewrite(rawValue: 0) }

  /// Gives a DSCP of 0-63; nil is nothing. Only the low six bits count.
  @inlinable
  public init(dscp: UInt8?) {
    rawValue = if let dscp { 0x40 | dscp & 0x3F } else { 0 }
  }

  /// The DSCP to put in, or nil.
  @inlinable
  public var dscp: UInt8? { rawValue & 0x40 == 0 ? nil : rawValue & 0x3F }
}
