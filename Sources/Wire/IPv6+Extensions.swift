// Finding the upper layer behind the extension headers of an IPv6 packet (RFC 8200, 4).
//
//   0            1                      2
//   next header  length / 8, less one   ...       options, routing, mobility (RFC 6564 form)
//   next header  length / 4, less two   ...       authentication (RFC 4302)
//   next header  reserved               offset, more     identification (4..8)      fragment
//
// Bound: `largestHeaderCount` extension headers. A guest that sends more is not understood, and the
// packet counts as malformed wherever its upper layer matters.

internal import Base

/// What an IPv6 packet carries behind its extension headers.
@frozen
public struct IPv6UpperLayer: Hashable, Sendable, BitwiseCopyable {
  /// The first header that is not an extension header: TCP, ESP, `noNextHeader`...
  public var `protocol`: IPProtocol
  /// Where it begins, from the first byte of the IPv6 header; at most the end of the packet.
  public var offset: Int
  /// There is a fragment header, and the packet is not all of its payload (RFC 6946).
  public var isFragment: Bool
  /// Where the payload belongs in the whole packet's, in bytes. If not 0, no header is at `offset`.
  public var fragmentOffsetBytes: Int

  @inlinable
  init(protocol: IPProtocol, offset: Int, isFragment: Bool, fragmentOffsetBytes: Int) {
    self.protocol = `protocol`
    self.offset = offset
    self.isFragment = isFragment
    self.fragmentOffsetBytes = fragmentOffsetBytes
  }
}

extension IPv6View {
  /// The most extension headers that are walked; seven is the longest chain that RFC 8200 suggests.
  @inlinable
  public static var largestHeaderCount: Int { 8 }

  /// The upper layer; nil when an extension header is cut off or there are more than eight.
  @inlinable
  public var upperLayer: IPv6UpperLayer? {
    switch nextHeader {
    case .tcp, .udp, .icmpv6:
      // Nearly every packet: decided without a call.
      return IPv6UpperLayer(
        protocol: nextHeader, offset: IPv6.headerBytes, isFragment: false, fragmentOffsetBytes: 0)
    default: return walkedUpperLayer
    }
  }

  @usableFromInline
  var walkedUpperLayer: IPv6UpperLayer? {
    var layer = IPv6UpperLayer(
      protocol: nextHeader, offset: IPv6.headerBytes, isFragment: false, fragmentOffsetBytes: 0)
    for _ in 0..<Self.largestHeaderCount {
      guard isExtension(layer.protocol) else { return layer }
      // Every extension header is at least eight bytes long.
      guard bytes.byteCount - layer.offset >= 8 else { return nil }
      let next = IPProtocol(rawValue: bytes.byte(layer.offset))
      let extensionBytes = self.extensionBytes(of: layer.protocol, at: layer.offset)
      if layer.protocol == .fragment {
        let field = bytes.big16(layer.offset + 2)
        layer.isFragment = layer.isFragment || field & 0xFFF9 != 0
        layer.fragmentOffsetBytes = Int(field & 0xFFF8)
      }
      guard bytes.byteCount - layer.offset >= extensionBytes else { return nil }
      layer.offset += extensionBytes
      layer.protocol = next
      // What follows a later fragment's header is the middle of the payload.
      if layer.fragmentOffsetBytes != 0 { return layer }
    }
    return isExtension(layer.protocol) ? nil : layer
  }

  /// The bytes of the upper layer, to the end of the packet.
  @inlinable
  @_lifetime(copy self)
  public func payload(of layer: IPv6UpperLayer) -> RawSpan {
    bytes.extracting(droppingFirst: layer.offset)
  }

  /// The pseudo-header for the checksum of `layer`, which is not a fragment.
  @inlinable
  public func pseudoHeader(of layer: IPv6UpperLayer) -> Checksum {
    Checksum(
      source: source, destination: destination, protocol: layer.protocol,
      payloadBytes: bytes.byteCount - layer.offset)
  }

  private func isExtension(_ header: IPProtocol) -> Bool {
    switch header {
    case .hopByHop, .routing, .fragment, .authentication, .destinationOptions, .mobility: true
    default: false
    }
  }

  private func extensionBytes(of header: IPProtocol, at offset: Int) -> Int {
    switch header {
    case .fragment: 8
    case .authentication: (Int(bytes.byte(offset + 1)) + 2) * 4
    default: (Int(bytes.byte(offset + 1)) + 1) * 8
    }
  }
}
