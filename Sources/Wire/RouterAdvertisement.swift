// Router advertisement (RFC 4861, 4.2), as far as a switch reads it: who is a router on this link.
//
//   0    1  2         4          5      6         8               12            16
//   134  0  checksum  hop limit  flags  lifetime  reachable time  retransmit    options ...

public import Base

/// Where the fields are.
public enum RouterAdvertisement {
  public static let lifetimeOffset = 6
  public static let optionsOffset = 16
}

/// An ICMPv6 message, proven to be a router advertisement with whole options.
@frozen
public struct RouterAdvertisementView: ~Escapable {
  public let bytes: RawSpan

  /// Nil when of another type or code, too short, or with a broken option.
  ///
  /// The checksum, the hop limit and the source are the caller's to check: they need the IPv6
  /// header.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= RouterAdvertisement.optionsOffset,
      bytes.byte(0) == ICMPv6.MessageType.routerAdvertisement.rawValue, bytes.byte(1) == 0,
      NeighborDiscovery.areOptionsValid(bytes, from: RouterAdvertisement.optionsOffset)
    else { return nil }
    self.bytes = bytes
  }

  /// How long it is a default router; 0 when it is none.
  @inlinable
  public var lifetimeSeconds: UInt16 { bytes.big16(RouterAdvertisement.lifetimeOffset) }

  @inlinable
  public var sourceLinkLayerAddress: MACAddress? {
    NeighborDiscovery.linkLayerAddress(
      NeighborDiscovery.sourceLinkLayerOption, in: bytes, from: RouterAdvertisement.optionsOffset)
  }
}
