// Multicast as the kernel of a guest does it: sockets that join groups, streams to groups, and a router
// that asks who listens.

import Base
import Glibc
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

/// A UDP socket in a VM that is a member of a group until it goes.
final class GroupSocket {
  private let descriptor: Descriptor

  /// Joins by eth0.
  ///
  /// - Parameter source: only what this host sends (IGMPv3).
  init(_ rig: Rig, _ vm: String, joins group: IPAddress, from source: IPv4Address? = nil) throws {
    let link = try NetlinkSocket(in: rig.namespace(vm)).link("eth0")
    let index = try #require(link?.index)
    let isSix = if case .v6 = group { true } else { false }
    let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let open: @Sendable () throws(Failure) -> Descriptor = { () throws(Failure) in
      let number = socket(isSix ? AF_INET6 : AF_INET, kind, 0)
      guard number >= 0 else { throw Errno.current.failure("cannot open a UDP socket") }
      return Descriptor(owning: number)
    }
    descriptor = try rig.namespace(vm).run(open)
    let interface = (0..<4).map { UInt8(truncatingIfNeeded: index >> (8 * $0)) }
    switch (group, source) {
    case (.v4(let group), nil):
      // IP_ADD_MEMBERSHIP with `ip_mreqn`: group, address, index.
      try set(0, 35, big(UInt64(group.rawValue), 4) + [0, 0, 0, 0] + interface)
    case (.v4(let group), let source?):
      // IP_ADD_SOURCE_MEMBERSHIP with `ip_mreq_source`: group, address of the device, source.
      let own = try #require(rig.address4(of: vm))
      let words = [group, own, source].flatMap { big(UInt64($0.rawValue), 4) }
      try set(0, 39, words)
    case (.v6(let group), _):
      // IPV6_JOIN_GROUP with `ipv6_mreq`: group, index.
      try set(41, 20, big(group.high, 8) + big(group.low, 8) + interface)
    }
  }

  private func set(_ level: Int32, _ option: Int32, _ value: [UInt8]) throws {
    // SAFETY: the bytes live for the call, and the length is theirs.
    let result = unsafe value.withUnsafeBytes {
      unsafe setsockopt(
        descriptor.number, level, option, $0.baseAddress, socklen_t($0.count))
    }
    guard result == 0 else { throw Errno.current.failure("cannot join a group") }
  }
}

extension Rig {
  /// The IPv4 address that the topology gives a VM.
  func address4(of vm: String) -> IPv4Address? {
    for prefix in topology.vms.first(where: { $0.name == vm })?.nics.first?.addresses ?? [] {
      if case .v4(let address) = prefix.address { return address }
    }
    return nil
  }
}

extension TestFrame {
  /// A datagram to a group, with the mark as its payload.
  static func stream(to group: IPAddress, from source: IPAddress, _ sender: MACAddress)
    -> TestFrame
  {
    var frame = TestFrame(to: group.multicastMAC, from: sender)
    let udp = big(5_000, 2) + big(5_000, 2) + big(16, 2) + big(0, 2)
    switch (group, source) {
    case (.v4(let group), .v4(let source)):
      var header: [UInt8] = [0x45, 0] + big(36, 2) + [0, 0, 0, 0, 1, 17, 0, 0]
      header += big(UInt64(source.rawValue), 4) + big(UInt64(group.rawValue), 4)
      let sum = Checksum(header.rawSpan).field
      header.replaceSubrange(10..<12, with: big(UInt64(sum), 2))
      frame.etherType = 0x0800
      frame.head = header + udp
    case (.v6(let group), .v6(let source)):
      // Without the checksum of UDP, which no switch looks at.
      frame.etherType = 0x86DD
      frame.head = [0x60, 0, 0, 0] + big(16, 2) + [17, 1] + source.bytes + group.bytes + udp
      frame.byteCount = 78
    default: preconditionFailure("group and source are of one family")
    }
    return frame
  }
}

extension IPAddress {
  fileprivate var multicastMAC: MACAddress {
    switch self {
    case .v4(let address): address.multicastMAC
    case .v6(let address): address.multicastMAC
    }
  }
}

extension IPv6Address {
  fileprivate var bytes: [UInt8] { big(high, 8) + big(low, 8) }
}

/// A multicast router on the wire that asks.
struct Router {
  var family: GroupFamily
  var version: Int
  var vlan: UInt16

  /// Sends a query by a cable; general without a group. Hosts answer within a tenth of a second.
  func ask(_ rig: Rig, by place: Place, group: IPAddress? = nil) throws {
    var query = GroupQuery(family, version: version, group: group, responseMilliseconds: 100)
    query.sourceMAC = stranger(99)
    query.source =
      switch family {
      case .v4: .v4(IPv4Address(10, 0, 0, 254))
      case .v6: .v6(IPv6Address(high: 0xFE80 << 48, low: 0xFE))
      }
    var bytes = [UInt8](repeating: 0, count: GroupQuery.largestFrameBytes)
    let count = bytes.withMutableRawSpan { query.emit(into: &$0) }
    let tag = big(0x8100, 2) + big(UInt64(vlan), 2)
    let frame = Array(bytes[..<12]) + tag + Array(bytes[12..<max(60, count)])
    try Injector(rig, place).send(frame)
  }
}
