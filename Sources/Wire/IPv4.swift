// The IPv4 header (RFC 791, 3.1).
//
//   0            1     2      4   6                8    9         10
//   version IHL  DSCP  total  id  flags, fragment  TTL  protocol  checksum
//   12      16           20
//   source  destination  options ...

public import Base

/// Where the fields are, and how to write them. Every setter traps outside the span.
///
/// A setter leaves the header checksum as it was: end with `updateChecksum`.
public enum IPv4 {
  public static let trafficClassOffset = 1
  public static let totalBytesOffset = 2
  public static let identificationOffset = 4
  public static let fragmentOffset = 6
  public static let timeToLiveOffset = 8
  public static let protocolOffset = 9
  public static let checksumOffset = 10
  public static let sourceOffset = 12
  public static let destinationOffset = 16
  /// Without options.
  public static let headerBytes = 20
  public static let largestPacketBytes = 65_535

  @inlinable
  public static func setDSCP(_ dscp: UInt8, in packet: inout MutableRawSpan) {
    let congestion = packet.bytes.byte(trafficClassOffset) & 3
    packet.setByte(dscp << 2 | congestion, at: trafficClassOffset)
  }

  @inlinable
  public static func setTotalBytes(_ count: UInt16, in packet: inout MutableRawSpan) {
    packet.setBig16(count, at: totalBytesOffset)
  }

  @inlinable
  public static func setIdentification(_ value: UInt16, in packet: inout MutableRawSpan) {
    packet.setBig16(value, at: identificationOffset)
  }

  @inlinable
  public static func setTimeToLive(_ value: UInt8, in packet: inout MutableRawSpan) {
    packet.setByte(value, at: timeToLiveOffset)
  }

  @inlinable
  public static func setSource(_ address: IPv4Address, in packet: inout MutableRawSpan) {
    packet.setIPv4Address(address, at: sourceOffset)
  }

  @inlinable
  public static func setDestination(_ address: IPv4Address, in packet: inout MutableRawSpan) {
    packet.setIPv4Address(address, at: destinationOffset)
  }

  /// Sums the header, as long as its first byte says, and writes the checksum.
  @inlinable
  public static func updateChecksum(in packet: inout MutableRawSpan) {
    packet.setBig16(0, at: checksumOffset)
    let headerBytes = Int(packet.bytes.byte(0) & 0xF) * 4
    let sum = Checksum(packet.bytes.extracting(first: headerBytes))
    packet.setBig16(sum.field, at: checksumOffset)
  }
}

/// The payload of an IPv4 frame, proven to hold the whole header and packet that it declares.
@frozen
public struct IPv4View: ~Escapable {
  /// The packet alone: Ethernet padding is left out.
  public let bytes: RawSpan

  /// Nil unless version 4, IHL at least 5, and header <= total length <= `bytes`.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= IPv4.headerBytes else { return nil }
    let first = bytes.byte(0)
    let totalBytes = Int(bytes.big16(IPv4.totalBytesOffset))
    guard first >> 4 == 4, first & 0xF >= 5, totalBytes >= Int(first & 0xF) * 4,
      totalBytes <= bytes.byteCount
    else { return nil }
    self.bytes = bytes.extracting(first: totalBytes)
  }

  @inlinable
  public var headerBytes: Int { Int(bytes.byte(0) & 0xF) * 4 }

  /// Header and payload, as declared.
  @inlinable
  public var totalBytes: Int { bytes.byteCount }

  @inlinable
  public var dscp: UInt8 { bytes.byte(IPv4.trafficClassOffset) >> 2 }

  /// The congestion bits (RFC 3168).
  @inlinable
  public var ecn: UInt8 { bytes.byte(IPv4.trafficClassOffset) & 3 }

  @inlinable
  public var identification: UInt16 { bytes.big16(IPv4.identificationOffset) }

  @inlinable
  public var dontFragment: Bool { bytes.big16(IPv4.fragmentOffset) & 0x4000 != 0 }

  @inlinable
  public var moreFragments: Bool { bytes.big16(IPv4.fragmentOffset) & 0x2000 != 0 }

  /// Where the payload belongs in the whole packet's, in bytes.
  @inlinable
  public var fragmentOffsetBytes: Int { Int(bytes.big16(IPv4.fragmentOffset) & 0x1FFF) * 8 }

  /// A part of a packet, the first included.
  @inlinable
  public var isFragment: Bool { bytes.big16(IPv4.fragmentOffset) & 0x3FFF != 0 }

  @inlinable
  public var timeToLive: UInt8 { bytes.byte(IPv4.timeToLiveOffset) }

  @inlinable
  public var `protocol`: IPProtocol { IPProtocol(rawValue: bytes.byte(IPv4.protocolOffset)) }

  @inlinable
  public var checksum: UInt16 { bytes.big16(IPv4.checksumOffset) }

  @inlinable
  public var source: IPv4Address { bytes.ipv4Address(at: IPv4.sourceOffset) }

  @inlinable
  public var destination: IPv4Address { bytes.ipv4Address(at: IPv4.destinationOffset) }

  @inlinable
  public var isChecksumValid: Bool { Checksum(bytes.extracting(first: headerBytes)).isValid }

  @inlinable
  public var options: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(IPv4.headerBytes..<headerBytes) }
  }

  /// The transport header begins here, unless `fragmentOffsetBytes` is not 0.
  @inlinable
  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(droppingFirst: headerBytes) }
  }

  /// The pseudo-header for the checksum of this packet's payload.
  @inlinable
  public var pseudoHeader: Checksum {
    Checksum(
      source: source, destination: destination, protocol: `protocol`,
      payloadBytes: totalBytes - headerBytes)
  }
}

