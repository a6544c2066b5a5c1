// The UDP header (RFC 768) and its checksum over IPv4 and IPv6.
//
//   0            2                 4       6         8
//   source port  destination port  length  checksum  payload ...

public import Base

/// Where the fields are, and how to write them. Every setter traps outside the span.
public enum UDP {
  public static let sourcePortOffset = 0
  public static let destinationPortOffset = 2
  public static let lengthOffset = 4
  public static let checksumOffset = 6
  public static let headerBytes = 8

  @inlinable
  public static func setSourcePort(_ port: UInt16, in datagram: inout MutableRawSpan) {
    datagram.setBig16(port, at: sourcePortOffset)
  }

  @inlinable
  public static func setDestinationPort(_ port: UInt16, in datagram: inout MutableRawSpan) {
    datagram.setBig16(port, at: destinationPortOffset)
  }

  /// Header and payload.
  @inlinable
  public static func setLength(_ count: UInt16, in datagram: inout MutableRawSpan) {
    datagram.setBig16(count, at: lengthOffset)
  }

  /// Sums header and payload, all of `datagram`, over a pseudo-header and writes the checksum.
  ///
  /// A sum that comes out as 0 is written as 0xFFFF: 0 means that there is none.
  @inlinable
  public static func updateChecksum(
    in datagram: inout MutableRawSpan, pseudoHeader: Checksum
  ) {
    datagram.setBig16(0, at: checksumOffset)
    var sum = pseudoHeader
    sum.add(datagram.bytes)
    datagram.setBig16(sum.field == 0 ? 0xFFFF : sum.field, at: checksumOffset)
  }
}

/// The payload of an IP packet, proven to hold the whole datagram that it declares.
@frozen
public struct UDPView: ~Escapable {
  /// The datagram alone: what lies beyond its length is left out.
  public let bytes: RawSpan

  /// Nil unless 8 <= length <= `bytes`.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= UDP.headerBytes else { return nil }
    let length = Int(bytes.big16(UDP.lengthOffset))
    guard length >= UDP.headerBytes, length <= bytes.byteCount else { return nil }
    self.bytes = bytes.extracting(first: length)
  }

  @inlinable
  public var sourcePort: UInt16 { bytes.big16(UDP.sourcePortOffset) }

  @inlinable
  public var destinationPort: UInt16 { bytes.big16(UDP.destinationPortOffset) }

  /// 0 when the sender made none, which only IPv4 allows.
  @inlinable
  public var checksum: UInt16 { bytes.big16(UDP.checksumOffset) }

  @inlinable
  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(droppingFirst: UDP.headerBytes) }
  }

  /// Whether the bytes match the checksum; one of 0 matches nothing here.
  @inlinable
  public func isChecksumValid(pseudoHeader: Checksum) -> Bool {
    var sum = pseudoHeader
    sum.add(bytes)
    return checksum != 0 && sum.isValid
  }
}

/// A UDP header's fields.
public struct UDPHeader: WireValue {
  public var sourcePort: UInt16
  public var destinationPort: UInt16
  /// What follows the header; at most 65,527.
  public var payloadBytes: Int
  public var checksum: UInt16

  public init(
    sourcePort: UInt16, destinationPort: UInt16, payloadBytes: Int, checksum: UInt16 = 0
  ) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.payloadBytes = payloadBytes
    self.checksum = checksum
  }

  public init?(_ bytes: RawSpan) {
    guard let view = UDPView(bytes) else { return nil }
    self.init(
      sourcePort: view.sourcePort, destinationPort: view.destinationPort,
      payloadBytes: view.bytes.byteCount - UDP.headerBytes, checksum: view.checksum)
  }

  public var byteCount: Int { UDP.headerBytes }

  /// Writes the header. Traps when `payloadBytes` does not fit the length field.
  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    bytes.setBig16(sourcePort, at: UDP.sourcePortOffset)
    bytes.setBig16(destinationPort, at: UDP.destinationPortOffset)
    bytes.setBig16(UInt16(byteCount + payloadBytes), at: UDP.lengthOffset)
    bytes.setBig16(checksum, at: UDP.checksumOffset)
    return byteCount
  }

  public var description: String {
    "udp \(sourcePort) > \(destinationPort), \(payloadBytes) bytes"
  }
}
