// The options that end every neighbour discovery message (RFC 4861, 4.6).
//
//   0     1           2
//   type  length / 8  data ...
//
// A length of 0 makes the whole message invalid (RFC 4861, 4.6); so the walk always moves on, and
// its bound is the length of the message: at most 8,190 options.

internal import Base

/// What solicitations and advertisements have in common.
public enum NeighborDiscovery {
  /// Where both keep the target address, from the ICMPv6 type.
  public static let targetOffset = 8
  /// Both, without options.
  public static let headerBytes = 24
  /// A link-layer address option for Ethernet.
  public static let linkLayerOptionBytes = 8
  /// Every receiver checks that the packet never crossed a router.
  public static let hopLimit: UInt8 = 255

  /// Source link-layer address.
  public static let sourceLinkLayerOption: UInt8 = 1
  /// Target link-layer address.
  public static let targetLinkLayerOption: UInt8 = 2

  /// Whether `bytes`, from `offset` to the end, is a row of whole options.
  @usableFromInline
  static func areOptionsValid(_ bytes: RawSpan, from offset: Int) -> Bool {
    var offset = offset
    while offset < bytes.byteCount {
      guard bytes.byteCount - offset >= 8 else { return false }
      let optionBytes = Int(bytes.byte(offset + 1)) * 8
      guard optionBytes > 0, optionBytes <= bytes.byteCount - offset else { return false }
      offset += optionBytes
    }
    return true
  }

  /// The Ethernet address in the first option of `type`. The options were found to be valid.
  @usableFromInline
  static func linkLayerAddress(
    _ type: UInt8, in bytes: RawSpan, from offset: Int
  ) -> MACAddress? {
    var offset = offset
    while offset < bytes.byteCount {
      let optionBytes = Int(bytes.byte(offset + 1)) * 8
      if bytes.byte(offset) == type {
        // Another length is the address of another kind of link.
        return optionBytes == linkLayerOptionBytes ? bytes.macAddress(at: offset + 2) : nil
      }
      offset += optionBytes
    }
    return nil
  }
}

extension MutableRawSpan {
  /// Writes a link-layer address option at `offset`; traps outside the span.
  mutating func setLinkLayerOption(_ type: UInt8, _ address: MACAddress, at offset: Int) {
    setByte(type, at: offset)
    setByte(1, at: offset + 1)
    setMACAddress(address, at: offset + 2)
  }
}
