// Traffic filtering and marking (vSphere: DvsTrafficRuleset): the first rule that matches a frame lets it
// pass, drops it, or marks it; without a match it passes. Stateless.
//
// A packet with more IPv6 extension headers than can be followed, or with a part of one, is dropped where any
// rule asks for a protocol: what a rule forbids would pass behind a ninth header (RFC 7112, 5).
//
// A frame of a known flow costs one lookup in the flow table, however many rules there are. The table is
// not trusted across plans: a new plan begins a new generation.

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

extension Switch {
  /// What the rules of a port say about a frame. `rules` is as in the plan: a number plus 1.
  @inline(__always)
  private mutating func verdict(
    of header: inout FrameHeader, _ rules: UInt16, _ batch: borrowing FrameBatch
  ) -> FilterVerdict {
    let number = Int(rules) - 1
    let key = FlowKey(
      batch.bytes(of: Int(header.index)), vlan: header.tag.vlan, ruleSet: rules
    ).masked(by: plan.ruleSets[number].fieldMask)
    if let known = flows.lookup(key, generation: flowGeneration) { return known }
    // Masked: 0 where no rule asks.
    let verdict =
      key.protocol.rawValue == FlowKey.unknownProtocol
      ? .unreadable : plan.ruleSets[number].match(key)
    flows.insert(key, generation: flowGeneration, verdict: verdict)
    return verdict
  }

  /// Applies rules to a frame: false when they drop it, else the frame is marked as they say.
  @inline(__always)
  mutating func passesFilter(
    _ header: inout FrameHeader, _ rules: UInt16, at port: PortIndex, _ direction: Direction,
    _ batch: borrowing FrameBatch, _ tracer: inout some Tracer
  ) -> Bool {
    let verdict = verdict(of: &header, rules, batch)
    tracer.record(.filtered(port: port, direction: direction, verdict: verdict))
    if verdict.isDrop { return false }
    if verdict.isTag {
      if let cos = verdict.cos {
        // Drop eligibility stays.
        header.tag = VLANTag(
          controlInformation: header.tag.controlInformation & 0x1FFF | UInt16(cos) << 13)
        header.isPriorityMarked = true
      }
      if let dscp = verdict.dscp { header.rewrite = Rewrite(dscp: dscp) }
    }
    return true
  }

  /// Hits and misses of the flow table since the switch began.
  public var flowCounts: (hits: UInt64, misses: UInt64) { (flows.hits, flows.misses) }
}

// MARK: - Where the policies stand

extension Switch {
  /// Filter, then shaper, on the way into the switch. False when the frame was dropped or waits.
  @inline(never)
  mutating func passesIngressStages(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch,
    _ context: BatchContext, _ tracer: inout some Tracer
  ) -> Bool {
    let port = plan.ports[header.ingress.index]
    if port.ingressRules != 0, !passesIngressFilter(&header, batch, &tracer) { return false }
    return port.ingressShape == 0 || passesIngressShaper(&header, batch, &tracer)
  }

  @inline(__always)
  mutating func passesIngressFilter(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ tracer: inout some Tracer
  ) -> Bool {
    let ingress = header.ingress
    let rules = plan.ports[ingress.index].ingressRules
    if passesFilter(&header, rules, at: ingress, .ingress, batch, &tracer) { return true }
    drop(.ingressFilter, at: ingress, .ingress, &tracer)
    return false
  }

  @inline(__always)
  mutating func passesIngressShaper(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ tracer: inout some Tracer
  ) -> Bool {
    let shape = plan.shapes[Int(plan.ports[header.ingress.index].ingressShape) - 1]
    return passesShaper(&header, shape, at: header.ingress, .ingress, batch, &tracer)
  }

  /// Filter, then shaper, on the way out of the switch; then on to `hand`.
  @inline(never)
  mutating func deliverThroughStages(
    _ header: inout FrameHeader, to port: PortIndex,
    _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) {
    let egress = plan.ports[port.index]
    var header = header
    if egress.egressRules != 0,
      !passesFilter(&header, egress.egressRules, at: port, .egress, batch, &tracer)
    {
      return drop(.egressFilter, at: port, .egress, &tracer)
    }
    if lanes.hasOthers, isServedElsewhere(port, egress) {
      return handOver(&header, to: port, batch, &tracer)
    }
    if egress.egressShape != 0,
      !passesShaper(
        &header, plan.shapes[Int(egress.egressShape) - 1], at: port, .egress, batch, &tracer)
    {
      return
    }
    hand(&header, to: port, &deliveries, &tracer)
  }
}
