// Telling IGMP and MLD from other packets, and well-formed ones from the rest.

internal import Base

extension GroupMessage {
  /// What a message is by its type and length.
  struct Form {
    var family: GroupFamily
    var version: Int
    var isQuery = false
    var recordsEnd = 0

    /// Of a record at `offset`, sources and auxiliary words included.
    static func recordBytes(_ bytes: RawSpan, at offset: Int, family: GroupFamily) -> Int {
      IGMP.recordGroupOffset + family.addressBytes
        + Int(bytes.big16(offset + 2)) * family.addressBytes + Int(bytes.byte(offset + 1)) * 4
    }
  }

  /// The first fragment of a message, or all of it, with a type about membership.
  @usableFromInline
  static func isIGMP(_ frame: RawSpan) -> Bool {
    let packet = frame.extracting(droppingFirst: Ethernet.headerBytes)
    // By the length that the header gives itself: the packet may be too short for its total length.
    let headerBytes = max(Int(packet.byte(0) & 0xF) * 4, IPv4.headerBytes)
    guard packet.byteCount > headerBytes, packet.big16(IPv4.fragmentOffset) & 0x1FFF == 0
    else { return false }
    return IGMP.MessageType(rawValue: packet.byte(headerBytes)).isMembership
  }

  @usableFromInline
  static func isMLD(_ frame: RawSpan) -> Bool {
    guard let packet = IPv6View(frame.extracting(droppingFirst: Ethernet.headerBytes)),
      let layer = packet.upperLayer, layer.protocol == .icmpv6, layer.fragmentOffsetBytes == 0,
      layer.offset < packet.bytes.byteCount
    else { return false }
    return ICMPv6.MessageType(rawValue: packet.bytes.byte(layer.offset)).isMembership
  }

  @_lifetime(copy payload)
  init?(igmp payload: RawSpan) {
    guard let packet = IPv4View(payload), packet.protocol == .igmp, !packet.isFragment,
      packet.timeToLive == 1, packet.isChecksumValid
    else { return nil }
    let source = packet.source
    guard source.isUnspecified || source.isUnicast, let message = IGMPView(packet.payload),
      message.isChecksumValid, let form = Self.form(igmp: message)
    else { return nil }
    self.init(message.bytes, form, source: .v4(source))
  }

  @_lifetime(copy payload)
  init?(mld payload: RawSpan) {
    guard let packet = IPv6View(payload), packet.hopLimit == MLD.hopLimit,
      packet.nextHeader == .hopByHop || packet.nextHeader == .icmpv6,
      let layer = packet.upperLayer, layer.protocol == .icmpv6, !layer.isFragment
    else { return nil }
    let source = packet.source
    let bytes = packet.payload(of: layer)
    guard source.isUnspecified || source.isLinkLocal, let message = ICMPv6View(bytes),
      message.isChecksumValid(pseudoHeader: packet.pseudoHeader(of: layer)),
      let form = Self.form(mld: bytes), !form.isQuery || source.isLinkLocal
    else { return nil }
    self.init(bytes, form, source: .v6(source))
  }

  private static func form(igmp message: IGMPView) -> Form? {
    let bytes = message.bytes
    switch message.type {
    case .query:
      guard message.group.isUnspecified || message.group.isMulticast else { return nil }
      if bytes.byteCount == IGMP.headerBytes {
        return Form(family: .v4, version: message.code == 0 ? 1 : 2, isQuery: true)
      }
      // Other lengths must be ignored (RFC 3376, 7.1).
      guard bytes.byteCount >= IGMP.querySourcesOffset,
        isInside(bytes, count: IGMP.querySourceCountOffset, from: IGMP.querySourcesOffset, 4)
      else { return nil }
      return Form(family: .v4, version: 3, isQuery: true)
    case .reportV1 where message.group.isMulticast: return Form(family: .v4, version: 1)
    case .reportV2 where message.group.isMulticast: return Form(family: .v4, version: 2)
    case .leave where message.group.isMulticast: return Form(family: .v4, version: 2)
    case .reportV3:
      guard let end = endOfRecords(bytes, family: .v4) else { return nil }
      return Form(family: .v4, version: 3, recordsEnd: end)
    default: return nil
    }
  }

  private static func form(mld bytes: RawSpan) -> Form? {
    if bytes.byte(0) == ICMPv6.MessageType.listenerReportV2.rawValue {
      guard bytes.byteCount >= MLD.recordsOffset, let end = endOfRecords(bytes, family: .v6)
      else { return nil }
      return Form(family: .v6, version: 2, recordsEnd: end)
    }
    guard let message = MLDView(bytes) else { return nil }
    guard message.type == .listenerQuery else {
      return message.group.isMulticast ? Form(family: .v6, version: 1) : nil
    }
    guard message.group.isUnspecified || message.group.isMulticast else { return nil }
    if bytes.byteCount == MLD.headerBytes { return Form(family: .v6, version: 1, isQuery: true) }
    guard bytes.byteCount >= MLD.querySourcesOffset,
      isInside(bytes, count: MLD.querySourceCountOffset, from: MLD.querySourcesOffset, 16)
    else { return nil }
    return Form(family: .v6, version: 2, isQuery: true)
  }

  /// Whether as many addresses as the field at `count` says are inside.
  private static func isInside(
    _ bytes: RawSpan, count: Int, from start: Int, _ addressBytes: Int
  ) -> Bool {
    start + Int(bytes.big16(count)) * addressBytes <= bytes.byteCount
  }

  /// Where the declared records end; nil when that is outside.
  ///
  /// Both protocols have the count at the same place. Bound: 65,535 records, each of 8 bytes or more.
  private static func endOfRecords(_ bytes: RawSpan, family: GroupFamily) -> Int? {
    var offset = IGMP.recordsOffset
    let headerBytes = IGMP.recordGroupOffset + family.addressBytes
    for _ in 0..<bytes.big16(IGMP.recordCountOffset) {
      guard bytes.byteCount - offset >= headerBytes else { return nil }
      offset += Form.recordBytes(bytes, at: offset, family: family)
      guard offset <= bytes.byteCount else { return nil }
    }
    return offset
  }
}
