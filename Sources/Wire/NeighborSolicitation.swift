// Neighbour solicitation (RFC 4861, 4.3): who has this IPv6 address?
//
//   0    1  2         4         8               24
//   135  0  checksum  reserved  target address  options ...

public import Base

/// Where the fields are, and how to write them. Every setter traps outside the span.
public enum NeighborSolicitation {
  public static let targetOffset = NeighborDiscovery.targetOffset
  public static let optionsOffset = NeighborDiscovery.headerBytes

  @inlinable
  public static func setTarget(_ address: IPv6Address, in message: inout MutableRawSpan) {
    message.setIPv6Address(address, at: targetOffset)
  }
}

/// An ICMPv6 message, proven to be a neighbour solicitation with whole options.
@frozen
public struct NeighborSolicitationView: ~Escapable {
  public let bytes: RawSpan

  /// Nil when of another type or code, too short, for a multicast target, or with a broken option.
  ///
  /// The checksum and the hop limit are the caller's to check: they need the IPv6 header.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= NeighborSolicitation.optionsOffset,
      bytes.byte(0) == ICMPv6.MessageType.neighborSolicitation.rawValue, bytes.byte(1) == 0,
      bytes.byte(NeighborSolicitation.targetOffset) != 0xFF,
      NeighborDiscovery.areOptionsValid(bytes, from: NeighborSolicitation.optionsOffset)
    else { return nil }
    self.bytes = bytes
  }

  @inlinable
  public var checksum: UInt16 { bytes.big16(ICMPv6.checksumOffset) }

  @inlinable
  public var target: IPv6Address { bytes.ipv6Address(at: NeighborSolicitation.targetOffset) }

  /// Nil when the sender has no address yet and only asks whether this one is free.
  @inlinable
  public var sourceLinkLayerAddress: MACAddress? {
    NeighborDiscovery.linkLayerAddress(
      NeighborDiscovery.sourceLinkLayerOption, in: bytes, from: NeighborSolicitation.optionsOffset)
  }
}

/// A neighbour solicitation's fields; options other than the source link-layer address are not
/// kept.
public struct NeighborSolicitationMessage: WireValue {
  public var target: IPv6Address
  public var sourceLinkLayerAddress: MACAddress?
  public var checksum: UInt16

  public init(
    target: IPv6Address, sourceLinkLayerAddress: MACAddress? = nil, checksum: UInt16 = 0
  ) {
    self.target = target
    self.sourceLinkLayerAddress = sourceLinkLayerAddress
    self.checksum = checksum
  }

  public init?(_ bytes: RawSpan) {
    guard let view = NeighborSolicitationView(bytes) else { return nil }
    self.init(
      target: view.target, sourceLinkLayerAddress: view.sourceLinkLayerAddress,
      checksum: view.checksum)
  }

  public var byteCount: Int {
    let optionBytes = sourceLinkLayerAddress == nil ? 0 : NeighborDiscovery.linkLayerOptionBytes
    return NeighborDiscovery.headerBytes + optionBytes
  }

  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    ICMPv6Header(type: .neighborSolicitation, checksum: checksum).emit(into: &bytes)
    bytes.setBig32(0, at: ICMPv6.headerBytes)
    NeighborSolicitation.setTarget(target, in: &bytes)
    if let sourceLinkLayerAddress {
      bytes.setLinkLayerOption(
        NeighborDiscovery.sourceLinkLayerOption, sourceLinkLayerAddress,
        at: NeighborSolicitation.optionsOffset)
    }
    return byteCount
  }

  public var description: String {
    let sender = sourceLinkLayerAddress.map { ", tell \($0)" } ?? ""
    return "neighbor solicitation, who has \(target)\(sender)"
  }
}
