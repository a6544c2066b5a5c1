// Queries of IGMP and MLD as whole frames: what a querier sends.
//
//   general          who listens to anything?       to all systems (224.0.0.1, ff02::1)
//   group            who listens to this group?     to the group
//   group, sources   ... to these sources of it?    to the group; IGMPv3 and MLDv2
//
// The Ethernet destination is that of the IP destination. IPv4 carries a router alert (RFC 2113, but
// not for version 1, which is older), a time to live of 1 and the precedence of routing traffic; IPv6 a
// hop-by-hop header with a router alert (RFC 2711) and a hop limit of 1. A switch without an address
// asks from 0.0.0.0 (RFC 4541, 2.1.1); MLD needs a link-local source.
//
// The frames are untagged: a tag is put beside them by whoever sends them.

internal import Base

/// A query, with everything that is in its frame.
public struct GroupQuery: Hashable, Sendable, BitwiseCopyable {
  public var family: GroupFamily
  /// 1, 2 or 3 for IGMP, 1 or 2 for MLD.
  public var version: Int
  /// Nil asks for every group.
  public var group: IPAddress?
  /// Only with a group, and only in IGMPv3 and MLDv2.
  public var sources = GroupSources()
  /// Hosts answer within this time; what the field cannot hold is rounded down.
  public var responseMilliseconds: UInt32
  /// Other routers are not to lower their timers (the S flag).
  public var suppressesRouters = false
  /// 0 to 7; 0 does not tell. IGMPv3 and MLDv2.
  public var robustness: UInt8 = 2
  /// How often the querier asks. IGMPv3 and MLDv2.
  public var intervalSeconds: UInt32 = 125
  public var sourceMAC = MACAddress.zero
  /// Of the same family.
  public var source: IPAddress

  /// A query from the address that a switch has by default: 0.0.0.0, or that of vSphere for MLD.
  public init(
    _ family: GroupFamily, version: Int, group: IPAddress? = nil, responseMilliseconds: UInt32
  ) {
    self.family = family
    self.version = version
    self.group = group
    self.responseMilliseconds = responseMilliseconds
    source = family == .v4 ? .v4(.unspecified) : .v6(Self.defaultMLDSource)
  }

  /// `fe80::ffff:ffff:ffff:ffff`.
  @inlinable public static var defaultMLDSource: IPv6Address {
    IPv6Address(high: 0xFE80 << 48, low: .max)
  }

  /// Room for any query: Ethernet 14, IPv6 40, hop-by-hop 8, MLD 28, ten sources 160.
  public static let largestFrameBytes = 250

  /// Whether the version has flags, an interval and sources.
  public var isDetailed: Bool { version == (family == .v4 ? 3 : 2) }

  private var messageBytes: Int {
    switch family {
    case .v4: isDetailed ? IGMP.querySourcesOffset + sources.count * 4 : IGMP.headerBytes
    case .v6: isDetailed ? MLD.querySourcesOffset + sources.count * 16 : MLD.headerBytes
    }
  }

  private var ipHeaderBytes: Int {
    switch family {
    case .v4: IPv4.headerBytes + (version == 1 ? 0 : 4)
    case .v6: IPv6.headerBytes + 8
    }
  }
}

extension GroupQuery: WireValue {
  /// Reads a whole frame; nil when it is no query, or has more than ten sources or repeated ones.
  public init?(_ frame: RawSpan) {
    guard let ethernet = EthernetView(frame), let message = GroupMessage(frame),
      let query = message.query
    else { return nil }
    self.init(
      message.family, version: message.version, group: query.group,
      responseMilliseconds: query.responseMilliseconds)
    for index in 0..<query.sourceCount {
      guard sources.insert(message.querySource(index)) else { return nil }
    }
    guard sources.count == query.sourceCount else { return nil }
    suppressesRouters = query.suppressesRouters
    robustness = query.robustness
    intervalSeconds = query.intervalSeconds
    sourceMAC = ethernet.source
    source = message.source
  }

  /// The whole frame, padded to the shortest that Ethernet allows.
  public var byteCount: Int {
    max(Ethernet.headerBytes + ipHeaderBytes + messageBytes, Ethernet.shortestFrameBytes)
  }

