// The TCP header (RFC 9293, 3.1) and its checksum over IPv4 and IPv6.
//
//   0            2                 4         8                12             13
//   source port  destination port  sequence  acknowledgement  header length  flags
//   14      16        18      20
//   window  checksum  urgent  options ...

public import Base

/// Where the fields are, and how to write them. Every setter traps outside the span.
public enum TCP {
  public static let sourcePortOffset = 0
  public static let destinationPortOffset = 2
  public static let sequenceOffset = 4
  public static let acknowledgementOffset = 8
  public static let headerLengthOffset = 12
  public static let flagsOffset = 13
  public static let windowOffset = 14
  public static let checksumOffset = 16
  public static let urgentOffset = 18
  /// Without options.
  public static let headerBytes = 20
  public static let largestHeaderBytes = 60

  /// The control bits, as in byte 13.
  @frozen
  public struct Flags: OptionSet, Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable public static var fin: Flags { Flags(rawValue: 0x01) }
    @inlinable public static var syn: Flags { Flags(rawValue: 0x02) }
    @inlinable public static var rst: Flags { Flags(rawValue: 0x04) }
    @inlinable public static var psh: Flags { Flags(rawValue: 0x08) }
    @inlinable public static var ack: Flags { Flags(rawValue: 0x10) }
    @inlinable public static var urg: Flags { Flags(rawValue: 0x20) }
    @inlinable public static var ece: Flags { Flags(rawValue: 0x40) }
    @inlinable public static var cwr: Flags { Flags(rawValue: 0x80) }
  }

  @inlinable
  public static func setSourcePort(_ port: UInt16, in segment: inout MutableRawSpan) {
    segment.setBig16(port, at: sourcePortOffset)
  }

  @inlinable
  public static func setDestinationPort(_ port: UInt16, in segment: inout MutableRawSpan) {
    segment.setBig16(port, at: destinationPortOffset)
  }

  @inlinable
  public static func setSequence(_ number: UInt32, in segment: inout MutableRawSpan) {
    segment.setBig32(number, at: sequenceOffset)
  }

  @inlinable
  public static func setFlags(_ flags: Flags, in segment: inout MutableRawSpan) {
    segment.setByte(flags.rawValue, at: flagsOffset)
  }

  /// Sums header and payload, all of `segment`, over a pseudo-header and writes the checksum.
  @inlinable
  public static func updateChecksum(in segment: inout MutableRawSpan, pseudoHeader: Checksum) {
    segment.setBig16(0, at: checksumOffset)
    var sum = pseudoHeader
    sum.add(segment.bytes)
    segment.setBig16(sum.field, at: checksumOffset)
  }
}

/// The payload of an IP packet, proven to hold the whole TCP header that it declares.
@frozen
public struct TCPView: ~Escapable {
  public let bytes: RawSpan

  /// Nil unless the header length is at least 20 and within `bytes`.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= TCP.headerBytes else { return nil }
    let headerBytes = Int(bytes.byte(TCP.headerLengthOffset) >> 4) * 4
    guard headerBytes >= TCP.headerBytes, headerBytes <= bytes.byteCount else { return nil }
    self.bytes = bytes
  }

  @inlinable
  public var sourcePort: UInt16 { bytes.big16(TCP.sourcePortOffset) }

  @inlinable
  public var destinationPort: UInt16 { bytes.big16(TCP.destinationPortOffset) }

  @inlinable
  public var sequence: UInt32 { bytes.big32(TCP.sequenceOffset) }

  @inlinable
  public var acknowledgement: UInt32 { bytes.big32(TCP.acknowledgementOffset) }

  @inlinable
  public var headerBytes: Int { Int(bytes.byte(TCP.headerLengthOffset) >> 4) * 4 }

  @inlinable
  public var flags: TCP.Flags { TCP.Flags(rawValue: bytes.byte(TCP.flagsOffset)) }

  /// As in the field, not scaled.
  @inlinable
  public var window: UInt16 { bytes.big16(TCP.windowOffset) }

  @inlinable
  public var checksum: UInt16 { bytes.big16(TCP.checksumOffset) }

  @inlinable
  public var urgent: UInt16 { bytes.big16(TCP.urgentOffset) }

  @inlinable
  public var options: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(TCP.headerBytes..<headerBytes) }
  }

  @inlinable
  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(droppingFirst: headerBytes) }
  }

  @inlinable
  public func isChecksumValid(pseudoHeader: Checksum) -> Bool {
    var sum = pseudoHeader
    sum.add(bytes)
    return sum.isValid
  }
}

/// A TCP header's fields; options are not kept.
public struct TCPHeader: WireValue {
  public var sourcePort: UInt16
  public var destinationPort: UInt16
  public var sequence: UInt32
  public var acknowledgement: UInt32
  public var flags: TCP.Flags
  public var window: UInt16
  public var checksum: UInt16
  public var urgent: UInt16

  public init(
    sourcePort: UInt16, destinationPort: UInt16, sequence: UInt32 = 0,
    acknowledgement: UInt32 = 0, flags: TCP.Flags, window: UInt16 = 65_535, checksum: UInt16 = 0,
    urgent: UInt16 = 0
  ) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.sequence = sequence
    self.acknowledgement = acknowledgement
    self.flags = flags
    self.window = window
    self.checksum = checksum
    self.urgent = urgent
  }

  public init?(_ bytes: RawSpan) {
    guard let view = TCPView(bytes) else { return nil }
    self.init(
      sourcePort: view.sourcePort, destinationPort: view.destinationPort, sequence: view.sequence,
      acknowledgement: view.acknowledgement, flags: view.flags, window: view.window,
      checksum: view.checksum, urgent: view.urgent)
  }

  public var byteCount: Int { TCP.headerBytes }

  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    bytes.setBig16(sourcePort, at: TCP.sourcePortOffset)
    bytes.setBig16(destinationPort, at: TCP.destinationPortOffset)
    bytes.setBig32(sequence, at: TCP.sequenceOffset)
    bytes.setBig32(acknowledgement, at: TCP.acknowledgementOffset)
    bytes.setByte(UInt8(byteCount / 4) << 4, at: TCP.headerLengthOffset)
    bytes.setByte(flags.rawValue, at: TCP.flagsOffset)
    bytes.setBig16(window, at: TCP.windowOffset)
    bytes.setBig16(checksum, at: TCP.checksumOffset)
    bytes.setBig16(urgent, at: TCP.urgentOffset)
    return byteCount
  }

  public var description: String {
    "tcp \(sourcePort) > \(destinationPort) [\(flags)], sequence \(sequence)"
  }
}

extension TCP.Flags: CustomStringConvertible {
  /// The names of the bits that are set, in the order of the header: `SYN ACK`.
  public var description: String {
    let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"]
    return names.enumerated().filter { rawValue >> UInt8($0.offset) & 1 == 1 }.map(\.element)
      .joined(separator: " ")
  }
}
