// Address resolution for IPv4 over Ethernet (RFC 826).
//
//   0         2         4     5     6     8       14      18      24      28
//   hardware  protocol  6     4     op    sender  sender  target  target
//   1         0x0800                      MAC     IPv4    MAC     IPv4
//
// Other hardware and protocol types are not ARP to this module: no guest of an Ethernet switch uses
// them, and a view of them would have no fixed offsets.

public import Base

/// Where the fields are, and how to write them. Every setter traps outside the span.
public enum ARP {
  public static let operationOffset = 6
  public static let senderMACOffset = 8
  public static let senderAddressOffset = 14
  public static let targetMACOffset = 18
  public static let targetAddressOffset = 24
  public static let packetBytes = 28

  /// What a packet asks or tells (ARP operation codes, IANA).
  @frozen
  public struct Operation: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    public var rawValue: UInt16

    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    @inlinable public static var request: Operation { Operation(rawValue: 1) }
    @inlinable public static var reply: Operation { Operation(rawValue: 2) }
    @inlinable public static var reverseRequest: Operation { Operation(rawValue: 3) }
    @inlinable public static var reverseReply: Operation { Operation(rawValue: 4) }
  }

  /// Writes the types and lengths of IPv4 over Ethernet.
  @inlinable
  public static func setTypes(in packet: inout MutableRawSpan) {
    packet.setBig32(0x0001_0800, at: 0)
    packet.setBig16(0x0604, at: 4)
  }

  @inlinable
  public static func setOperation(_ operation: Operation, in packet: inout MutableRawSpan) {
    packet.setBig16(operation.rawValue, at: operationOffset)
  }

  @inlinable
  public static func setSender(
    _ mac: MACAddress, _ address: IPv4Address, in packet: inout MutableRawSpan
  ) {
    packet.setMACAddress(mac, at: senderMACOffset)
    packet.setIPv4Address(address, at: senderAddressOffset)
  }

  @inlinable
  public static func setTarget(
    _ mac: MACAddress, _ address: IPv4Address, in packet: inout MutableRawSpan
  ) {
    packet.setMACAddress(mac, at: targetMACOffset)
    packet.setIPv4Address(address, at: targetAddressOffset)
  }
}

/// The payload of an ARP (or RARP) frame, proven to be of IPv4 over Ethernet.
@frozen
public struct ARPView: ~Escapable {
  public let bytes: RawSpan

  /// Nil when too short, or of other types or address lengths. Padding may follow.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= ARP.packetBytes, bytes.big32(0) == 0x0001_0800,
      bytes.big16(4) == 0x0604
    else { return nil }
    self.bytes = bytes
  }

  @inlinable
  public var operation: ARP.Operation {
    ARP.Operation(rawValue: bytes.big16(ARP.operationOffset))
  }

  @inlinable
  public var senderMAC: MACAddress { bytes.macAddress(at: ARP.senderMACOffset) }

  @inlinable
  public var senderAddress: IPv4Address { bytes.ipv4Address(at: ARP.senderAddressOffset) }

  @inlinable
  public var targetMAC: MACAddress { bytes.macAddress(at: ARP.targetMACOffset) }

  @inlinable
  public var targetAddress: IPv4Address { bytes.ipv4Address(at: ARP.targetAddressOffset) }

  /// Asks whether an address is free, and claims nothing (RFC 5227, 1.1).
  @inlinable
  public var isProbe: Bool { operation == .request && senderAddress.isUnspecified }

  /// Tells where an address is without being asked: request or reply about the sender's own
  /// address.
  @inlinable
  public var isGratuitous: Bool {
    (operation == .request || operation == .reply) && senderAddress == targetAddress
      && !senderAddress.isUnspecified
  }
}

/// An ARP packet's fields.
public struct ARPPacket: WireValue {
  public var operation: ARP.Operation
  public var senderMAC: MACAddress
  public var senderAddress: IPv4Address
  public var targetMAC: MACAddress
  public var targetAddress: IPv4Address

  public init(
    operation: ARP.Operation, senderMAC: MACAddress, senderAddress: IPv4Address,
    targetMAC: MACAddress, targetAddress: IPv4Address
  ) {
    self.operation = operation
    self.senderMAC = senderMAC
    self.senderAddress = senderAddress
    self.targetMAC = targetMAC
    self.targetAddress = targetAddress
  }

  public init?(_ bytes: RawSpan) {
    guard let view = ARPView(bytes) else { return nil }
    self.init(
      operation: view.operation, senderMAC: view.senderMAC, senderAddress: view.senderAddress,
      targetMAC: view.targetMAC, targetAddress: view.targetAddress)
  }

  public var byteCount: Int { ARP.packetBytes }

  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    ARP.setTypes(in: &bytes)
    ARP.setOperation(operation, in: &bytes)
    ARP.setSender(senderMAC, senderAddress, in: &bytes)
    ARP.setTarget(targetMAC, targetAddress, in: &bytes)
    return byteCount
  }

  public var description: String {
    switch operation {
    case .request: "ARP who has \(targetAddress), tell \(senderAddress) at \(senderMAC)"
    case .reply: "ARP \(senderAddress) is at \(senderMAC), to \(targetAddress) at \(targetMAC)"
    default: "ARP operation \(operation.rawValue) from \(senderAddress) at \(senderMAC)"
    }
  }
}
