// The Internet Group Management Protocol: who listens to which IPv4 group.
//
//   0     1     2         4        version 1 (RFC 1112, appendix I) and 2 (RFC 2236, 2)
//   type  time  checksum  group
//
//   8         9         10       12          version 3: a query goes on (RFC 3376, 4.1)
//   S, QRV    interval  sources  source ...
//
//   0     1         2         4         6        8           version 3 report (RFC 3376, 4.2)
//   0x22  reserved  checksum  reserved  records  record ...
//
//   0     1            2        4      8           a record of it; auxiliary words follow the sources
//   type  aux. words   sources  group  source ...
//
// The checksum is that of the whole message. IPv4 carries it with a time to live of 1; versions 2 and
// 3 with a router alert (RFC 2113), which a switch need not look for: it reads every frame anyway.

public import Base

/// Where the fields are, and how to write them. Every setter traps outside the span.
public enum IGMP {
  public static let typeOffset = 0
  public static let codeOffset = 1
  public static let checksumOffset = 2
  public static let groupOffset = 4
  /// Version 1 and 2, and what every message has.
  public static let headerBytes = 8

  public static let queryFlagsOffset = 8
  public static let queryIntervalOffset = 9
  public static let querySourceCountOffset = 10
  public static let querySourcesOffset = 12

  public static let recordCountOffset = 6
  public static let recordsOffset = 8
  /// A record without sources.
  public static let recordHeaderBytes = 8
  public static let recordGroupOffset = 4

  /// What a message is (IGMP Type Numbers registry, IANA).
  @frozen
  public struct MessageType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    public var rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable public static var query: MessageType { MessageType(rawValue: 0x11) }
    @inlinable public static var reportV1: MessageType { MessageType(rawValue: 0x12) }
    @inlinable public static var reportV2: MessageType { MessageType(rawValue: 0x16) }
    @inlinable public static var leave: MessageType { MessageType(rawValue: 0x17) }
    @inlinable public static var reportV3: MessageType { MessageType(rawValue: 0x22) }

    /// Says who listens, or asks for it; the others (DVMRP, PIM, traceroute) are between routers.
    @inlinable
    public var isMembership: Bool {
      switch rawValue {
      case 0x11, 0x12, 0x16, 0x17, 0x22: true
      default: false
      }
    }
  }

  @inlinable
  public static func setType(_ type: MessageType, in message: inout MutableRawSpan) {
    message.setByte(type.rawValue, at: typeOffset)
  }

  @inlinable
  public static func setGroup(_ group: IPv4Address, in message: inout MutableRawSpan) {
    message.setIPv4Address(group, at: groupOffset)
  }

  /// Sums all of `message` and writes the checksum.
  @inlinable
  public static func updateChecksum(in message: inout MutableRawSpan) {
    message.setBig16(0, at: checksumOffset)
    message.setBig16(Checksum(message.bytes).field, at: checksumOffset)
  }
}

/// The payload of an IPv4 packet, proven to hold the part that every IGMP message has.
@frozen
public struct IGMPView: ~Escapable {
  public let bytes: RawSpan

  /// Nil when shorter than 8 bytes.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= IGMP.headerBytes else { return nil }
    self.bytes = bytes
  }

  @inlinable
  public var type: IGMP.MessageType { IGMP.MessageType(rawValue: bytes.byte(IGMP.typeOffset)) }

  /// In a query how long to wait with the answer; see `TimeCode`.
  @inlinable
  public var code: UInt8 { bytes.byte(IGMP.codeOffset) }

  @inlinable
  public var checksum: UInt16 { bytes.big16(IGMP.checksumOffset) }

  @inlinable
  public var isChecksumValid: Bool { Checksum(bytes).isValid }

  /// The group asked for or told of; meaningless in a version 3 report.
  @inlinable
  public var group: IPv4Address { bytes.ipv4Address(at: IGMP.groupOffset) }
}

/// The fields that every IGMP message of version 1 and 2 is made of.
public struct IGMPMessage: WireValue {
  public var type: IGMP.MessageType
  public var code: UInt8
  public var checksum: UInt16
  public var group: IPv4Address

  public init(
    type: IGMP.MessageType, code: UInt8 = 0, checksum: UInt16 = 0, group: IPv4Address
  ) {
    self.type = type
    self.code = code
    self.checksum = checksum
    self.group = group
  }

  public init?(_ bytes: RawSpan) {
    guard let view = IGMPView(bytes) else { return nil }
    self.init(type: view.type, code: view.code, checksum: view.checksum, group: view.group)
  }

  public var byteCount: Int { IGMP.headerBytes }

  /// Writes the fields; the checksum as it is: end with `IGMP.updateChecksum`.
  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    IGMP.setType(type, in: &bytes)
    bytes.setByte(code, at: IGMP.codeOffset)
    bytes.setBig16(checksum, at: IGMP.checksumOffset)
    IGMP.setGroup(group, in: &bytes)
    return byteCount
  }

  public var description: String {
    switch type {
    case .query: group.isUnspecified ? "igmp query" : "igmp query for \(group)"
    case .reportV1: "igmp v1 report of \(group)"
    case .reportV2: "igmp v2 report of \(group)"
    case .leave: "igmp leave of \(group)"
    case .reportV3: "igmp v3 report"
    default: "igmp type \(type.rawValue)"
    }
  }
}
