// Frames from the physical network: are they for us, are they our own, and has somebody moved?

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

extension Switch {
  /// Reserved addresses, beacons, the uplink's filter, reflections and announced moves; then on to the
  /// lookup.
  @inline(__always)
  mutating func fromUplink(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    if header.destination.isReserved {
      // No spanning tree here, and what else has these addresses is link-local: 802.1Q-2018, 8.6.3.
      let isBPDU = header.destination.rawValue & 0xF == 0
      return drop(isBPDU ? .bpduFiltered : .reservedAddress, at: header.ingress, .ingress, &tracer)
    }
    if header.kind == .broadcast, header.etherType == plan.beacons.etherType,
      hearBeacon(&header, batch, context)
    {
      return drop(.beacon, at: header.ingress, .ingress, &tracer)
    }
    if plan.ports[header.ingress.index].hasIngressStages {
      guard passesIngressStages(&header, batch, context, &tracer) else { return }
    }
    tracer.record(.admitted(port: header.ingress))
    let bytes = batch.bytes(of: Int(header.index))
    if let known = entry(of: header.source, &header, context) {
      guard isElsewhere(&header, known, bytes, context, &tracer) else {
        return reflect(&header, batch, &deliveries, &tracer)
      }
    } else if header.kind != .unicast {
      noteAnnouncement(&header, bytes, context, &tracer)
    }
    switch header.kind {
    case .unicast: forwardUnicastFromUplink(&header, batch, &deliveries, context, &tracer)
    case .multicast, .broadcast:
      replicateFromUplink(&header, batch, &deliveries, context, &tracer)
    }
  }

  /// Whether a source address that is in the table is really beyond the uplink; if not, the frame is
  /// one of ours that came back.
  ///
  /// The plan's addresses are ours without question. A learned one may have moved. It says so itself
  /// (gratuitous ARP, RARP, unsolicited NA), and then the move is accepted at once, if it comes by the
  /// uplink that its own frames left by: those come back by others only, and the switch itself
  /// announces addresses that are silent. Or it has been silent here for over a second, which no
  /// reflection of an ordinary frame can be; where another lane hears the guest, that lane is asked.
  private mutating func isElsewhere(
    _ header: inout FrameHeader, _ known: MACEntry, _ bytes: RawSpan, _ context: BatchContext,
    _ tracer: inout some Tracer
  ) -> Bool {
    switch known.kind {
    case .static: return false
    case .external: break
    case .learned:
      let isAnnounced = Announcement(bytes)?.mac == header.source
      if !isAnnounced, context.seconds &- known.seenSeconds > 1, !knowsAge(at: known.port) {
        tell(.outside(MACKey(header.source, vlan: header.vlan)), at: header.ingress)
        return false
      }
      let hasMoved =
        isAnnounced
        ? uplink(of: header.source, at: PortIndex(rawValue: known.port)) == header.ingress
        : context.seconds &- known.seenSeconds > 1
      guard hasMoved else { return false }
      tracer.record(.movedOut(header.source, vlan: header.vlan, uplink: header.ingress))
    }
    let key = MACKey(header.source, vlan: header.vlan)
    _ = learn(key, .external, at: header.ingress, context.seconds)
    return true
  }

  /// Remembers where an unknown address announced itself. All uplinks together take half of the table:
  /// what guests learn finds room whatever is announced out there, or made up.
  private mutating func noteAnnouncement(
    _ header: inout FrameHeader, _ bytes: RawSpan, _ context: BatchContext,
    _ tracer: inout some Tracer
  ) {
    guard Announcement(bytes)?.mac == header.source,
      macs.dynamicCount(ofPort: header.ingress.rawValue) * plan.uplinks.count
        < limits.macEntries / 2
    else { return }
    let key = MACKey(header.source, vlan: header.vlan)
    let result = learn(key, .external, at: header.ingress, context.seconds)
    if result == .added {
      tracer.record(.movedOut(header.source, vlan: header.vlan, uplink: header.ingress))
    }
  }

  /// One of our own frames that came back: nobody gets it but promiscuous ports, which skip this check
  /// unless they are told to make it (`Net.ReversePathFwdCheckPromisc`).
  private mutating func reflect(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList,
    _ tracer: inout some Tracer
  ) {
    let copies =
      promiscuousCount == 0
      ? 0
      : copyToPromiscuous(&header, isReflected: true, except: .none, batch, &deliveries, &tracer)
    if copies > 0 { return finish(copies: copies) }
    drop(.sourceIsLocal, at: header.ingress, .ingress, &tracer)
  }
}
