// The fields of a key by name, for tests, reports and the compiler of rules.

public import Wire

extension FlowKey {
  @inlinable
  public var sourceMAC: MACAddress {
    get { MACAddress(rawValue: sourceLink >> 16) }
    set { sourceLink = newValue.rawValue << 16 | sourceLink & 0xFFFF }
  }

  @inlinable
  public var destinationMAC: MACAddress {
    get { MACAddress(rawValue: destinationLink >> 16) }
    set { destinationLink = newValue.rawValue << 16 | destinationLink & 0xFFFF }
  }

  @inlinable
  public var etherType: EtherType {
    get { EtherType(rawValue: UInt16(truncatingIfNeeded: sourceLink)) }
    set { sourceLink = sourceLink & ~0xFFFF | UInt64(newValue.rawValue) }
  }

  /// The low 12 bits count.
  @inlinable
  public var vlan: UInt16 {
    get { UInt16(destinationLink & Self.vlanMask) }
    set {
      destinationLink = destinationLink & ~Self.vlanMask | UInt64(newValue) & Self.vlanMask
    }
  }

  @inlinable
  public var hasAddresses: Bool {
    get { destinationLink & Self.hasAddressesBit != 0 }
    set { set(Self.hasAddressesBit, newValue) }
  }

  @inlinable
  public var hasPorts: Bool {
    get { destinationLink & Self.hasPortsBit != 0 }
    set { set(Self.hasPortsBit, newValue) }
  }

  @inlinable
  public var isFragment: Bool {
    get { destinationLink & Self.fragmentBit != 0 }
    set { set(Self.fragmentBit, newValue) }
  }

  /// A fragment other than the first.
  @inlinable
  public var isLaterFragment: Bool {
    get { destinationLink & Self.laterBit != 0 }
    set { set(Self.laterBit, newValue) }
  }

  @inlinable
  mutating func set(_ bit: UInt64, _ isSet: Bool) {
    destinationLink = destinationLink & ~bit | (isSet ? bit : 0)
  }

  @inlinable
  public var source: IPv6Address {
    get { IPv6Address(high: sourceHigh, low: sourceLow) }
    set { (sourceHigh, sourceLow) = (newValue.high, newValue.low) }
  }

  @inlinable
  public var destination: IPv6Address {
    get { IPv6Address(high: destinationHigh, low: destinationLow) }
    set { (destinationHigh, destinationLow) = (newValue.high, newValue.low) }
  }

  @inlinable
  public var `protocol`: IPProtocol {
    get { IPProtocol(rawValue: UInt8(truncatingIfNeeded: transport >> 24)) }
    set { transport = transport & ~Self.protocolMask | UInt64(newValue.rawValue) << 24 }
  }

  @inlinable
  public var sourcePort: UInt16 {
    get { UInt16(truncatingIfNeeded: transport >> 48) }
    set { transport = transport & ~Self.sourcePortMask | UInt64(newValue) << 48 }
  }

  @inlinable
  public var destinationPort: UInt16 {
    get { UInt16(truncatingIfNeeded: transport >> 32) }
    set { transport = transport & ~Self.destinationPortMask | UInt64(newValue) << 32 }
  }

  /// Nil when they were not read.
  @inlinable
  public var tcpFlags: TCP.Flags? {
    get {
      guard transport & Self.hasFlagsBit != 0 else { return nil }
      return TCP.Flags(rawValue: UInt8(truncatingIfNeeded: transport >> 16))
    }
    set {
      transport &= ~(0xFF << 16 | Self.hasFlagsBit)
      if let newValue { transport |= UInt64(newValue.rawValue) << 16 | Self.hasFlagsBit }
    }
  }

  /// Which rule set is asked, 0-32767: a port group's, or a port's, in one direction.
  @inlinable
  public var ruleSet: UInt16 {
    get { UInt16(transport & Self.ruleSetMask) }
    set { transport = transport & ~Self.ruleSetMask | UInt64(newValue) & Self.ruleSetMask }
  }

  /// An IPv4 address as it stands in a key (RFC 4291, 2.5.5.2).
  @inlinable @inline(__always)
  public static func mapped(_ address: IPv4Address) -> IPv6Address {
    IPv6Address(high: 0, low: 0xFFFF << 32 | UInt64(address.rawValue))
  }
}
