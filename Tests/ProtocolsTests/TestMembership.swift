// A `GroupMembership` that expectations can call, fed with real frames that are made here.

import Base
import Protocols
import Tables
import Wire

/// A record to be put into a report.
struct TestRecord {
  var kind: GroupRecordKind
  var group: IPAddress
  var sources: [IPAddress] = []
}

/// Frames of hosts and routers.
enum GroupFrames {
  static let mac = MACAddress(rawValue: 0x0050_5600_0001)

  static func bytes(_ address: IPAddress) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: address.bitCount / 8)
    bytes.withMutableRawSpan { span in
      switch address {
      case .v4(let address): span.setIPv4Address(address, at: 0)
      case .v6(let address): span.setIPv6Address(address, at: 0)
      }
    }
    return bytes
  }

  /// A report of IGMPv3 or MLDv2.
  static func report(_ family: GroupFamily, _ records: [TestRecord]) -> [UInt8] {
    var message: [UInt8] = [family == .v4 ? 0x22 : 143, 0, 0, 0, 0, 0, 0, UInt8(records.count)]
    for record in records {
      message += [record.kind.rawValue, 0, 0, UInt8(record.sources.count)] + bytes(record.group)
      message += record.sources.flatMap(bytes)
    }
    return frame(family, message)
  }

  /// A report or leave of an older version.
  static func older(_ type: UInt8, _ group: IPAddress) -> [UInt8] {
    group.bitCount == 32
      ? frame(.v4, [type, 0, 0, 0] + bytes(group))
      : frame(.v6, [type, 0, 0, 0, 0, 0, 0, 0] + bytes(group))
  }

  private static func frame(_ family: GroupFamily, _ message: [UInt8]) -> [UInt8] {
    var message = message
    var ip: [UInt8]
    switch family {
    case .v4:
      message.withMutableRawSpan { IGMP.updateChecksum(in: &$0) }
      let header = IPv4Header(
        source: IPv4Address(10, 0, 0, 1), destination: IPv4Address(224, 0, 0, 22),
        protocol: .igmp, payloadBytes: message.count, timeToLive: 1)
      ip = [UInt8](repeating: 0, count: header.byteCount)
      ip.withMutableRawSpan { _ = header.emit(into: &$0) }
    case .v6:
      let header = IPv6Header(
        source: IPv6Address(linkLocal: mac), destination: .allRouters, nextHeader: .icmpv6,
        payloadBytes: message.count, hopLimit: 1)
      let sum = Checksum(
        source: header.source, destination: header.destination, protocol: .icmpv6,
        payloadBytes: message.count)
      message.withMutableRawSpan { ICMPv6.updateChecksum(in: &$0, pseudoHeader: sum) }
      ip = [UInt8](repeating: 0, count: header.byteCount)
      ip.withMutableRawSpan { _ = header.emit(into: &$0) }
    }
    var ethernet = [UInt8](repeating: 0, count: 14)
    ethernet.withMutableRawSpan { span in
      _ = EthernetHeader(
        destination: .broadcast, source: mac, etherType: family == .v4 ? .ipv4 : .ipv6
      ).emit(into: &span)
    }
    return ethernet + ip + message
  }

  static func query(_ query: GroupQuery) -> [UInt8] {
    var frame = [UInt8](repeating: 0, count: query.byteCount)
    frame.withMutableRawSpan { _ = query.emit(into: &$0) }
    return frame
  }
}

final class TestMembership {
  private var membership: GroupMembership
  /// In milliseconds.
  var now: UInt64 = 1_000_000

  init(
    _ settings: GroupMembershipSettings = GroupMembershipSettings(),
    limits: GroupMembershipLimits = GroupMembershipLimits(), seed: UInt64 = 7
  ) {
    membership = GroupMembership(settings: settings, limits: limits, seed: seed)
  }

