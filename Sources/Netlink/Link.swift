// A network device as the kernel describes it (rtnetlink(7), RTM_NEWLINK; if_link.h).

internal import CNetlink
public import Wire

/// Which link: by its name or by its index.
public enum LinkKey: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  case name(String)
  case index(Int32)

  public init(stringLiteral name: String) { self = .name(name) }

  public var description: String {
    switch self {
    case .name(let name): name
    case .index(let index): "with index \(index)"
    }
  }
}

/// One network device at one moment.
public struct Link: Hashable, Sendable {
  /// RFC 2863 ifOperStatus, with the numbers of linux/if.h.
  public enum OperationalState: UInt8, Hashable, Sendable {
    case unknown, notPresent, down, lowerLayerDown, testing, dormant, up
  }

  /// Unique in its namespace. The other end of a veth pair may have the same one elsewhere.
  public var index: Int32
  public var name: String
  /// `veth`, `bridge`, `tun`; `nil` for hardware and loopback.
  public var kind: String?
  /// `nil` when the device has no Ethernet address.
  public var macAddress: MACAddress?
  public var mtuBytes: Int
  /// Somebody set it up.
  public var isUp: Bool
  /// The driver has a carrier, whether the device is up or not.
  public var hasCarrier: Bool
  public var operationalState: OperationalState
  /// It takes every frame, for whatever reason: told to, captured on, a port of a bridge.
  public var isPromiscuous: Bool
  /// It takes every multicast frame. Before Linux 6.0 only seen where somebody set the flag, and not
  /// where a router or a packet socket asks for it.
  public var isAllMulticast: Bool
  /// The bridge or the like that it is a port of.
  public var masterIndex: Int32?
  /// The other end of a veth pair, by its index in its own namespace.
  public var peerIndex: Int32?
  /// The namespace of the other end, by its number in this one; `nil` when it is this one.
  public var peerNamespaceNumber: Int32?
  public var transmitQueueFrames: Int

  /// Up, with a carrier: what `ip link` calls LOWER_UP.
  public var isLinkUp: Bool { isUp && hasCarrier }
}

extension Link {
  /// Reads RTM_NEWLINK and RTM_DELLINK; `nil` for other messages, and for what a bridge says about
  /// its ports in its own family: there, RTM_DELLINK means "left the bridge" and not "gone".
  init?(_ reply: Reply) {
    guard reply.type == RTM_NEWLINK || reply.type == RTM_DELLINK,
      let body = reply.body(ifinfomsg.self), body.ifi_family == UInt8(AF_UNSPEC)
    else { return nil }
    let attributes = reply.attributes(after: ifinfomsg.self)
    let flags = body.ifi_flags
    index = body.ifi_index
    name = attributes.string(IFLA_IFNAME) ?? ""
    kind = attributes.nested(IFLA_LINKINFO).string(IFLA_INFO_KIND)
    macAddress = attributes.macAddress(IFLA_ADDRESS)
    mtuBytes = Int(attributes.value(IFLA_MTU, as: UInt32.self) ?? 0)
    isUp = flags & 1 != 0  // IFF_UP
    isPromiscuous = attributes.value(IFLA_PROMISCUITY, as: UInt32.self).map { $0 > 0 } ?? false
    isAllMulticast =
      flags >> 9 & 1 != 0  // IFF_ALLMULTI
      || attributes.value(IFLA_ALLMULTI, as: UInt32.self).map { $0 > 0 } ?? false
    // IFF_LOWER_UP stands for kernels before 3.9, which have no such attribute.
    hasCarrier =
      attributes.value(IFLA_CARRIER, as: UInt8.self).map { $0 != 0 } ?? (flags >> 16 & 1 != 0)
    operationalState =
      attributes.value(IFLA_OPERSTATE).flatMap { OperationalState(rawValue: $0) } ?? .unknown
    masterIndex = attributes.value(IFLA_MASTER)
    peerIndex = kind == "veth" ? attributes.value(IFLA_LINK) : nil
    peerNamespaceNumber = kind == "veth" ? attributes.value(IFLA_LINK_NETNSID) : nil
    transmitQueueFrames = Int(attributes.value(IFLA_TXQLEN, as: UInt32.self) ?? 0)
  }
}
