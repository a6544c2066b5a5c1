// Frames from a VM: may it send this, and what does the switch note about it?

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

extension Switch {
  /// Source address, ingress filter and ingress shaping; then on to `switchFromVM`.
  @inline(__always)
  mutating func fromVM(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    if header.kind == .multicast, plan.ports[header.ingress.index].blocksBPDU,
      header.destination.isSpanningTree
    {
      return drop(.bpduFiltered, at: header.ingress, .ingress, &tracer)
    }
    if header.etherType == 0x8808 || isOwnBeacon(&header, batch) {
      return refuseControl(&header, &tracer)
    }
    if header.source != states[header.ingress.index].expectedSource {
      guard maySend(from: header.source, header.ingress) else {
        return drop(.forgedTransmit, at: header.ingress, .ingress, &tracer)
      }
    }
    if plan.ports[header.ingress.index].hasIngressStages {
      guard passesIngressStages(&header, batch, context, &tracer) else { return }
    }
    switchFromVM(&header, batch, &deliveries, context, &tracer)
  }

  /// Whether a guest sends what the switch itself would take for one of its beacons, when it comes back.
  @inline(__always)
  private mutating func isOwnBeacon(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch
  ) -> Bool {
    header.kind == .broadcast && header.etherType == plan.beacons.etherType
      && Beacon(batch.bytes(of: Int(header.index)))?.identity == plan.beacons.identity
  }

  /// MAC control (IEEE 802.3, 31) is between the two ends of a wire: a guest's pause frame would stop the
  /// physical switch, and everybody on the uplink with it.
  @inline(never)
  private mutating func refuseControl(
    _ header: inout FrameHeader, _ tracer: inout some Tracer
  ) {
    let reason: DropReason = header.etherType == 0x8808 ? .reservedAddress : .beacon
    drop(reason, at: header.ingress, .ingress, &tracer)
  }

  /// Learning and notes; then on to the lookup. A frame that waited in the ingress shaper goes on here.
  @inline(__always)
  mutating func switchFromVM(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    if plan.ports[header.ingress.index].learnsMACs,
      header.source != states[header.ingress.index].address
    {
      guard learn(&header, context, &tracer) else {
        return drop(.macLimit, at: header.ingress, .ingress, &tracer)
      }
    }
    tracer.record(.admitted(port: header.ingress))
    note(&header, batch.bytes(of: Int(header.index)))
    switch header.kind {
    case .unicast: forwardUnicast(&header, batch, &deliveries, context, &tracer)
    case .multicast, .broadcast: replicateFromVM(&header, batch, &deliveries, context, &tracer)
    }
  }

  /// Learns a source address behind a port; false when the limit says that the frame is to be dropped.
  @inline(__always)
  private mutating func learn(
    _ header: inout FrameHeader, _ context: BatchContext,
    _ tracer: inout some Tracer
  ) -> Bool {
    let key = MACKey(header.source, vlan: header.vlan)
    let isKnown =
      lanes.hasOthers
      ? refreshAndTell(key, at: header.ingress, context.seconds)
      : macs.refresh(key, port: header.ingress.rawValue, nowSeconds: context.seconds)
    return isKnown || learnNew(&header, context, &tracer)
  }

  /// Learns an address that was not known here. One that belongs to a port by the plan is nobody else's,
  /// and passes unlearned.
  @inline(never)
  private mutating func learnNew(
    _ header: inout FrameHeader, _ context: BatchContext,
    _ tracer: inout some Tracer
  ) -> Bool {
    if entry(of: header.source, &header, context)?.kind == .static { return true }
    if macs.dynamicCount(ofPort: header.ingress.rawValue)
      >= Int(plan.ports[header.ingress.index].macLimit)
    {
      return plan.ports[header.ingress.index].forwardsBeyondLimit
    }
    let result = learn(
      MACKey(header.source, vlan: header.vlan), .learned, at: header.ingress, context.seconds)
    if result == .full { return plan.ports[header.ingress.index].forwardsBeyondLimit }
    tracer.record(.learned(header.source, vlan: header.vlan, port: header.ingress))
    return true
  }
}