  /// Writes the whole frame, Ethernet header first, padding zeroed. Traps when `frame` is shorter.
  @discardableResult
  public func emit(into frame: inout MutableRawSpan) -> Int {
    for offset in 0..<byteCount { frame.setByte(0, at: offset) }
    var packet = frame.part(
      Ethernet.headerBytes..<(Ethernet.headerBytes + ipHeaderBytes + messageBytes))
    let destination: MACAddress
    switch (source, group) {
    case (.v4(let source), .v4(let group)):
      emit4(source, group, to: group, into: &packet)
      destination = group.multicastMAC
    case (.v4(let source), _):
      let allSystems = IPv4Address(224, 0, 0, 1)
      emit4(source, .unspecified, to: allSystems, into: &packet)
      destination = allSystems.multicastMAC
    case (.v6(let source), .v6(let group)):
      emit6(source, group, to: group, into: &packet)
      destination = group.multicastMAC
    case (.v6(let source), _):
      emit6(source, .unspecified, to: .allNodes, into: &packet)
      destination = IPv6Address.allNodes.multicastMAC
    }
    EthernetHeader(
      destination: destination, source: sourceMAC, etherType: family == .v4 ? .ipv4 : .ipv6
    ).emit(into: &frame)
    return byteCount
  }

  private func emit4(
    _ source: IPv4Address, _ group: IPv4Address, to destination: IPv4Address,
    into packet: inout MutableRawSpan
  ) {
    let optionBytes = ipHeaderBytes - IPv4.headerBytes
    // Precedence 6, "internetwork control" (RFC 3376, 4).
    IPv4Header(
      source: source, destination: destination, protocol: .igmp,
      payloadBytes: optionBytes + messageBytes, timeToLive: 1, dscp: 48
    ).emit(into: &packet)
    if optionBytes > 0 {
      packet.setByte(0x46, at: 0)
      packet.setBig32(0x9404_0000, at: IPv4.headerBytes)
      IPv4.updateChecksum(in: &packet)
    }
    var message = packet.part(ipHeaderBytes..<(ipHeaderBytes + messageBytes))
    let tenths = responseMilliseconds / 100
    let code: UInt8
    switch version {
    case 1: code = 0
    // A version 2 query with a time of 0 would be one of version 1.
    case 2: code = UInt8(min(max(tenths, 1), 255))
    default: code = TimeCode.code8(tenths)
    }
    IGMPMessage(type: .query, code: code, group: group).emit(into: &message)
    emitDetails(at: IGMP.querySourcesOffset, into: &message)
    IGMP.updateChecksum(in: &message)
  }

  private func emit6(
    _ source: IPv6Address, _ group: IPv6Address, to destination: IPv6Address,
    into packet: inout MutableRawSpan
  ) {
    IPv6Header(
      source: source, destination: destination, nextHeader: .hopByHop,
      payloadBytes: 8 + messageBytes, hopLimit: MLD.hopLimit
    ).emit(into: &packet)
    packet.setByte(IPProtocol.icmpv6.rawValue, at: IPv6.headerBytes)
    // Router alert for MLD, and two bytes of padding (PadN).
    packet.setBig32(0x0502_0000, at: IPv6.headerBytes + 2)
    packet.setBig16(0x0100, at: IPv6.headerBytes + 6)
    var message = packet.part(ipHeaderBytes..<(ipHeaderBytes + messageBytes))
    let time =
      isDetailed
      ? TimeCode.code16(responseMilliseconds) : UInt16(min(responseMilliseconds, 65_535))
    MLDMessage(type: .listenerQuery, responseTime: time, group: group).emit(into: &message)
    emitDetails(at: MLD.querySourcesOffset, into: &message)
    ICMPv6.updateChecksum(
      in: &message,
      pseudoHeader: Checksum(
        source: source, destination: destination, protocol: .icmpv6, payloadBytes: messageBytes))
  }

  /// What version 3 of IGMP and version 2 of MLD put behind the group.
  private func emitDetails(at offset: Int, into message: inout MutableRawSpan) {
    guard isDetailed else { return }
    message.setByte((suppressesRouters ? 8 : 0) | robustness & 7, at: offset - 4)
    message.setByte(TimeCode.code8(intervalSeconds), at: offset - 3)
    message.setBig16(UInt16(sources.count), at: offset - 2)
    for index in 0..<sources.count {
      switch sources[index] {
      case .v4(let address): message.setIPv4Address(address, at: offset + index * 4)
      case .v6(let address): message.setIPv6Address(address, at: offset + index * 16)
      }
    }
  }

  public var description: String {
    let name = family == .v4 ? "igmp" : "mld"
    let subject = group.map { " for \($0)" } ?? ""
    let from = sources.isEmpty ? "" : ", \(sources.count) sources"
    return "\(name) v\(version) query\(subject)\(from)"
  }
}