  private var time: MonotonicTime { MonotonicTime(milliseconds: now) }
  var groupCount: Int { membership.groupCount }
  var memberCount: Int { membership.memberCount }
  var fullCount: UInt64 { membership.fullCount }
  var sourceOverflowCount: UInt64 { membership.sourceOverflowCount }

  func receive(_ frame: [UInt8], port: Int, isUplink: Bool = false, vlan: UInt16 = 10) {
    guard let message = GroupMessage(frame.rawSpan) else {
      preconditionFailure("the test made a malformed frame")
    }
    membership.receive(message, port: port, isUplink: isUplink, vlan: vlan, now: time)
  }

  func report(
    _ kind: GroupRecordKind, _ group: IPAddress, _ sources: [IPAddress] = [], port: Int,
    vlan: UInt16 = 10
  ) {
    let record = TestRecord(kind: kind, group: group, sources: sources)
    let family: GroupFamily = group.bitCount == 32 ? .v4 : .v6
    receive(GroupFrames.report(family, [record]), port: port, vlan: vlan)
  }

  func tick() -> UInt64 {
    let deadline = membership.tick(now: time)
    return deadline == .never ? .max : deadline.nanoseconds / 1_000_000
  }

  func nextQuery() -> PendingQuery? { membership.nextQuery(now: time) }

  func drain() -> [PendingQuery] {
    var queries: [PendingQuery] = []
    while let query = membership.nextQuery(now: time) { queries.append(query) }
    return queries
  }

  /// Turns the clock from deadline to deadline; what was sent meanwhile, and when.
  @discardableResult
  func run(seconds: Double) -> [(milliseconds: UInt64, query: PendingQuery)] {
    let end = now + UInt64(seconds * 1_000)
    var log: [(UInt64, PendingQuery)] = []
    while true {
      log += drain().map { (now, $0) }
      let deadline = tick()
      guard deadline <= end else { break }
      now = max(now, deadline)
    }
    now = end
    return log
  }

  /// Nil when nobody listens.
  func ports(
    _ group: IPAddress, from source: IPAddress? = nil, vlan: UInt16 = 10
  ) -> Set<Int>? {
    var set = PortSet()
    let anyone: IPAddress =
      group.bitCount == 32 ? .v4(IPv4Address(192, 0, 2, 1)) : .v6(IPv6Address(high: 9, low: 9))
    let isKnown = membership.ports(of: group, from: source ?? anyone, vlan: vlan, into: &set)
    return isKnown || !set.isEmpty ? Self.ports(set) : nil
  }

  func routerPorts(vlan: UInt16 = 10) -> Set<Int> {
    var set = PortSet()
    membership.routerPorts(vlan: vlan, into: &set)
    return Self.ports(set)
  }

  func remove(_ port: Int) { membership.remove(port: port) }
  func setVLAN(_ vlan: UInt16, _ isActive: Bool) {
    membership.setVLAN(vlan, isActive: isActive)
  }
  func askNow(_ port: Int, vlan: UInt16 = 10) {
    membership.askNow(port: port, vlan: vlan, now: time)
  }
  func configure(_ settings: GroupMembershipSettings) { membership.configure(settings) }
  func isReliable(_ family: GroupFamily, vlan: UInt16 = 10) -> Bool {
    membership.isReliable(family, vlan: vlan, now: time)
  }
  func isQuerier(_ family: GroupFamily, vlan: UInt16 = 10) -> Bool {
    membership.isQuerier(family, vlan: vlan, now: time)
  }

  var entries: [GroupMembershipEntry] {
    var entries: [GroupMembershipEntry] = []
    var cursor = 0
    while let entry = membership.next(&cursor) { entries.append(entry) }
    return entries
  }

  private static func ports(_ set: PortSet) -> Set<Int> {
    var ports: Set<Int> = []
    var next = 0
    while let port = set.next(from: next) {
      ports.insert(port)
      next = port + 1
    }
    return ports
  }
}
