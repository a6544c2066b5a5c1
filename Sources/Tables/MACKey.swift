// What a MAC table is asked for: an address in a VLAN, in one 64-bit number.
//
//   63 ................ 16   15    14 .. 12   11 ...... 0
//   MAC address              one   zero       VLAN
//
// Bit 15 is always set, so that no key is 0: that is an empty slot of a table.

public import Wire

/// A MAC address in a VLAN.
@frozen
public struct MACKey: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt64

  @inlinable
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The low 12 bits of `vlan` count.
  @inlinable
  public init(_ address: MACAddress, vlan: UInt16) {
    rawValue = address.rawValue << 16 | 0x8000 | UInt64(vlan & 0xFFF)
  }

  /// Stands for every VLAN: the static entry of a trunk port. 4095 is reserved by IEEE 802.1Q, so no
  /// frame carries it.
  public static let anyVLAN: UInt16 = 0xFFF

  @inlinable
  public var address: MACAddress { MACAddress(rawValue: rawValue >> 16) }

  @inlinable
  public var vlan: UInt16 { UInt16(truncatingIfNeeded: rawValue) & 0xFFF }
}