/// An IPv4 header's fields; options are not kept.
public struct IPv4Header: WireValue {
  public var dscp: UInt8
  public var ecn: UInt8
  public var identification: UInt16
  public var dontFragment: Bool
  public var moreFragments: Bool
  /// A multiple of 8, at most 65,528.
  public var fragmentOffsetBytes: Int
  public var timeToLive: UInt8
  public var `protocol`: IPProtocol
  public var source: IPv4Address
  public var destination: IPv4Address
  /// What follows the header; at most 65,515.
  public var payloadBytes: Int

  public init(
    source: IPv4Address, destination: IPv4Address, protocol: IPProtocol, payloadBytes: Int,
    timeToLive: UInt8 = 64, dscp: UInt8 = 0, ecn: UInt8 = 0, identification: UInt16 = 0,
    dontFragment: Bool = true
  ) {
    self.source = source
    self.destination = destination
    self.protocol = `protocol`
    self.payloadBytes = payloadBytes
    self.timeToLive = timeToLive
    self.dscp = dscp
    self.ecn = ecn
    self.identification = identification
    self.dontFragment = dontFragment
    moreFragments = false
    fragmentOffsetBytes = 0
  }

  public init?(_ bytes: RawSpan) {
    guard let view = IPv4View(bytes) else { return nil }
    self.init(
      source: view.source, destination: view.destination, protocol: view.protocol,
      payloadBytes: view.totalBytes - view.headerBytes, timeToLive: view.timeToLive,
      dscp: view.dscp, ecn: view.ecn, identification: view.identification,
      dontFragment: view.dontFragment)
    moreFragments = view.moreFragments
    fragmentOffsetBytes = view.fragmentOffsetBytes
  }

  public var byteCount: Int { IPv4.headerBytes }

  /// Writes the header with its checksum. Traps when `payloadBytes` does not fit the length field.
  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    bytes.setByte(0x45, at: 0)
    bytes.setByte(dscp << 2 | ecn & 3, at: IPv4.trafficClassOffset)
    bytes.setBig16(UInt16(byteCount + payloadBytes), at: IPv4.totalBytesOffset)
    bytes.setBig16(identification, at: IPv4.identificationOffset)
    let flags: UInt16 = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0)
    bytes.setBig16(flags | UInt16(fragmentOffsetBytes / 8) & 0x1FFF, at: IPv4.fragmentOffset)
    bytes.setByte(timeToLive, at: IPv4.timeToLiveOffset)
    bytes.setByte(`protocol`.rawValue, at: IPv4.protocolOffset)
    bytes.setIPv4Address(source, at: IPv4.sourceOffset)
    bytes.setIPv4Address(destination, at: IPv4.destinationOffset)
    IPv4.updateChecksum(in: &bytes)
    return byteCount
  }

  public var description: String {
    "\(source) > \(destination), \(`protocol`), ttl \(timeToLive), \(payloadBytes) bytes"
  }
}
