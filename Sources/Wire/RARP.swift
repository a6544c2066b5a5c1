// Reverse address resolution (RFC 903): the layout of ARP under EtherType 0x8035.
//
// Nobody resolves addresses with it any more. Virtual switches broadcast a RARP request for a MAC
// address that has moved, because it teaches physical switches the new place without needing an IP
// address (VMware "notify switches", QEMU `announce_self`).

/// The size; the field offsets and setters are those of `ARP`.
public enum RARP {
  public static let packetBytes = ARP.packetBytes
}

/// The payload of a RARP frame, proven to be a reverse request or reply of IPv4 over Ethernet.
@frozen
public struct RARPView: ~Escapable {
  @usableFromInline
  let packet: ARPView

  /// Nil when too short, of other types, or with an operation that is not RARP's.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard let packet = ARPView(bytes),
      packet.operation == .reverseRequest || packet.operation == .reverseReply
    else { return nil }
    self.packet = packet
  }

  @inlinable
  public var isRequest: Bool { packet.operation == .reverseRequest }

  @inlinable
  public var senderMAC: MACAddress { packet.senderMAC }

  @inlinable
  public var senderAddress: IPv4Address { packet.senderAddress }

  /// Whose address is asked for; the sender itself in an announcement.
  @inlinable
  public var targetMAC: MACAddress { packet.targetMAC }

  @inlinable
  public var targetAddress: IPv4Address { packet.targetAddress }
}

/// A RARP packet's fields.
public struct RARPPacket: WireValue {
  public var isRequest: Bool
  public var senderMAC: MACAddress
  public var senderAddress: IPv4Address
  public var targetMAC: MACAddress
  public var targetAddress: IPv4Address

  public init(
    isRequest: Bool, senderMAC: MACAddress, senderAddress: IPv4Address = .unspecified,
    targetMAC: MACAddress, targetAddress: IPv4Address = .unspecified
  ) {
    self.isRequest = isRequest
    self.senderMAC = senderMAC
    self.senderAddress = senderAddress
    self.targetMAC = targetMAC
    self.targetAddress = targetAddress
  }

  public init?(_ bytes: RawSpan) {
    guard let view = RARPView(bytes) else { return nil }
    self.init(
      isRequest: view.isRequest, senderMAC: view.senderMAC, senderAddress: view.senderAddress,
      targetMAC: view.targetMAC, targetAddress: view.targetAddress)
  }

  public var byteCount: Int { RARP.packetBytes }

  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    ARP.setTypes(in: &bytes)
    ARP.setOperation(isRequest ? .reverseRequest : .reverseReply, in: &bytes)
    ARP.setSender(senderMAC, senderAddress, in: &bytes)
    ARP.setTarget(targetMAC, targetAddress, in: &bytes)
    return byteCount
  }

  public var description: String {
    isRequest
      ? "RARP who is \(targetMAC), tell \(senderMAC)"
      : "RARP \(targetMAC) is \(targetAddress), from \(senderMAC)"
  }
}
