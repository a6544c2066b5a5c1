// 802.1Q tags where they still are in the bytes (IEEE 802.1Q-2018, 9.3-9.6).
//
//   12      14                    16      18
//   0x8100  control information   type    payload ...          one tag
//   0x88A8  control information   0x8100  control information  type  payload ...      two tags
//
// Two tags are as many as are read: what lies below them is opaque to the switch.

public import Base

/// Where the fields of a tag are, from its own EtherType, and how to write them.
public enum VLAN {
  public static let etherTypeOffset = 0
  public static let controlInformationOffset = 2
  public static let tagBytes = 4

  /// Writes a tag, its EtherType first, at `offset`; an absent tag is written as VLAN 0.
  ///
  /// Traps outside the span.
  @inlinable
  public static func setTag(
    _ tag: VLANTag, type: EtherType = .vlan, at offset: Int, in frame: inout MutableRawSpan
  ) {
    frame.setBig16(type.rawValue, at: offset + etherTypeOffset)
    frame.setBig16(tag.controlInformation, at: offset + controlInformationOffset)
  }
}

/// The bytes of a frame, proven to hold an Ethernet header with its first tag, which is there.
@frozen
public struct VLANView: ~Escapable {
  public let bytes: RawSpan

  /// Nil when the frame has no tag in its bytes, or is cut off inside it.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Ethernet.headerBytes + VLAN.tagBytes,
      bytes.etherType(at: Ethernet.etherTypeOffset).isTag
    else { return nil }
    self.bytes = bytes
  }

  /// `vlan` or `serviceVLAN`.
  @inlinable
  public var tagType: EtherType { bytes.etherType(at: Ethernet.etherTypeOffset) }

  @inlinable
  public var tag: VLANTag { VLANTag(controlInformation: bytes.big16(14)) }

  /// What follows the tag; another tag, perhaps.
  @inlinable
  public var etherType: EtherType { bytes.etherType(at: 16) }

  /// Everything after the tag's header.
  @inlinable
  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(droppingFirst: Ethernet.headerBytes + VLAN.tagBytes) }
  }
}

/// Up to two tags of a frame and what lies under them.
public struct VLANStack: WireValue {
  public var outerType: EtherType
  /// `none` when the frame is untagged.
  public var outer: VLANTag
  public var innerType: EtherType
  /// `none` when there are fewer than two tags.
  public var inner: VLANTag
  /// What the payload is; a third tag shows here as its type.
  public var etherType: EtherType

  public init(
    outer: VLANTag = .none, outerType: EtherType = .vlan, inner: VLANTag = .none,
    innerType: EtherType = .vlan, etherType: EtherType
  ) {
    self.outer = outer
    self.outerType = outerType
    self.inner = inner
    self.innerType = innerType
    self.etherType = etherType
  }

  /// Reads a frame from its Ethernet header on; nil when it is cut off in the header or a tag.
  public init?(_ frame: RawSpan) {
    guard let ethernet = EthernetView(frame) else { return nil }
    self.init(etherType: ethernet.etherType)
    guard etherType.isTag else { return }
    guard let first = VLANView(frame) else { return nil }
    outer = first.tag
    outerType = first.tagType
    etherType = first.etherType
    guard etherType.isTag else { return }
    guard frame.byteCount >= Ethernet.headerBytes + 2 * VLAN.tagBytes else { return nil }
    inner = VLANTag(controlInformation: frame.big16(18))
    innerType = etherType
    etherType = frame.etherType(at: 20)
  }

  /// How many tags, 0-2.
  public var tagCount: Int { inner.isPresent ? 2 : outer.isPresent ? 1 : 0 }

  /// Where the payload begins, from the first byte of the frame.
  public var payloadOffset: Int { Ethernet.headerBytes + tagCount * VLAN.tagBytes }

  /// The two addresses, which `emit` leaves alone, the tags and the type.
  public var byteCount: Int { payloadOffset }

  /// Writes the tags and the type behind the two addresses of a frame.
  @discardableResult
  public func emit(into frame: inout MutableRawSpan) -> Int {
    precondition(outer.isPresent || !inner.isPresent, "an inner tag needs an outer one")
    var offset = Ethernet.etherTypeOffset
    if outer.isPresent {
      VLAN.setTag(outer, type: outerType, at: offset, in: &frame)
      offset += VLAN.tagBytes
    }
    if inner.isPresent {
      VLAN.setTag(inner, type: innerType, at: offset, in: &frame)
      offset += VLAN.tagBytes
    }
    frame.setBig16(etherType.rawValue, at: offset)
    return byteCount
  }

  public var description: String {
    switch tagCount {
    case 0: "untagged, \(etherType)"
    case 1: "\(outerType) \(outer), \(etherType)"
    default: "\(outerType) \(outer), \(innerType) \(inner), \(etherType)"
    }
  }
}
