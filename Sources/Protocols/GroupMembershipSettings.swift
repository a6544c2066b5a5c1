// What can be set of multicast snooping, what it has room for, and what its tables say.

public import Base
public import Wire

/// The querier and its times; may be changed while the switch runs.
public struct GroupMembershipSettings: Hashable, Sendable, BitwiseCopyable {
  /// Ask ourselves in VLANs where no other querier is heard.
  public var isQuerier = true
  public var queryIntervalSeconds: UInt32 = 125
  /// How many queries in a row may be lost (RFC 3376, 8.1); at least 1.
  public var robustness: UInt8 = 2
  /// 1 to 3.
  public var igmpVersion = 3
  /// 1 or 2.
  public var mldVersion = 2
  /// What our own queries come from; see `GroupQuery`.
  public var igmpSource = IPv4Address.unspecified
  public var mldSource = GroupQuery.defaultMLDSource

  public init() {}

  /// Hosts spread their answers to a general query over this time (RFC 3376, 8.3).
  public static let responseMilliseconds: UInt32 = 10_000
  /// Between two questions about a group that was left, and the time to answer them.
  public static let lastMemberMilliseconds: UInt32 = 1_000

  static var lastMemberNanoseconds: UInt64 { UInt64(lastMemberMilliseconds) * 1_000_000 }

  /// 260 s: a membership that is not reported again ends (RFC 3376, 8.4).
  var membershipNanoseconds: UInt64 {
    (UInt64(robustness) * UInt64(queryIntervalSeconds) * 1_000
      + UInt64(Self.responseMilliseconds)) * 1_000_000
  }

  var intervalNanoseconds: UInt64 { UInt64(queryIntervalSeconds) * 1_000_000_000 }
}

/// How much a `GroupMembership` has room for.
public struct GroupMembershipLimits: Hashable, Sendable, BitwiseCopyable {
  /// Groups, each in one VLAN.
  public var groups = 4_096
  /// Ports in groups.
  public var members = 8_192
  /// Groups that one port is in: nobody fills the tables alone.
  public var membersPerPort: UInt16 = 1_024
  /// VM ports, by VLAN, behind which a router was heard.
  public var routerPorts = 256
  /// Ports that are being asked what they listen to, by VLAN and protocol.
  public var asks = 512

  public init() {}
}

/// A query for the caller to send.
public struct PendingQuery: Hashable, Sendable, BitwiseCopyable {
  public var vlan: UInt16
  /// To this port alone; nil for every VM port of the VLAN.
  public var port: Int?
  /// Without the sender's MAC address: the caller knows one.
  public var query: GroupQuery
}

/// One port in one group, for reports.
public struct GroupMembershipEntry: Hashable, Sendable, BitwiseCopyable {
  public var vlan: UInt16
  public var group: IPAddress
  public var port: Int
  /// All sources but those listed; otherwise those listed alone.
  public var isExclude: Bool
  public var sources: GroupSources
  public var joined: MonotonicTime
  /// When it ends unless it is reported again.
  public var end: MonotonicTime
}
