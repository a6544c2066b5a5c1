// Multicast Listener Discovery: who listens to which IPv6 group.
//
//   0     1     2         4     6         8        version 1 (RFC 2710, 3)
//   type  code  checksum  time  reserved  group
//
//   24        25        26       28          version 2: a query goes on (RFC 3810, 5.1)
//   S, QRV    interval  sources  source ...
//
//   0    1         2         4         6        8           version 2 report (RFC 3810, 5.2)
//   143  reserved  checksum  reserved  records  record ...
//
//   0     1            2        4      20          a record of it; auxiliary words follow the sources
//   type  aux. words   sources  group  source ...
//
// They are ICMPv6 messages and have its checksum. IPv6 carries them with a hop limit of 1, from a
// link-local address, behind a hop-by-hop header with a router alert (RFC 2711).

public import Base

/// Where the fields are, and how to write them. Every setter traps outside the span.
public enum MLD {
  public static let responseTimeOffset = 4
  public static let groupOffset = 8
  /// Version 1, and what every query has.
  public static let headerBytes = 24

  public static let queryFlagsOffset = 24
  public static let queryIntervalOffset = 25
  public static let querySourceCountOffset = 26
  public static let querySourcesOffset = 28

  public static let recordCountOffset = 6
  public static let recordsOffset = 8
  /// A record without sources.
  public static let recordHeaderBytes = 20
  public static let recordGroupOffset = 4

  /// Routers look at a packet only once, on the link where it was sent.
  public static let hopLimit: UInt8 = 1

  @inlinable
  public static func setResponseTime(_ code: UInt16, in message: inout MutableRawSpan) {
    message.setBig16(code, at: responseTimeOffset)
  }

  @inlinable
  public static func setGroup(_ group: IPv6Address, in message: inout MutableRawSpan) {
    message.setIPv6Address(group, at: groupOffset)
  }
}

extension ICMPv6.MessageType {
  @inlinable public static var listenerQuery: Self { Self(rawValue: 130) }
  @inlinable public static var listenerReport: Self { Self(rawValue: 131) }
  @inlinable public static var listenerDone: Self { Self(rawValue: 132) }
  @inlinable public static var listenerReportV2: Self { Self(rawValue: 143) }

  /// Says who listens, or asks for it.
  @inlinable
  public var isMembership: Bool { rawValue >= 130 && rawValue <= 132 || rawValue == 143 }
}

/// An ICMPv6 message, proven to be a query, report or done of MLD with the fields of version 1.
@frozen
public struct MLDView: ~Escapable {
  public let bytes: RawSpan

  /// Nil when of another type (a version 2 report among them) or shorter than 24 bytes.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= MLD.headerBytes, bytes.byte(0) >= 130, bytes.byte(0) <= 132
    else { return nil }
    self.bytes = bytes
  }

  @inlinable
  public var type: ICMPv6.MessageType {
    ICMPv6.MessageType(rawValue: bytes.byte(ICMPv6.typeOffset))
  }

  @inlinable
  public var checksum: UInt16 { bytes.big16(ICMPv6.checksumOffset) }

  /// In a query how long to wait with the answer, in milliseconds or, from 32,768 on, a `TimeCode`.
  @inlinable
  public var responseTime: UInt16 { bytes.big16(MLD.responseTimeOffset) }

  @inlinable
  public var group: IPv6Address { bytes.ipv6Address(at: MLD.groupOffset) }
}

/// The fields that every MLD message of version 1 is made of.
public struct MLDMessage: WireValue {
  public var type: ICMPv6.MessageType
  public var responseTime: UInt16
  public var checksum: UInt16
  public var group: IPv6Address

  public init(
    type: ICMPv6.MessageType, responseTime: UInt16 = 0, checksum: UInt16 = 0, group: IPv6Address
  ) {
    self.type = type
    self.responseTime = responseTime
    self.checksum = checksum
    self.group = group
  }

  public init?(_ bytes: RawSpan) {
    guard let view = MLDView(bytes) else { return nil }
    self.init(
      type: view.type, responseTime: view.responseTime, checksum: view.checksum,
      group: view.group)
  }

  public var byteCount: Int { MLD.headerBytes }

  /// Writes the fields; the checksum as it is: end with `ICMPv6.updateChecksum`.
  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    ICMPv6Header(type: type, checksum: checksum).emit(into: &bytes)
    MLD.setResponseTime(responseTime, in: &bytes)
    bytes.setBig16(0, at: 6)
    MLD.setGroup(group, in: &bytes)
    return byteCount
  }

  public var description: String {
    switch type {
    case .listenerQuery: group.isUnspecified ? "mld query" : "mld query for \(group)"
    case .listenerReport: "mld report of \(group)"
    default: "mld done of \(group)"
    }
  }
}
