// The 802.1Q tag (IEEE 802.1Q-2018, 9.6) as Martlet carries it: beside the frame, never inside.
//
// An attachment takes the outermost C-tag out of the bytes when a frame comes in and puts one back
// when it leaves; between the two the switch reads and writes only this value, and frames that go
// to several ports with different tags share one copy of their bytes.
//
//   bit 16      15 14 13    12     11 ... 0
//   present     priority    DEI    VLAN identifier

/// No tag, or a tag's control information.
@frozen
public struct VLANTag: Hashable, Sendable, BitwiseCopyable {
  @usableFromInline
  var bits: UInt32

  @inlinable
  init(bits: UInt32) { self.bits = bits }

  @inlinable public static var none: VLANTag { VLANTag(bits: 0) }

  /// The EtherType of a customer tag.
  public static let etherType: UInt16 = 0x8100
  /// What a tag adds to the bytes of a frame.
  public static let byteCount = 4

  /// A tag from its 16 bits of control information, as on the wire.
  @inlinable
  public init(controlInformation: UInt16) { bits = 0x1_0000 | UInt32(controlInformation) }

  /// A tag for a VLAN (0-4095; only the low 12 bits count) and a priority (0-7).
  @inlinable
  public init(vlan: UInt16, priority: UInt8 = 0) {
    self.init(controlInformation: UInt16(priority & 7) << 13 | vlan & 0xFFF)
  }

  @inlinable
  public var isPresent: Bool { bits & 0x1_0000 != 0 }

  /// The VLAN identifier: 0 when there is no tag, and in a priority tag.
  @inlinable
  public var vlan: UInt16 { UInt16(truncatingIfNeeded: bits) & 0xFFF }

  /// The class of service (PCP), 0 when there is no tag.
  @inlinable
  public var priority: UInt8 { UInt8(truncatingIfNeeded: bits >> 13) & 7 }

  /// The 16 bits on the wire; 0 when there is no tag.
  @inlinable
  public var controlInformation: UInt16 { UInt16(truncatingIfNeeded: bits) }

  /// The same priority and drop eligibility in another VLAN.
  @inlinable
  public func moved(toVLAN vlan: UInt16) -> VLANTag {
    VLANTag(controlInformation: controlInformation & 0xF000 | vlan & 0xFFF)
  }
}

extension VLANTag: CustomStringConvertible {
  public var description: String {
    guard isPresent else { return "untagged" }
    return priority == 0 ? "vlan \(vlan)" : "vlan \(vlan) priority \(priority)"
  }
}
