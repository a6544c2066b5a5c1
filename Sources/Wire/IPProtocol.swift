// What an IP packet carries (Protocol Numbers registry, IANA; RFC 8200, 4).

/// The protocol field of IPv4 and the next-header field of IPv6.
@frozen
public struct IPProtocol: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt8

  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let hopByHop = IPProtocol(rawValue: 0)
  public static let icmp = IPProtocol(rawValue: 1)
  public static let igmp = IPProtocol(rawValue: 2)
  public static let tcp = IPProtocol(rawValue: 6)
  public static let udp = IPProtocol(rawValue: 17)
  public static let routing = IPProtocol(rawValue: 43)
  public static let fragment = IPProtocol(rawValue: 44)
  public static let authentication = IPProtocol(rawValue: 51)
  public static let icmpv6 = IPProtocol(rawValue: 58)
  /// Nothing follows.
  public static let noNextHeader = IPProtocol(rawValue: 59)
  public static let destinationOptions = IPProtocol(rawValue: 60)
  public static let sctp = IPProtocol(rawValue: 132)
  public static let mobility = IPProtocol(rawValue: 135)
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
