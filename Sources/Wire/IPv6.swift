// The IPv6 header (RFC 8200, 3). Extension headers are in `IPv6+Extensions.swift`.
//
//   0               1..3               4               6            7
//   version, class  class, flow label  payload length  next header  hop limit
//   8       24           40
//   source  destination  payload ...
//
// A payload length of 0 is an empty payload: jumbograms (RFC 2675) do not exist on Ethernet.

public import Base

/// Where the fields are, and how to write them. Every setter traps outside the span.
public enum IPv6 {
  public static let payloadBytesOffset = 4
  public static let nextHeaderOffset = 6
  public static let hopLimitOffset = 7
  public static let sourceOffset = 8
  public static let destinationOffset = 24
  /// Without extension headers.
  public static let headerBytes = 40

  @inlinable
  public static func setDSCP(_ dscp: UInt8, in packet: inout MutableRawSpan) {
    // The class lies across the first two bytes; its two low bits are the congestion bits.
    let others = packet.bytes.big16(0) & 0xF03F
    packet.setBig16(others | UInt16(dscp & 0x3F) << 6, at: 0)
  }

  @inlinable
  public static func setPayloadBytes(_ count: UInt16, in packet: inout MutableRawSpan) {
    packet.setBig16(count, at: payloadBytesOffset)
  }

  @inlinable
  public static func setHopLimit(_ value: UInt8, in packet: inout MutableRawSpan) {
    packet.setByte(value, at: hopLimitOffset)
  }

  @inlinable
  public static func setSource(_ address: IPv6Address, in packet: inout MutableRawSpan) {
    packet.setIPv6Address(address, at: sourceOffset)
  }

  @inlinable
  public static func setDestination(_ address: IPv6Address, in packet: inout MutableRawSpan) {
    packet.setIPv6Address(address, at: destinationOffset)
  }
}

/// The payload of an IPv6 frame, proven to hold the whole header and payload that it declares.
@frozen
public struct IPv6View: ~Escapable {
  /// The packet alone: Ethernet padding is left out.
  public let bytes: RawSpan

  /// Nil unless version 6 and header + payload length <= `bytes`.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= IPv6.headerBytes, bytes.byte(0) >> 4 == 6 else { return nil }
    let totalBytes = IPv6.headerBytes + Int(bytes.big16(IPv6.payloadBytesOffset))
    guard totalBytes <= bytes.byteCount else { return nil }
    self.bytes = bytes.extracting(first: totalBytes)
  }

  @inlinable
  public var dscp: UInt8 { UInt8(truncatingIfNeeded: bytes.big16(0) >> 6) & 0x3F }

  /// The congestion bits (RFC 3168).
  @inlinable
  public var ecn: UInt8 { UInt8(truncatingIfNeeded: bytes.big16(0) >> 4) & 3 }

  /// 20 bits.
  @inlinable
  public var flowLabel: UInt32 { bytes.big32(0) & 0xF_FFFF }

  /// Extension headers included.
  @inlinable
  public var payloadBytes: Int { bytes.byteCount - IPv6.headerBytes }

  /// What follows this header: an extension header, perhaps. See `upperLayer`.
  @inlinable
  public var nextHeader: IPProtocol { IPProtocol(rawValue: bytes.byte(IPv6.nextHeaderOffset)) }

  @inlinable
  public var hopLimit: UInt8 { bytes.byte(IPv6.hopLimitOffset) }

  @inlinable
  public var source: IPv6Address { bytes.ipv6Address(at: IPv6.sourceOffset) }

  @inlinable
  public var destination: IPv6Address { bytes.ipv6Address(at: IPv6.destinationOffset) }

  /// Everything after this header, extension headers included.
  @inlinable
  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(droppingFirst: IPv6.headerBytes) }
  }
}

/// An IPv6 header's fields.
public struct IPv6Header: WireValue {
  public var dscp: UInt8
  public var ecn: UInt8
  /// 20 bits.
  public var flowLabel: UInt32
  /// What follows the header; at most 65,535.
  public var payloadBytes: Int
  public var nextHeader: IPProtocol
  public var hopLimit: UInt8
  public var source: IPv6Address
  public var destination: IPv6Address

  public init(
    source: IPv6Address, destination: IPv6Address, nextHeader: IPProtocol, payloadBytes: Int,
    hopLimit: UInt8 = 64, dscp: UInt8 = 0, ecn: UInt8 = 0, flowLabel: UInt32 = 0
  ) {
    self.source = source
    self.destination = destination
    self.nextHeader = nextHeader
    self.payloadBytes = payloadBytes
    self.hopLimit = hopLimit
    self.dscp = dscp
    self.ecn = ecn
    self.flowLabel = flowLabel
  }

  public init?(_ bytes: RawSpan) {
    guard let view = IPv6View(bytes) else { return nil }
    self.init(
      source: view.source, destination: view.destination, nextHeader: view.nextHeader,
      payloadBytes: view.payloadBytes, hopLimit: view.hopLimit, dscp: view.dscp, ecn: view.ecn,
      flowLabel: view.flowLabel)
  }

  public var byteCount: Int { IPv6.headerBytes }

  /// Writes the header. Traps when `payloadBytes` does not fit the length field.
  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    let trafficClass = UInt32(dscp & 0x3F) << 2 | UInt32(ecn & 3)
    bytes.setBig32(6 << 28 | trafficClass << 20 | flowLabel & 0xF_FFFF, at: 0)
    bytes.setBig16(UInt16(payloadBytes), at: IPv6.payloadBytesOffset)
    bytes.setByte(nextHeader.rawValue, at: IPv6.nextHeaderOffset)
    bytes.setByte(hopLimit, at: IPv6.hopLimitOffset)
    bytes.setIPv6Address(source, at: IPv6.sourceOffset)
    bytes.setIPv6Address(destination, at: IPv6.destinationOffset)
    return byteCount
  }

  public var description: String {
    "\(source) > \(destination), \(nextHeader), hop limit \(hopLimit), \(payloadBytes) bytes"
  }
}
