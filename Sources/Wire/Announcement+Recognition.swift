// Telling announcements, and claims of IP addresses, from the rest of the traffic.
//
// Called for every frame, so the common frame is let go after one look at its EtherType (and an
// IPv6 frame after one byte of its header). Frames are given without their outermost tag; one with
// a further tag in its bytes is none of these.
//
// Both are about the sender itself: what a frame says of a MAC address other than its own source is
// proxying, and moves nothing. Checksums are not verified: a guest may leave them to be completed
// by whoever puts the frame on a wire, and the switch only reads.

public import Base

extension Announcement {
  /// Recognises a gratuitous ARP request or reply, a RARP request for the sender itself, or an
  /// unsolicited neighbour advertisement; nil for any other frame.
  @inlinable
  public init?(_ frame: RawSpan) {
    guard let ethernet = EthernetView(frame), ethernet.mayAnnounce,
      let announcement = Self.recognised(ethernet)
    else { return nil }
    self = announcement
  }

  @usableFromInline
  static func recognised(_ ethernet: EthernetView) -> Announcement? {
    let mac = ethernet.source
    guard !mac.isMulticast else { return nil }
    switch ethernet.etherType {
    case .arp:
      guard let packet = ARPView(ethernet.payload), packet.isGratuitous, packet.senderMAC == mac
      else { return nil }
      return .gratuitousARP(mac, packet.senderAddress)
    case .rarp:
      guard let packet = RARPView(ethernet.payload), packet.isRequest, packet.senderMAC == mac,
        packet.targetMAC == mac
      else { return nil }
      return .rarp(mac)
    default:
      guard let packet = neighborDiscoveryPacket(ethernet), packet.destination.isMulticast,
        let message = NeighborAdvertisementView(packet.payload),
        !message.flags.contains(.solicited), message.targetLinkLayerAddress == mac
      else { return nil }
      let isRouter = message.flags.contains(.router)
      return .neighborAdvertisement(mac, message.target, isRouter: isRouter)
    }
  }
}

/// An IP address that the sender of a frame says is its own.
@frozen
public struct AddressClaim: Hashable, Sendable, BitwiseCopyable {
  public var mac: MACAddress
  public var address: IPAddress
  /// The frame says that the sender is an IPv6 router; false also when it does not tell.
  public var isRouter: Bool

  @inlinable
  public init(mac: MACAddress, address: IPAddress, isRouter: Bool = false) {
    self.mac = mac
    self.address = address
    self.isRouter = isRouter
  }

  /// Reads the sender of an ARP packet, the source of a neighbour solicitation or a router
  /// advertisement, or the target of a neighbour advertisement.
  ///
  /// Nil for any other frame, for a probe, and for an address that cannot be one host's.
  @inlinable
  public init?(_ frame: RawSpan) {
    guard let ethernet = EthernetView(frame), ethernet.mayAnnounce,
      let claim = Self.recognised(ethernet)
    else { return nil }
    self = claim
  }

  @usableFromInline
  static func recognised(_ ethernet: EthernetView) -> AddressClaim? {
    let mac = ethernet.source
    guard !mac.isMulticast else { return nil }
    let claim: AddressClaim?
    switch ethernet.etherType {
    case .arp:
      guard let packet = ARPView(ethernet.payload), packet.senderMAC == mac,
        packet.operation == .request || packet.operation == .reply
      else { return nil }
      claim = AddressClaim(mac: mac, address: .v4(packet.senderAddress))
    case .ipv6:
      guard let packet = neighborDiscoveryPacket(ethernet) else { return nil }
      claim = claimed(by: mac, in: packet)
    default: return nil
    }
    return claim.flatMap { $0.address.isUnicast ? $0 : nil }
  }

  /// What a neighbour discovery packet says of its sender.
  private static func claimed(by mac: MACAddress, in packet: IPv6View) -> AddressClaim? {
    let bytes = packet.payload
    let named: MACAddress?
    let claim: AddressClaim
    if let message = NeighborAdvertisementView(bytes) {
      named = message.targetLinkLayerAddress
      claim = AddressClaim(
        mac: mac, address: .v6(message.target), isRouter: message.flags.contains(.router))
    } else if let message = NeighborSolicitationView(bytes) {
      named = message.sourceLinkLayerAddress
      claim = AddressClaim(mac: mac, address: .v6(packet.source))
    } else if let message = RouterAdvertisementView(bytes) {
      named = message.sourceLinkLayerAddress
      claim = AddressClaim(mac: mac, address: .v6(packet.source), isRouter: true)
    } else {
      return nil
    }
    return named == nil || named == mac ? claim : nil
  }
}

extension AddressClaim: CustomStringConvertible {
  public var description: String { "\(mac) has \(address)" }
}

extension EthernetView {
  /// What lets most frames go at once: ARP, RARP, or IPv6 with ICMPv6 straight in it.
  @inlinable
  var mayAnnounce: Bool {
    switch etherType {
    case .ipv6:
      bytes.byteCount >= Ethernet.headerBytes + IPv6.headerBytes
        && bytes.byte(Ethernet.headerBytes + IPv6.nextHeaderOffset) == IPProtocol.icmpv6.rawValue
    case .arp, .rarp: true
    default: false
    }
  }
}

/// The packet of a frame when it can be neighbour discovery: ICMPv6, straight after the IPv6
/// header, and never forwarded by a router (RFC 4861, 7.1; RFC 6980 forbids fragments).
@_lifetime(copy ethernet)
private func neighborDiscoveryPacket(_ ethernet: EthernetView) -> IPv6View? {
  guard let packet = IPv6View(ethernet.payload), packet.nextHeader == .icmpv6,
    packet.hopLimit == NeighborDiscovery.hopLimit
  else { return nil }
  return packet
}
