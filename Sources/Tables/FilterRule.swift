// One rule of a traffic filter as the planner hands it over, and what it says to do.
//
// All qualifiers must hold; a missing one holds for every frame. Some imply others: an address prefix
// holds only for frames of its family, ports only where ports could be read, TCP flags only
// for TCP, protocol and fragment only for IP. A rule that contradicts itself matches nothing.
//
// A rule with ports or flags does not match a fragment other than the first: that has no transport
// header, and a stateless filter cannot know whose it is. To stop those, add a rule with `fragment`.
//
// Rules look at the EtherType that stands behind the addresses once the outer 802.1Q tag was taken out,
// and at IP directly behind it. A second tag hides the packet: its EtherType is that of the tag.

public import Wire

/// What becomes of a frame.
@frozen
public enum FilterAction: Hashable, Sendable, BitwiseCopyable {
  case allow
  case drop
  /// Passes with another class of service (0-7) or DSCP (0-63); nil leaves what is there.
  case tag(cos: UInt8?, dscp: UInt8?)
}

/// Qualifiers, all of which must hold, and an action.
public struct FilterRule: Hashable, Sendable {
  /// The most ranges of ports of one side of a rule.
  public static let largestRangeCount = 16

  /// A MAC address, of which only the bits of `mask` count.
  public struct MACMatch: Hashable, Sendable {
    public var value: MACAddress
    public var mask: MACAddress

    public init(_ value: MACAddress, mask: MACAddress = .broadcast) {
      self.value = value
      self.mask = mask
    }
  }

  /// TCP flags, of which only those of `mask` count: those in `value` set, the others clear.
  public struct FlagsMatch: Hashable, Sendable {
    public var value: TCP.Flags
    public var mask: TCP.Flags

    public init(_ value: TCP.Flags, mask: TCP.Flags) {
      self.value = value
      self.mask = mask
    }
  }

  public var sourceMAC: MACMatch?
  public var destinationMAC: MACMatch?
  public var etherType: EtherType?
  /// 0 is a frame without a tag.
  public var vlans: ClosedRange<UInt16>?
  public var source: IPPrefix?
  public var destination: IPPrefix?
  /// 255 is IPv6 of which the protocol cannot be found: extension headers cut off, or too many.
  public var `protocol`: IPProtocol?
  /// Any of these; empty is any port. At most `largestRangeCount`.
  public var sourcePorts: [ClosedRange<UInt16>] = []
  public var destinationPorts: [ClosedRange<UInt16>] = []
  public var tcpFlags: FlagsMatch?
  /// True: any part of a fragmented packet, the first included.
  public var fragment: Bool?
  public var action: FilterAction

  /// A rule that matches every frame, to be narrowed.
  public init(_ action: FilterAction) { self.action = action }
}

/// What a rule set says about a frame, and which rule said it, in 32 bits.
///
///   31    30       29 .. 27  26        25 .. 20  19 .......... 0
///   drop  has CoS  CoS       has DSCP  DSCP      rule, or all ones
@frozen
public struct FilterVerdict: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt32

  @inlinable
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// What happens where no rule matches.
  @inlinable
  public static var allow: FilterVerdict { FilterVerdict(rawValue: 0xF_FFFF) }

  /// What happens to a packet that hides what the rules look at; no rule says so.
  @inlinable
  public static var unreadable: FilterVerdict { FilterVerdict(rawValue: 1 << 31 | 0xF_FFFF) }

  /// The most rules of a set.
  @inlinable
  public static var largestRuleCount: Int { 0xF_FFFF }

  /// The verdict of rule number `rule`. Only the low bits of CoS (3) and DSCP (6) count.
  public init(_ action: FilterAction, rule: Int) {
    precondition(rule >= 0 && rule < Self.largestRuleCount, "too many rules in a set")
    rawValue = UInt32(rule)
    switch action {
    case .allow: break
    case .drop: rawValue |= 1 << 31
    case .tag(let cos, let dscp):
      if let cos { rawValue |= 1 << 30 | UInt32(cos & 7) << 27 }
      if let dscp { rawValue |= 1 << 26 | UInt32(dscp & 63) << 20 }
    }
  }

  @inlinable
  public var isDrop: Bool { rawValue >> 31 != 0 }

  /// The frame passes, changed.
  @inlinable
  public var isTag: Bool { rawValue & (1 << 30 | 1 << 26) != 0 }

  /// The class of service to give, or nil.
  @inlinable
  public var cos: UInt8? {
    rawValue & 1 << 30 == 0 ? nil : UInt8(truncatingIfNeeded: rawValue >> 27) & 7
  }

  /// The DSCP to give, or nil.
  @inlinable
  public var dscp: UInt8? {
    rawValue & 1 << 26 == 0 ? nil : UInt8(truncatingIfNeeded: rawValue >> 20) & 63
  }

  /// The rule that matched, by its place in the set, or nil.
  @inlinable
  public var rule: Int? {
    let rule = rawValue & 0xF_FFFF
    return rule == 0xF_FFFF ? nil : Int(rule)
  }
}
