// A rule as bits: nearly all of its conditions become one mask and one value over a key.
//
// What a mask cannot say are ranges: of VLANs, and of ports where there is more than one number. They
// stand beside, the ports in an array of the rule set that holds the ranges of all its rules.

internal import Wire

/// A range of ports, ends included.
@frozen
@usableFromInline
struct PortRange: BitwiseCopyable, Sendable {
  @usableFromInline
  var first: UInt16
  @usableFromInline
  var last: UInt16
}

/// A rule ready to be compared: two cache lines and a little.
@frozen
@usableFromInline
struct CompiledRule: BitwiseCopyable, Sendable {
  @usableFromInline
  var mask = FlowKey()
  @usableFromInline
  var value = FlowKey()
  @usableFromInline
  var verdict = FilterVerdict.allow
  @usableFromInline
  var firstVLAN: UInt16 = 0
  @usableFromInline
  var lastVLAN: UInt16 = 0xFFF
  /// Where the ranges are; source ports first, then destination ports.
  @usableFromInline
  var firstRange: UInt32 = 0
  @usableFromInline
  var sourceRanges: UInt8 = 0
  @usableFromInline
  var destinationRanges: UInt8 = 0
  /// Two conditions contradict each other: no frame matches.
  @usableFromInline
  var isImpossible = false

  /// The bits that this rule looks at, ranges included.
  var fieldMask: FlowKey {
    var mask = mask
    if firstVLAN != 0 || lastVLAN != 0xFFF { mask.destinationLink |= FlowKey.vlanMask }
    if sourceRanges > 0 { mask.transport |= FlowKey.sourcePortMask }
    if destinationRanges > 0 { mask.transport |= FlowKey.destinationPortMask }
    return mask
  }
}

extension CompiledRule {
  /// Compiles a rule and adds its ranges to `ranges`. Traps on more ranges than a rule may have.
  init(_ rule: FilterRule, number: Int, ranges: inout [PortRange]) {
    verdict = FilterVerdict(rule.action, rule: number)
    requireLink(rule)
    requireNetwork(rule)
    requireTransport(rule, &ranges)
  }

  private mutating func requireLink(_ rule: FilterRule) {
    if let mac = rule.sourceMAC {
      require(\.sourceLink, mac.value.rawValue << 16, under: mac.mask.rawValue << 16)
    }
    if let mac = rule.destinationMAC {
      require(\.destinationLink, mac.value.rawValue << 16, under: mac.mask.rawValue << 16)
    }
    if let type = rule.etherType { require(etherType: type) }
    guard let vlans = rule.vlans else { return }
    if vlans.count == 1 {
      require(\.destinationLink, UInt64(vlans.lowerBound), under: FlowKey.vlanMask)
      isImpossible = isImpossible || vlans.lowerBound > 0xFFF
    } else {
      (firstVLAN, lastVLAN) = (vlans.lowerBound, vlans.upperBound)
    }
  }

  private mutating func requireNetwork(_ rule: FilterRule) {
    if let prefix = rule.source { require(prefix, high: \.sourceHigh, low: \.sourceLow) }
    if let prefix = rule.destination {
      require(prefix, high: \.destinationHigh, low: \.destinationLow)
    }
    if let `protocol` = rule.protocol {
      requireState(FlowKey.hasAddressesBit)
      require(\.transport, UInt64(`protocol`.rawValue) << 24, under: FlowKey.protocolMask)
    }
    if let fragment = rule.fragment {
      requireState(FlowKey.hasAddressesBit)
      require(\.destinationLink, fragment ? FlowKey.fragmentBit : 0, under: FlowKey.fragmentBit)
    }
  }

  private mutating func requireTransport(_ rule: FilterRule, _ ranges: inout [PortRange]) {
    firstRange = UInt32(ranges.count)
    sourceRanges = require(rule.sourcePorts, shift: 48, &ranges)
    destinationRanges = require(rule.destinationPorts, shift: 32, &ranges)
    if let flags = rule.tcpFlags {
      require(\.transport, FlowKey.hasFlagsBit, under: FlowKey.hasFlagsBit)
      require(
        \.transport, UInt64(flags.value.rawValue) << 16, under: UInt64(flags.mask.rawValue) << 16)
    }
  }

  /// One port goes into the mask; more become ranges, whose count is returned.
  private mutating func require(
    _ ports: [ClosedRange<UInt16>], shift: UInt64, _ ranges: inout [PortRange]
  ) -> UInt8 {
    precondition(ports.count <= FilterRule.largestRangeCount, "too many port ranges in a rule")
    guard let first = ports.first else { return 0 }
    requireState(FlowKey.hasPortsBit)
    if ports.count == 1 && first.count == 1 {
      require(\.transport, UInt64(first.lowerBound) << shift, under: 0xFFFF << shift)
      return 0
    }
    ranges += ports.map { PortRange(first: $0.lowerBound, last: $0.upperBound) }
    return UInt8(ports.count)
  }

  private mutating func require(
    _ prefix: IPPrefix, high: WritableKeyPath<FlowKey, UInt64>,
    low: WritableKeyPath<FlowKey, UInt64>
  ) {
    requireState(FlowKey.hasAddressesBit)
    switch prefix.address {
    case .v4(let address):
      require(etherType: .ipv4)
      // Of the 96 bits before it nothing need be said: the EtherType does.
      require(
        low, UInt64(address.rawValue), under: UInt64(UInt32.max << UInt32(32 - prefix.length)))
    case .v6(let address):
      require(etherType: .ipv6)
      let mask = IPv6Address.mask(length: prefix.length)
      require(high, address.high, under: mask.high)
      require(low, address.low, under: mask.low)
    }
  }

  private mutating func require(etherType: EtherType) {
    require(\.sourceLink, UInt64(etherType.rawValue), under: 0xFFFF)
  }

  private mutating func requireState(_ bit: UInt64) { require(\.destinationLink, bit, under: bit) }

  /// Adds a condition; one that contradicts an earlier one makes the rule impossible.
  private mutating func require(
    _ word: WritableKeyPath<FlowKey, UInt64>, _ value: UInt64, under mask: UInt64
  ) {
    let common = self.mask[keyPath: word] & mask
    if (self.value[keyPath: word] ^ value) & common != 0 { isImpossible = true }
    self.mask[keyPath: word] |= mask
    self.value[keyPath: word] |= value & mask
  }
}

extension IPv6Address {
  /// `length` ones, then zeros.
  static func mask(length: Int) -> IPv6Address {
    // A shift of 64 gives 0.
    IPv6Address(
      high: length >= 64 ? .max : UInt64.max << UInt64(64 - length),
      low: length <= 64 ? 0 : UInt64.max << UInt64(128 - length))
  }
}
