// Frames from a VM: may it send this, and what does the switch note about it?

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

extension Switch {
  /// Source address and learning; then on to the lookup.
  @inline(__always)
  mutating func fromVM(
    _ header: FrameHeader, _ tag: VLANTag, _ port: PortPlan, _ bytes: RawSpan,
    _ deliveries: inout DeliveryList, _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    if header.source != port.mac {
      guard port.allowsForgedTransmits else {
        return drop(.forgedTransmit, at: header.ingress, .ingress, &tracer)
      }
      guard !port.learnsMACs || learn(header, tag.vlan, port, context, &tracer) else {
        return drop(.macLimit, at: header.ingress, .ingress, &tracer)
      }
    }
    note(header, tag.vlan, port, bytes)
    switch header.kind {
    case .unicast: forwardUnicast(header, tag, &deliveries, context, &tracer)
    case .multicast, .broadcast: replicateFromVM(header, tag, &deliveries, &tracer)
    }
  }

  /// Learns a source address behind a port; false when the limit says that the frame is to be dropped.
  @inline(__always)
  private mutating func learn(
    _ header: FrameHeader, _ vlan: UInt16, _ port: PortPlan, _ context: BatchContext,
    _ tracer: inout some Tracer
  ) -> Bool {
    let key = MACKey(header.source, vlan: vlan)
    let isKnown = macs.refresh(
      key, port: header.ingress.rawValue, nowSeconds: context.seconds)
    return isKnown || learnNew(header, vlan, port, context, &tracer)
  }

  /// Learns an address that was not known here. One that belongs to a port by the plan is nobody else's,
  /// and passes unlearned.
  @inline(never)
  private mutating func learnNew(
    _ header: FrameHeader, _ vlan: UInt16, _ port: PortPlan, _ context: BatchContext,
    _ tracer: inout some Tracer
  ) -> Bool {
    if entry(of: header.source, vlan, context)?.kind == .static { return true }
    if macs.dynamicCount(ofPort: header.ingress.rawValue) >= Int(port.macLimit) {
      return port.forwardsBeyondLimit
    }
    let result = macs.learn(
      MACKey(header.source, vlan: vlan), port: header.ingress.rawValue,
      nowSeconds: context.seconds)
    if result == .full { return port.forwardsBeyondLimit }
    tracer.record(.learned(header.source, vlan: vlan, port: header.ingress))
    return true
  }
}
