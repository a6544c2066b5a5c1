// What a MAC table answers: where an address is, how that is known, and when it was last seen.

/// Where a MAC address is.
@frozen
public struct MACEntry: Equatable, Sendable, BitwiseCopyable {
  /// How the switch came to know the address.
  @frozen
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// Told by the plan: the vNIC's own address. Never ages, never moves by itself.
    case `static` = 0
    /// Seen as a source on a port whose port group learns.
    case learned = 1
    /// Announced beyond an uplink.
    case external = 2
  }

  /// The raw index of the port, of the uplink for an external address.
  public var port: UInt16
  public var kind: Kind
  /// Seconds of the monotonic clock; meaningless for static entries.
  public var seenSeconds: UInt32

  @inlinable
  public init(port: UInt16, kind: Kind, seenSeconds: UInt32) {
    self.port = port
    self.kind = kind
    self.seenSeconds = seenSeconds
  }

  @inlinable
  init(packed: UInt64) {
    port = UInt16(truncatingIfNeeded: packed)
    kind = Kind(rawValue: UInt8(truncatingIfNeeded: packed >> 16)) ?? .static
    seenSeconds = UInt32(truncatingIfNeeded: packed >> 32)
  }

  /// The bits of `packed` that say where, not when.
  @inlinable
  static var placeMask: UInt64 { 0xFFFF_FFFF }

  @inlinable
  var packed: UInt64 { UInt64(seenSeconds) << 32 | UInt64(kind.rawValue) << 16 | UInt64(port) }
}
