// The ordinary frame: known unicast from a VM port to another port, without anything that needs a look.
//
// Nothing is decided here that Switch+Process and what it calls would not decide in the same way. The checks
// are the same, taken together: what the plan and the state of a port say is one comparison (PortLine), and
// what a frame's first 16 bytes say is another. What fails any of them goes the whole way.
//
// The first frame of a flow in a second is looked up, its verdict noted (VerdictCache), and the others follow.
// What is looked up in large tables is asked for some frames ahead (`readAhead`), so that it arrives from
// memory together and not one by one.

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

/// What became of a frame that was looked at as an ordinary one.
enum OrdinaryResult {
  /// Handed to its port.
  case handed
  /// Went through policies, which delivered it or not, and counted it.
  case staged
  /// It is not ordinary; nothing was changed.
  case other
}

extension Switch {
  private static let ipv4: UInt64 = 0x0800
  private static let ipv6: UInt64 = 0x86DD
  private static let icmpv6: UInt8 = 58

  /// Switches frames from `start` on as long as they are ordinary and there is room for their deliveries.
  ///
  /// - Returns: the index of the first frame not taken.
  @inline(never)
  mutating func switchOrdinary(
    _ batch: borrowing FrameBatch, from start: Int, room: Int,
    _ deliveries: inout DeliveryList, _ context: BatchContext, _ tracer: inout some Tracer
  ) -> Int {
    verdicts.begin(stamp: UInt64(generation &+ macs.changes) << 32 | UInt64(context.seconds))
    var index = start
    // Summed here, as a sum in memory would make each frame wait for the one before.
    var staged = 0
    while index < batch.count, deliveries.count <= room {
      let later = index &+ Self.readAheadFrames
      if later < batch.count { readAhead(batch, later) }
      let result = switchOrdinary(index, batch, &deliveries, context, &tracer)
      if result == .other { break }
      if result == .staged { staged &+= 1 }
      index &+= 1
    }
    sums.received &+= UInt64(truncatingIfNeeded: index &- start)
    sums.delivered &+= UInt64(truncatingIfNeeded: index &- start &- staged)
    return index
  }

  @inline(__always)
  private mutating func switchOrdinary(
    _ index: Int, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ context: BatchContext, _ tracer: inout some Tracer
  ) -> OrdinaryResult {
    let frame = batch[index]
    let ingress = frame.ingress.index
    // A closed port has a limit of 0.
    guard ingress < lines.count, frame.byteCount <= lines[ingress].largestBytes
    else { return .other }
    let place = verdicts.place(of: index)
    if place != VerdictCache.nowhere {
      let flow = FlowID(of: batch.head(of: index), ingress: frame.ingress)
      if let verdict = verdicts.find(flow, at: place) {
        take(frame.ingress, frame.byteCount, &tracer)
        if !verdict.isStaged {
          hand(
            index, from: frame.ingress, frame.byteCount, to: verdict.port, &deliveries, &tracer)
          return .handed
        }
        return stage(
          index, isFiltered: false, to: verdict.port, batch, &deliveries, &tracer)
      }
    }
    return lookUp(index, batch, &deliveries, context, &tracer)
  }

  /// The same without the cache.
  @inline(never)
  private mutating func lookUp(
    _ index: Int, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ context: BatchContext, _ tracer: inout some Tracer
  ) -> OrdinaryResult {
    let frame = batch[index]
    let ingress = frame.ingress.index
    // Below 16 bytes there is nothing to load whole.
    guard frame.byteCount >= 16, !frame.tag.isPresent, !frame.offload.needsSegmentation
    else { return .other }
    let (first, second) = batch.firstWords(of: index)
    // A group address, and all that might claim an address, is not ordinary.
    let type = second >> 16 & 0xFFFF
    guard first & 1 << 56 == 0, type == Self.ipv4 || isPlainIPv6(type, batch, index),
      promiscuousCount == 0
    else { return .other }
    let vlan = lines[ingress].keyVLAN
    guard
      let port = macs.localPort(
        of: Self.destinationKey(first, vlan), nowSeconds: context.seconds),
      port != frame.ingress.rawValue
    else { return .other }
    let sourceKey = Self.sourceKey(first, second, vlan)
    var learned = -2
    if sourceKey != lines[ingress].sourceKey {
      switch lines[ingress].otherSources {
      case .judged: return .other
      case .passed:
        // What is no address of a sender; the table never holds such.
        if sourceKey & 1 << 56 != 0 || sourceKey >> 16 == 0 { return .other }
      case .learned:
        learned = macs.place(
          of: sourceKey, port: frame.ingress.rawValue, nowSeconds: context.seconds)
        // The other lanes have to hear that it is still there.
        if learned == -1 || learned >= 0 && lanes.hasOthers { return .other }
      }
    }
    let out = PortIndex(rawValue: port)
    let flow = batch.flow(of: index)
    let isFiltered = lines[ingress].hasIngressRules && !isExcluded(flow, from: ingress)
    let isStaged = isStaged(from: ingress, to: out)
    if learned >= 0 {
      // It is refreshed when the policies have let the frame pass: with any, the frame goes the whole way.
      if isFiltered || isStaged { return .other }
      macs.refresh(learned, nowSeconds: context.seconds)
    }
    take(frame.ingress, frame.byteCount, &tracer)
    if let flow, verdicts.isAsked, !isFiltered {
      verdicts.insert(flow, FlowVerdict(port: out, isStaged: isStaged))
    }
    guard isFiltered || isStaged else {
      hand(index, from: frame.ingress, frame.byteCount, to: out, &deliveries, &tracer)
      return .handed
    }
    return stage(index, isFiltered: isFiltered, to: out, batch, &deliveries, &tracer)
  }

