// The Ethernet header (IEEE 802.3-2018, 3.1.1), without preamble and FCS.
//
//   0            6            12          14
//   destination  source       type        payload ...
//
// Inside the switch the outermost 802.1Q tag is kept beside the frame, so `etherType` is that of
// the payload; bytes that still carry tags are read through `VLANStack`.

public import Base

/// Where the fields are, and how to write them. Every setter traps outside the span.
public enum Ethernet {
  public static let destinationOffset = 0
  public static let sourceOffset = 6
  public static let etherTypeOffset = 12
  public static let headerBytes = 14
  /// The shortest frame on a wire, FCS not counted (IEEE 802.3, 4A.4.2: 64 with it).
  public static let shortestFrameBytes = 60

  @inlinable
  public static func setDestination(_ address: MACAddress, in frame: inout MutableRawSpan) {
    frame.setMACAddress(address, at: destinationOffset)
  }

  @inlinable
  public static func setSource(_ address: MACAddress, in frame: inout MutableRawSpan) {
    frame.setMACAddress(address, at: sourceOffset)
  }

  @inlinable
  public static func setEtherType(_ type: EtherType, in frame: inout MutableRawSpan) {
    frame.setBig16(type.rawValue, at: etherTypeOffset)
  }
}

/// The bytes of a frame, proven to hold an Ethernet header.
@frozen
public struct EthernetView: ~Escapable {
  public let bytes: RawSpan

  /// Nil when `bytes` is shorter than a header.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Ethernet.headerBytes else { return nil }
    self.bytes = bytes
  }

  @inlinable
  public var destination: MACAddress { bytes.macAddress(at: Ethernet.destinationOffset) }

  @inlinable
  public var source: MACAddress { bytes.macAddress(at: Ethernet.sourceOffset) }

  @inlinable
  public var etherType: EtherType { bytes.etherType(at: Ethernet.etherTypeOffset) }

  /// Everything after the header, padding included.
  @inlinable
  public var payload: RawSpan {
    @_lifetime(copy self)
    get { bytes.extracting(droppingFirst: Ethernet.headerBytes) }
  }
}

/// An Ethernet header's fields.
public struct EthernetHeader: WireValue {
  public var destination: MACAddress
  public var source: MACAddress
  public var etherType: EtherType

  public init(destination: MACAddress, source: MACAddress, etherType: EtherType) {
    self.destination = destination
    self.source = source
    self.etherType = etherType
  }

  public init?(_ bytes: RawSpan) {
    guard let view = EthernetView(bytes) else { return nil }
    self.init(destination: view.destination, source: view.source, etherType: view.etherType)
  }

  public var byteCount: Int { Ethernet.headerBytes }

  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    Ethernet.setDestination(destination, in: &bytes)
    Ethernet.setSource(source, in: &bytes)
    Ethernet.setEtherType(etherType, in: &bytes)
    return byteCount
  }

  public var description: String { "\(source) > \(destination), \(etherType)" }
}
