// What a rule can look at: the headers of one frame, in seven 64-bit words.
//
//   word 0, 1   source address         IPv4 as ::ffff:a.b.c.d; zero when there is none
//   word 2, 3   destination address
//   word 4      source MAC << 16       | EtherType
//   word 5      destination MAC << 16  | has ports, has addresses, later, fragment | VLAN (12)
//   word 6      source port << 48 | destination port << 32 | protocol << 24 | TCP flags << 16
//               | has flags << 15 | rule set (15)
//
// A field that the frame does not have is zero, and bits say which there are, as zero is also a value. A rule is then a mask and a value of this shape, and matching
// is `key & mask == value`: every condition is "these bits are those", so that masks can be
// joined. 56 bytes leave 8 of a cache line for the verdict (`FlowTable`).

/// The fields of a frame, or a mask over them.
///
/// - Shape: seven words, 56 bytes, trivial; zero is "nothing is known".
@frozen
public struct FlowKey: Hashable, Sendable, BitwiseCopyable {
  public var sourceHigh: UInt64
  public var sourceLow: UInt64
  public var destinationHigh: UInt64
  public var destinationLow: UInt64
  /// Source MAC and EtherType.
  public var sourceLink: UInt64
  /// Destination MAC, state bits and VLAN.
  public var destinationLink: UInt64
  /// Ports, protocol, TCP flags and rule set.
  public var transport: UInt64

  /// Nothing known; as a mask, no field at all.
  @inlinable
  public init() {
    sourceHigh = 0
    sourceLow = 0
    destinationHigh = 0
    destinationLow = 0
    sourceLink = 0
    destinationLink = 0
    transport = 0
  }

  /// The addresses were read: there is a whole IPv4 or IPv6 header.
  @inlinable public static var hasAddressesBit: UInt64 { 1 << 14 }
  /// The ports were read.
  @inlinable public static var hasPortsBit: UInt64 { 1 << 15 }
  /// A part of a packet, the first included.
  @inlinable public static var fragmentBit: UInt64 { 1 << 12 }
  /// A part that is not the first: it has no transport header.
  @inlinable public static var laterBit: UInt64 { 1 << 13 }
  /// The TCP flags were read.
  @inlinable public static var hasFlagsBit: UInt64 { 1 << 15 }
  @inlinable public static var vlanMask: UInt64 { 0xFFF }
  @inlinable public static var ruleSetMask: UInt64 { 0x7FFF }
  @inlinable public static var sourcePortMask: UInt64 { 0xFFFF << 48 }
  @inlinable public static var destinationPortMask: UInt64 { 0xFFFF << 32 }
  @inlinable public static var protocolMask: UInt64 { 0xFF << 24 }
  /// The protocol of an IPv6 packet whose extension headers are cut off or too many; IANA reserves it.
  @inlinable public static var unknownProtocol: UInt8 { 255 }

  /// The bits that `mask` has too.
  @inlinable @inline(__always)
  public func masked(by mask: FlowKey) -> FlowKey {
    var key = self
    key.sourceHigh &= mask.sourceHigh
    key.sourceLow &= mask.sourceLow
    key.destinationHigh &= mask.destinationHigh
    key.destinationLow &= mask.destinationLow
    key.sourceLink &= mask.sourceLink
    key.destinationLink &= mask.destinationLink
    key.transport &= mask.transport
    return key
  }

  /// Adds the bits of another mask.
  @inlinable
  public mutating func formUnion(_ mask: FlowKey) {
    sourceHigh |= mask.sourceHigh
    sourceLow |= mask.sourceLow
    destinationHigh |= mask.destinationHigh
    destinationLow |= mask.destinationLow
    sourceLink |= mask.sourceLink
    destinationLink |= mask.destinationLink
    transport |= mask.transport
  }

  /// Whether the bits of `mask` are those of `value`. One branch for all of them.
  @inlinable @inline(__always)
  public func matches(_ value: FlowKey, under mask: FlowKey) -> Bool {
    let addresses =
      (sourceHigh & mask.sourceHigh ^ value.sourceHigh)
      | (sourceLow & mask.sourceLow ^ value.sourceLow)
      | (destinationHigh & mask.destinationHigh ^ value.destinationHigh)
      | (destinationLow & mask.destinationLow ^ value.destinationLow)
    let others =
      (sourceLink & mask.sourceLink ^ value.sourceLink)
      | (destinationLink & mask.destinationLink ^ value.destinationLink)
      | (transport & mask.transport ^ value.transport)
    return addresses | others == 0
  }

  @inlinable @inline(__always)
  public static func == (left: FlowKey, right: FlowKey) -> Bool {
    let addresses =
      (left.sourceHigh ^ right.sourceHigh) | (left.sourceLow ^ right.sourceLow)
      | (left.destinationHigh ^ right.destinationHigh)
      | (left.destinationLow ^ right.destinationLow)
    let others =
      (left.sourceLink ^ right.sourceLink) | (left.destinationLink ^ right.destinationLink)
      | (left.transport ^ right.transport)
    return addresses | others == 0
  }
}
