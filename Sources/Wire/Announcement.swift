// Frames that tell the network where a MAC address is, sent without being asked.
//
//   RARP request                  any MAC address; needs no IP address (RFC 903; notify switches)
//   gratuitous ARP request        an IPv4 address, after a move (RFC 5227, 2.3 and 3)
//   neighbour advertisement       an IPv6 address, to all nodes, Override set (RFC 4861, 7.2.6)
//
// The first teaches switches; the other two also correct the caches of hosts and routers. The
// frames are untagged: a tag is put beside them by whoever sends them.
//
// An advertisement without the Router flag takes a router out of the lists of default routers (RFC
// 4861, 7.2.5), so whoever announces for a guest must know whether it routes:
// `AddressClaim.isRouter`.

internal import Base

/// An announcement: which MAC address is here, and under which IP address.
@frozen
public enum Announcement: Hashable, Sendable, BitwiseCopyable {
  case rarp(MACAddress)
  case gratuitousARP(MACAddress, IPv4Address)
  case neighborAdvertisement(MACAddress, IPv6Address, isRouter: Bool = false)

  /// For an address: gratuitous ARP or neighbour advertisement. `isRouter` counts for IPv6 alone.
  @inlinable
  public init(_ mac: MACAddress, _ address: IPAddress, isRouter: Bool = false) {
    switch address {
    case .v4(let address): self = .gratuitousARP(mac, address)
    case .v6(let address): self = .neighborAdvertisement(mac, address, isRouter: isRouter)
    }
  }

  /// The address that is announced.
  @inlinable
  public var mac: MACAddress {
    switch self {
    case .rarp(let mac), .gratuitousARP(let mac, _), .neighborAdvertisement(let mac, _, _): mac
    }
  }

  /// The IP address that goes with it; nil for RARP.
  @inlinable
  public var address: IPAddress? {
    switch self {
    case .rarp: nil
    case .gratuitousARP(_, let address): .v4(address)
    case .neighborAdvertisement(_, let address, _): .v6(address)
    }
  }

  /// Room for any announcement: Ethernet 14, IPv6 40, advertisement 24, option 8.
  public static let largestFrameBytes = 86

  /// What `emit` writes: a whole frame, padded to the shortest that Ethernet allows.
  public var byteCount: Int {
    switch self {
    case .rarp, .gratuitousARP: Ethernet.shortestFrameBytes
    case .neighborAdvertisement: Self.largestFrameBytes
    }
  }
}

extension Announcement: WireValue {
  /// Writes the whole frame, Ethernet header first, padding zeroed. Traps when `frame` is shorter.
  @discardableResult
  public func emit(into frame: inout MutableRawSpan) -> Int {
    switch self {
    case .rarp(let mac):
      emitHeader(to: .broadcast, .rarp, into: &frame)
      var payload = frame.part(Ethernet.headerBytes..<Ethernet.shortestFrameBytes)
      let packet = RARPPacket(isRequest: true, senderMAC: mac, targetMAC: mac)
      pad(&payload, from: packet.emit(into: &payload))
    case .gratuitousARP(let mac, let address):
      emitHeader(to: .broadcast, .arp, into: &frame)
      var payload = frame.part(Ethernet.headerBytes..<Ethernet.shortestFrameBytes)
      let packet = ARPPacket(
        operation: .request, senderMAC: mac, senderAddress: address, targetMAC: .zero,
        targetAddress: address)
      pad(&payload, from: packet.emit(into: &payload))
    case .neighborAdvertisement(let mac, let address, let isRouter):
      emitHeader(to: IPv6Address.allNodes.multicastMAC, .ipv6, into: &frame)
      var packet = frame.part(Ethernet.headerBytes..<Self.largestFrameBytes)
      emitAdvertisement(mac, address, isRouter, into: &packet)
    }
    return byteCount
  }

  private func emitHeader(
    to destination: MACAddress, _ type: EtherType, into frame: inout MutableRawSpan
  ) {
    EthernetHeader(destination: destination, source: mac, etherType: type).emit(into: &frame)
  }

  private func pad(_ payload: inout MutableRawSpan, from offset: Int) {
    for offset in offset..<payload.byteCount { payload.setByte(0, at: offset) }
  }

  private func emitAdvertisement(
    _ mac: MACAddress, _ address: IPv6Address, _ isRouter: Bool,
    into packet: inout MutableRawSpan
  ) {
    let message = NeighborAdvertisementMessage(
      flags: isRouter ? [.router, .override] : .override, target: address,
      targetLinkLayerAddress: mac)
    let header = IPv6Header(
      source: address, destination: .allNodes, nextHeader: .icmpv6,
      payloadBytes: message.byteCount, hopLimit: NeighborDiscovery.hopLimit)
    let headerBytes = header.emit(into: &packet)
    var body = packet.part(headerBytes..<(headerBytes + message.byteCount))
    message.emit(into: &body)
    ICMPv6.updateChecksum(
      in: &body,
      pseudoHeader: Checksum(
        source: address, destination: .allNodes, protocol: .icmpv6,
        payloadBytes: message.byteCount))
  }

  public var description: String {
    switch self {
    case .rarp(let mac): "RARP for \(mac)"
    case .gratuitousARP(let mac, let address): "gratuitous ARP for \(mac) at \(address)"
    case .neighborAdvertisement(let mac, let address, _):
      "neighbor advertisement for \(mac) at \(address)"
    }
  }
}
