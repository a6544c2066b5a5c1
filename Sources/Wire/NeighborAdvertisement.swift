// Neighbour advertisement (RFC 4861, 4.4): this IPv6 address is here.
//
//   0    1  2         4                                        8               24
//   136  0  checksum  Router, Solicited, Override (high bits)  target address  options ...

public import Base

/// Where the fields are, and how to write them. Every setter traps outside the span.
public enum NeighborAdvertisement {
  public static let flagsOffset = 4
  public static let targetOffset = NeighborDiscovery.targetOffset
  public static let optionsOffset = NeighborDiscovery.headerBytes

  /// The bits of byte 4.
  @frozen
  public struct Flags: OptionSet, Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt8

    /// Keeps the three bits that mean something.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue & 0xE0 }

    @inlinable public static var router: Flags { Flags(rawValue: 0x80) }
    /// An answer to a solicitation.
    @inlinable public static var solicited: Flags { Flags(rawValue: 0x40) }
    /// What receivers have in their caches is to be replaced.
    @inlinable public static var override: Flags { Flags(rawValue: 0x20) }
  }

  @inlinable
  public static func setFlags(_ flags: Flags, in message: inout MutableRawSpan) {
    message.setBig32(UInt32(flags.rawValue) << 24, at: flagsOffset)
  }

  @inlinable
  public static func setTarget(_ address: IPv6Address, in message: inout MutableRawSpan) {
    message.setIPv6Address(address, at: targetOffset)
  }
}

/// An ICMPv6 message, proven to be a neighbour advertisement with whole options.
@frozen
public struct NeighborAdvertisementView: ~Escapable {
  public let bytes: RawSpan

  /// Nil when of another type or code, too short, for a multicast target, or with a broken option.
  ///
  /// The checksum and the hop limit are the caller's to check: they need the IPv6 header.
  @inlinable
  @_lifetime(copy bytes)
  public init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= NeighborAdvertisement.optionsOffset,
      bytes.byte(0) == ICMPv6.MessageType.neighborAdvertisement.rawValue, bytes.byte(1) == 0,
      bytes.byte(NeighborAdvertisement.targetOffset) != 0xFF,
      NeighborDiscovery.areOptionsValid(bytes, from: NeighborAdvertisement.optionsOffset)
    else { return nil }
    self.bytes = bytes
  }

  @inlinable
  public var checksum: UInt16 { bytes.big16(ICMPv6.checksumOffset) }

  @inlinable
  public var flags: NeighborAdvertisement.Flags {
    NeighborAdvertisement.Flags(rawValue: bytes.byte(NeighborAdvertisement.flagsOffset))
  }

  @inlinable
  public var target: IPv6Address { bytes.ipv6Address(at: NeighborAdvertisement.targetOffset) }

  /// Nil in an answer whose asker knows it already.
  @inlinable
  public var targetLinkLayerAddress: MACAddress? {
    NeighborDiscovery.linkLayerAddress(
      NeighborDiscovery.targetLinkLayerOption, in: bytes,
      from: NeighborAdvertisement.optionsOffset)
  }
}

/// A neighbour advertisement's fields; options other than the target link-layer address are not
/// kept.
public struct NeighborAdvertisementMessage: WireValue {
  public var flags: NeighborAdvertisement.Flags
  public var target: IPv6Address
  public var targetLinkLayerAddress: MACAddress?
  public var checksum: UInt16

  public init(
    flags: NeighborAdvertisement.Flags, target: IPv6Address,
    targetLinkLayerAddress: MACAddress?, checksum: UInt16 = 0
  ) {
    self.flags = flags
    self.target = target
    self.targetLinkLayerAddress = targetLinkLayerAddress
    self.checksum = checksum
  }

  public init?(_ bytes: RawSpan) {
    guard let view = NeighborAdvertisementView(bytes) else { return nil }
    self.init(
      flags: view.flags, target: view.target,
      targetLinkLayerAddress: view.targetLinkLayerAddress, checksum: view.checksum)
  }

  public var byteCount: Int {
    let optionBytes = targetLinkLayerAddress == nil ? 0 : NeighborDiscovery.linkLayerOptionBytes
    return NeighborDiscovery.headerBytes + optionBytes
  }

  @discardableResult
  public func emit(into bytes: inout MutableRawSpan) -> Int {
    ICMPv6Header(type: .neighborAdvertisement, checksum: checksum).emit(into: &bytes)
    NeighborAdvertisement.setFlags(flags, in: &bytes)
    NeighborAdvertisement.setTarget(target, in: &bytes)
    if let targetLinkLayerAddress {
      bytes.setLinkLayerOption(
        NeighborDiscovery.targetLinkLayerOption, targetLinkLayerAddress,
        at: NeighborAdvertisement.optionsOffset)
    }
    return byteCount
  }

  public var description: String {
    let place = targetLinkLayerAddress.map { " is at \($0)" } ?? ""
    return "neighbor advertisement, \(target)\(place) [\(flags)]"
  }
}

extension NeighborAdvertisement.Flags: CustomStringConvertible {
  /// The names of the bits that are set, in the order of the header: `router override`.
  public var description: String {
    var names: [String] = []
    if contains(.router) { names.append("router") }
    if contains(.solicited) { names.append("solicited") }
    if contains(.override) { names.append("override") }
    return names.joined(separator: " ")
  }
}
