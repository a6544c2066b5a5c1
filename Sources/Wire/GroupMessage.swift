// IGMP and MLD as a snooping switch reads them: queries, and records of who listens to what.
//
// A whole frame, its outermost tag taken out, is found to be a query or a row of records, whichever
// protocol and version it is of. A report of IGMPv1, IGMPv2 or MLDv1 is a record "exclude nothing", a
// leave or done a record "to include nothing": what the newer versions take them for (RFC 3376, 7.3.2).
//
// Everything is checked here: the IP header and its checksum, the time to live or hop limit of 1, the
// checksum of the message, every length, the link-local source of MLD (with `::` from a host without an
// address yet, RFC 3590). A message that fails is dropped by every receiver, and counts as malformed.
// The router alert is not asked for: it is there to make routers look, and this is a switch that looks.

public import Base

/// Which of the two protocols: that of IPv4 groups or that of IPv6 groups.
@frozen
public enum GroupFamily: UInt8, Hashable, Sendable, BitwiseCopyable, CaseIterable {
  /// IGMP.
  case v4
  /// MLD.
  case v6

  var addressBytes: Int { self == .v4 ? 4 : 16 }
}

/// What a record says of a group (RFC 3376, 4.2.12).
@frozen
public enum GroupRecordKind: UInt8, Hashable, Sendable, BitwiseCopyable, CaseIterable {
  /// Current state: listens to these sources alone.
  case isInclude = 1
  /// Current state: listens to all but these sources.
  case isExclude = 2
  /// Changes to listening to these sources alone; without any, it leaves.
  case toInclude = 3
  /// Changes to listening to all but these sources.
  case toExclude = 4
  /// Listens to these sources as well.
  case allow = 5
  /// Does not listen to these sources any more.
  case block = 6
}

/// One record of a `GroupMessage`; its sources are in the message, reached by index.
@frozen
public struct GroupRecord: Hashable, Sendable, BitwiseCopyable {
  public var kind: GroupRecordKind
  /// A multicast address.
  public var group: IPAddress
  public var sourceCount: Int
  /// Where the sources are in the message.
  @usableFromInline
  var sourcesOffset: Int
}

/// A frame of IGMP or MLD about membership, proven to be well formed.
@frozen
public struct GroupMessage: ~Escapable {
  /// The message behind the IP headers, as long as IP says.
  public let bytes: RawSpan
  public let family: GroupFamily
  /// 1, 2 or 3 for IGMP, 1 or 2 for MLD: the version that defined this form.
  public let version: Int
  public let isQuery: Bool
  /// The IP address of the sender; unspecified for a switch that asks without having one.
  public let source: IPAddress
  /// Where the records of a report end; 0 in a message that has none.
  let recordsEnd: Int

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, _ form: Form, source: IPAddress) {
    self.bytes = bytes
    self.family = form.family
    self.version = form.version
    self.isQuery = form.isQuery
    self.recordsEnd = form.recordsEnd
    self.source = source
  }

  /// Whether a frame claims to be one: IGMP or MLD about membership, well formed or not.
  ///
  /// Every other frame is let go after a look at its EtherType and its IP header. A frame for which this
  /// holds and which makes no `GroupMessage` is malformed.
  @inlinable
  public static func isClaimed(by frame: RawSpan) -> Bool {
    guard frame.byteCount > Ethernet.headerBytes + IPv4.headerBytes else { return false }
    switch frame.etherType(at: Ethernet.etherTypeOffset) {
    case .ipv4:
      return frame.byte(Ethernet.headerBytes + IPv4.protocolOffset) == IPProtocol.igmp.rawValue
        && isIGMP(frame)
    case .ipv6:
      guard frame.byteCount > Ethernet.headerBytes + IPv6.headerBytes else { return false }
      let next = frame.byte(Ethernet.headerBytes + IPv6.nextHeaderOffset)
      return
        (next == IPProtocol.hopByHop.rawValue || next == IPProtocol.icmpv6.rawValue)
        && isMLD(frame)
    default: return false
    }
  }

  /// Reads the message of a whole frame; nil when it is none or not well formed.
  @_lifetime(copy frame)
  public init?(_ frame: RawSpan) {
    guard let ethernet = EthernetView(frame) else { return nil }
    switch ethernet.etherType {
    case .ipv4: self.init(igmp: ethernet.payload)
    case .ipv6: self.init(mld: ethernet.payload)
    default: return nil
    }
  }

  /// The records, one after the other: start with a cursor of 0; nil at the end.
  ///
  /// A record of an unknown kind, or for something that is no group, is passed over (RFC 3376, 4.2.12).
  public func next(_ cursor: inout Int) -> GroupRecord? {
    guard !isQuery else { return nil }
    guard recordsEnd > 0 else {
      guard cursor == 0 else { return nil }
      cursor = bytes.byteCount
      let kind: GroupRecordKind = isLeave ? .toInclude : .isExclude
      return GroupRecord(kind: kind, group: ownGroup, sourceCount: 0, sourcesOffset: cursor)
    }
    var offset = max(cursor, IGMP.recordsOffset)
    while offset < recordsEnd {
      let record = record(at: offset)
      offset += recordBytes(at: offset)
      cursor = offset
      if let record { return record }
    }
    return nil
  }

  /// The source at `index` of one of this message's records; traps beyond `sourceCount`.
  public func source(_ index: Int, of record: GroupRecord) -> IPAddress {
    precondition(index >= 0 && index < record.sourceCount, "a record has no such source")
    return address(at: record.sourcesOffset + index * addressBytes)
  }
}