  /// The beginning of an ordinary frame: from here on it is switched here.
  @inline(__always)
  private mutating func take(
    _ ingress: PortIndex, _ byteCount: UInt32, _ tracer: inout some Tracer
  ) {
    lines[ingress.index].packetsIn &+= 1
    lines[ingress.index].bytesIn &+= UInt64(byteCount)
    tracer.record(.received(port: ingress, byteCount: Int(byteCount)))
    tracer.record(.classified(vlan: lines[ingress.index].tag.vlan))
  }

  /// The end of an ordinary frame; whoever calls sums up what was delivered.
  @inline(__always)
  private mutating func hand(
    _ index: Int, from ingress: PortIndex, _ byteCount: UInt32, to out: PortIndex,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) {
    if lines[ingress.index].hasIngressRules {
      tracer.record(.filtered(port: ingress, direction: .ingress, verdict: .allow))
    }
    tracer.record(.admitted(port: ingress))
    tracer.record(.found(port: out))
    tracer.record(.leaving(port: out))
    var outer = VLANTag.none
    if lines[out.index].isTrunk, lines[ingress.index].tag.vlan != 0 {
      outer = lines[ingress.index].tag
    }
    deliveries.append(frame: UInt16(truncatingIfNeeded: index), to: out, tag: outer)
    lines[out.index].packetsOut &+= 1
    lines[out.index].bytesOut &+= UInt64(byteCount)
    tracer.record(.delivered(port: out, tag: outer))
  }

  /// Whether a port has only a few rules, and protocol and ports alone show that none of them matches.
  @inline(__always)
  private func isExcluded(_ flow: FlowID?, from ingress: Int) -> Bool {
    let rules = lines[ingress].screenedRules
    guard rules != 0, let flow else { return false }
    return plan.ruleSets[Int(rules) &- 1].excludes(flow.filterTransport)
  }

  @inline(__always)
  private func isPlainIPv6(_ type: UInt64, _ batch: borrowing FrameBatch, _ index: Int) -> Bool {
    guard type == Self.ipv6 else { return false }
    let bytes = batch.bytes(of: index)
    return bytes.byteCount > 54 && bytes.byte(20) != Self.icmpv6
  }

  /// The end of an ordinary frame where a port has filters, shapers or anything else to say.
  @inline(never)
  private mutating func stage(
    _ index: Int, isFiltered: Bool, to out: PortIndex, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) -> OrdinaryResult {
    var header = FrameHeader(index: index, frame: batch[index], bytes: batch.bytes(of: index))
    let ingress = header.ingress.index
    header.tag = lines[ingress].tag
    header.vlan = MACKey(rawValue: lines[ingress].keyVLAN).vlan
    if isFiltered {
      guard passesIngressFilter(&header, batch, &tracer) else { return .staged }
      noteAllowed(&header, to: out, batch)
    } else if lines[ingress].hasIngressRules {
      tracer.record(.filtered(port: header.ingress, direction: .ingress, verdict: .allow))
    }
    if lines[ingress].hasIngressShape {
      guard passesIngressShaper(&header, batch, &tracer) else { return .staged }
    }
    tracer.record(.admitted(port: header.ingress))
    tracer.record(.found(port: out))
    deliver(&header, to: out, batch, &deliveries, &tracer)
    return .staged
  }

  /// Notes that the filter lets a flow pass unmarked, if that cannot change within the flow.
  private mutating func noteAllowed(
    _ header: inout FrameHeader, to out: PortIndex, _ batch: borrowing FrameBatch
  ) {
    let ingress = header.ingress.index
    guard verdicts.isAsked, header.rewrite == .none, !header.isPriorityMarked,
      !plan.ruleSets[Int(plan.ports[ingress].ingressRules) - 1].looksAtFlags,
      let flow = batch.flow(of: Int(header.index))
    else { return }
    verdicts.insert(flow, FlowVerdict(port: out, isStaged: isStaged(from: ingress, to: out)))
  }

  /// Whether a frame that the filter lets pass meets a shaper or an egress policy.
  @inline(__always)
  private func isStaged(from ingress: Int, to out: PortIndex) -> Bool {
    lines[ingress].hasIngressShape || !lines[out.index].isPlainEgress
  }

  /// The raw key of the destination of a frame that begins with these 8 bytes; `vlan` as in `keyVLAN`.
  @inline(__always)
  static func destinationKey(_ first: UInt64, _ vlan: UInt64) -> UInt64 { first & ~0xFFFF | vlan }

  /// The same of its source, which ends in the next 8 bytes.
  @inline(__always)
  static func sourceKey(_ first: UInt64, _ second: UInt64, _ vlan: UInt64) -> UInt64 {
    first << 48 | second >> 16 & 0xFFFF_FFFF_0000 | vlan
  }
}
