// The common header of ICMPv6 messages (RFC 4443, 2.1) and their checksum.
//
//   0     1     2         4
//   type  code  checksum  body ...

public import Base

/// Where the fields are, and how to write them. Every setter traps outside the span.
public enum ICMPv6 {
  public static let typeOffset = 0
  public static let codeOffset = 1
  public static let checksumOffset = 2
  public static let headerBytes = 4

  /// What a message is (ICMPv6 Parameters registry, IANA).
  @frozen
  public struct MessageType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    public var rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable public static var echoRequest: MessageType { MessageType(rawValue: 128) }
    @inlinable public static var echoReply: MessageType { MessageType(rawValue: 129) }
    @inlinable public static var routerSolicitation: MessageType { MessageType(rawValue: 133) }
    @inlinable public static var routerAdvertisement: MessageType { MessageType(rawValue: 134) }
    @inlinable public static var neighborSolicitation: MessageType { MessageType(rawValue: 135) }
    @inlinable public static var neighborAdvertisement: MessageType { MessageType(rawValue: 136) }
  }

  @inlinable
  public static func setType(_ type: MessageType, in message: inout MutableRawSpan) {
    message.setByte(type.rawValue, at: typeOffset)
  }

  /// Sums all of `message` over a pseudo-header and writes the checksum.
  @inlinable
  public static func updateChecksum(in message: inout MutableRawSpan, pseudoHeader: Checksum) {
    message.setBig16(0, at: checksumOffset)
    var sum = pseudoHeader
    sum.add(message.bytes)
    message.setBig16(sum.field, at: checksumOffset)
  }
}

/// The upper layer of an IPv6 packet, proven to hold an ICMPv6 header.
@frozen
public struct ICMPv6View: ~Escapable {
  public let bytes: RawSpan

  /// Nil when shorter than the header.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= ICMPv6.headerBytes else { return nil }
    self.bytes = bytes
  }

  @inlinable
  public var type: ICMPv6.MessageType {
    ICMPv6.MessageType(rawValue: bytes.byte(ICMPv6.typeOffset))
  }

  @inlinable
  public var code: UInt8 { bytes.byte(ICMPv6.codeOffset) }

  @inlinable
  public var checksum: UInt16 { bytes.big16(ICMPv6.checksumOffset) }

  @inlinable
  public var body: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(droppingFirst: ICMPv6.headerBytes) }
  }

  @inlinable
  public func isChecksumValid(pseudoHeader: Checksum) -> Bool {
    var sum = pseudoHeader
    sum.add(bytes)
    return sum.isValid
  }
}

/// An ICMPv6 header's fields.
public struct ICMPv6Header: WireValue {
  public var type: ICMPv6.MessageType
  public var code: UInt8
  public var checksum: UInt16

  public init(type: ICMPv6.MessageType, code: UInt8 = 0, checksum: UInt16 = 0) {
    self.type = type
    self.code = code
    self.checksum = checksum
  }

  public init?(_ bytes: RawSpan) {
    guard let view = ICMPv6View(bytes) else { return nil }
    self.init(type: view.type, code: view.code, checksum: view.checksum)
  }

  public var byteCount: Int { ICMPv6.headerBytes }

  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    bytes.setByte(type.rawValue, at: ICMPv6.typeOffset)
    bytes.setByte(code, at: ICMPv6.codeOffset)
    bytes.setBig16(checksum, at: ICMPv6.checksumOffset)
    return byteCount
  }

  public var description: String {
    switch type {
    case .echoRequest: "icmpv6 echo request"
    case .echoReply: "icmpv6 echo reply"
    case .routerSolicitation: "icmpv6 router solicitation"
    case .routerAdvertisement: "icmpv6 router advertisement"
    case .neighborSolicitation: "icmpv6 neighbor solicitation"
    case .neighborAdvertisement: "icmpv6 neighbor advertisement"
    default: "icmpv6 type \(type.rawValue) code \(code)"
    }
  }
}