extension GroupMessage {
  /// What a query asks, apart from its list of sources.
  @frozen
  public struct Query: Hashable, Sendable, BitwiseCopyable {
    /// Nil in a general query.
    public var group: IPAddress?
    /// Hosts answer within this time.
    public var responseMilliseconds: UInt32
    /// Other routers are not to lower their timers (the S flag).
    public var suppressesRouters: Bool
    /// The querier's robustness; 0 when it does not tell.
    public var robustness: UInt8
    /// How often the querier asks; 0 when it does not tell.
    public var intervalSeconds: UInt32
    public var sourceCount: Int
  }

  /// What is asked; nil when this is no query.
  public var query: Query? {
    guard isQuery else { return nil }
    let isDetailed = bytes.byteCount >= querySourcesOffset
    let flags = isDetailed ? bytes.byte(querySourcesOffset - 4) : 0
    return Query(
      group: isUnspecified(ownGroup) ? nil : ownGroup,
      responseMilliseconds: responseMilliseconds, suppressesRouters: flags & 8 != 0,
      robustness: flags & 7,
      intervalSeconds: isDetailed ? TimeCode.number(bytes.byte(querySourcesOffset - 3)) : 0,
      sourceCount: isDetailed ? Int(bytes.big16(querySourcesOffset - 2)) : 0)
  }

  /// The source at `index` of a query; traps beyond its `sourceCount`.
  public func querySource(_ index: Int) -> IPAddress {
    address(at: querySourcesOffset + index * addressBytes)
  }

  private var responseMilliseconds: UInt32 {
    switch (family, version) {
    // Version 1 has no such field, and its hosts take ten seconds (RFC 2236, 4).
    case (.v4, 1): 10_000
    case (.v4, 2): UInt32(bytes.byte(IGMP.codeOffset)) * 100
    case (.v4, _): TimeCode.number(bytes.byte(IGMP.codeOffset)) * 100
    case (.v6, 1): UInt32(bytes.big16(MLD.responseTimeOffset))
    case (.v6, _): TimeCode.number(bytes.big16(MLD.responseTimeOffset))
    }
  }
}

extension GroupMessage {
  private var addressBytes: Int { family.addressBytes }

  private var querySourcesOffset: Int {
    family == .v4 ? IGMP.querySourcesOffset : MLD.querySourcesOffset
  }

  private var ownGroup: IPAddress {
    address(at: family == .v4 ? IGMP.groupOffset : MLD.groupOffset)
  }

  private var isLeave: Bool {
    family == .v4
      ? bytes.byte(0) == IGMP.MessageType.leave.rawValue
      : bytes.byte(0) == ICMPv6.MessageType.listenerDone.rawValue
  }

  private func address(at offset: Int) -> IPAddress {
    family == .v4 ? .v4(bytes.ipv4Address(at: offset)) : .v6(bytes.ipv6Address(at: offset))
  }

  private func isUnspecified(_ address: IPAddress) -> Bool {
    switch address {
    case .v4(let address): address.isUnspecified
    case .v6(let address): address.isUnspecified
    }
  }

  private func record(at offset: Int) -> GroupRecord? {
    let group = address(at: offset + IGMP.recordGroupOffset)
    guard let kind = GroupRecordKind(rawValue: bytes.byte(offset)), group.isMulticast
    else { return nil }
    return GroupRecord(
      kind: kind, group: group, sourceCount: Int(bytes.big16(offset + 2)),
      sourcesOffset: offset + IGMP.recordGroupOffset + addressBytes)
  }

  private func recordBytes(at offset: Int) -> Int {
    Form.recordBytes(bytes, at: offset, family: family)
  }
}

extension IPAddress {
  /// A group address of either family.
  @inlinable
  public var isMulticast: Bool {
    switch self {
    case .v4(let address): address.isMulticast
    case .v6(let address): address.isMulticast
    }
  }
}
