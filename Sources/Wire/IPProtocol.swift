// What an IP packet carries (Protocol Numbers registry, IANA; RFC 8200, 4).
//
// The constants are computed: from another module, a stored one of a struct type costs a call.

/// The protocol field of IPv4 and the next-header field of IPv6.
@frozen
public struct IPProtocol: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt8

  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  @inlinable public static var hopByHop: IPProtocol { IPProtocol(rawValue: 0) }
  @inlinable public static var icmp: IPProtocol { IPProtocol(rawValue: 1) }
  @inlinable public static var igmp: IPProtocol { IPProtocol(rawValue: 2) }
  @inlinable public static var tcp: IPProtocol { IPProtocol(rawValue: 6) }
  @inlinable public static var udp: IPProtocol { IPProtocol(rawValue: 17) }
  @inlinable public static var routing: IPProtocol { IPProtocol(rawValue: 43) }
  @inlinable public static var fragment: IPProtocol { IPProtocol(rawValue: 44) }
  @inlinable public static var authentication: IPProtocol { IPProtocol(rawValue: 51) }
  @inlinable public static var icmpv6: IPProtocol { IPProtocol(rawValue: 58) }
  /// Nothing follows.
  @inlinable public static var noNextHeader: IPProtocol { IPProtocol(rawValue: 59) }
  @inlinable public static var destinationOptions: IPProtocol { IPProtocol(rawValue: 60) }
  @inlinable public static var sctp: IPProtocol { IPProtocol(rawValue: 132) }
  @inlinable public static var mobility: IPProtocol { IPProtocol(rawValue: 135) }
}

extension IPProtocol: CustomStringConvertible {
  /// The registry's keyword, in lower case, or the number.
  public var description: String {
    switch self {
    case .hopByHop: "hop-by-hop options"
    case .icmp: "icmp"
    case .igmp: "igmp"
    case .tcp: "tcp"
    case .udp: "udp"
    case .routing: "routing header"
    case .fragment: "fragment header"
    case .authentication: "ah"
    case .icmpv6: "icmpv6"
    case .noNextHeader: "no next header"
    case .destinationOptions: "destination options"
    case .sctp: "sctp"
    case .mobility: "mobility header"
    default: "protocol \(rawValue)"
    }
  }
}
