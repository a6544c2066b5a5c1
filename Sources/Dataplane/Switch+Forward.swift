// Where a unicast frame goes:
//
//                    destination known here   unknown
//   from a VM        that port                the team's uplink
//   from an uplink   that port                dropped
//
// Unknown unicast goes to other VMs only at ports that learn and flood. Nothing goes from an uplink to an
// uplink: a switch without spanning tree cannot close a loop. Promiscuous ports get a copy of everything.

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

extension Switch {
  /// The table's entry of an address in the frame's VLAN, a trunk port's own address included.
  ///
  /// Changes nothing. It is `mutating` because a `borrowing` call of a large `~Copyable` struct copies
  /// the struct when the call is not inlined: hundreds of bytes for each frame.
  @inline(__always)
  mutating func entry(of address: MACAddress, _ header: inout FrameHeader, _ context: BatchContext)
    -> MACEntry?
  {
    if let entry = macs.find(MACKey(address, vlan: header.vlan), nowSeconds: context.seconds) {
      return entry
    }
    return plan.trunks.count > 0 ? trunkEntry(of: address, &header, context) : nil
  }

  /// The entry of a trunk port's own address, which is its in every VLAN that it carries.
  @inline(never)
  private mutating func trunkEntry(
    of address: MACAddress, _ header: inout FrameHeader, _ context: BatchContext
  ) -> MACEntry? {
    let anywhere = MACKey(address, vlan: MACKey.anyVLAN)
    guard let entry = macs.find(anywhere, nowSeconds: context.seconds),
      plan.carries(plan.ports[Int(entry.port)], header.tag.vlan)
    else { return nil }
    return entry
  }

  @inline(__always)
  mutating func forwardUnicast(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList,
    _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    let known = entry(of: header.destination, &header, context)
    guard let known, known.kind != .external else {
      tracer.record(.unknownDestination)
      var copies = known == nil ? flood(&header, batch, &deliveries, &tracer) : 0
      if promiscuousCount > 0 {
        copies += copyToPromiscuous(&header, except: .none, batch, &deliveries, &tracer)
      }
      copies += toTeam(&header, copies, .unknownUnicast, batch, &deliveries, &tracer)
      return finish(copies: copies)
    }
    let port = PortIndex(rawValue: known.port)
    if port == header.ingress { return drop(.hairpin, at: port, .ingress, &tracer) }
    forward(&header, to: port, batch, &deliveries, &tracer)
  }

  @inline(__always)
  mutating func forwardUnicastFromUplink(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList,
    _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    let known = entry(of: header.destination, &header, context)
    guard let known, known.kind != .external else {
      tracer.record(.unknownDestination)
      var copies = known == nil ? flood(&header, batch, &deliveries, &tracer) : 0
      if promiscuousCount > 0 {
        copies += copyToPromiscuous(&header, except: .none, batch, &deliveries, &tracer)
      }
      if copies == 0 { return drop(.unknownUnicast, at: header.ingress, .ingress, &tracer) }
      return finish(copies: copies)
    }
    let port = PortIndex(rawValue: known.port)
    states[port.index].loadBytesIn &+= UInt64(header.byteCount)
    forward(&header, to: port, batch, &deliveries, &tracer)
  }

  @inline(__always)
  private mutating func forward(
    _ header: inout FrameHeader, to port: PortIndex, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) {
    tracer.record(.found(port: port))
    deliver(&header, to: port, batch, &deliveries, &tracer)
    if promiscuousCount > 0 {
      let copies = copyToPromiscuous(&header, except: port, batch, &deliveries, &tracer)
      sums.replicated &+= UInt64(copies)
    }
  }

  /// Unknown unicast to the ports that learn and flood; from an uplink only to those whose team uses it,
  /// as with broadcast. Promiscuous ports are served apart. Returns the number of copies.
  private mutating func flood(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList,
    _ tracer: inout some Tracer
  ) -> Int {
    var copies = 0
    for position in plan.flooding.indices {
      let port = plan.flooding[position]
      guard port != header.ingress, !states[port.index].isPromiscuous,
        plan.reaches(port, header), passesReversePath(&header, port)
      else { continue }
      deliver(&header, to: port, batch, &deliveries, &tracer)
      copies += 1
    }
    return copies
  }

  /// Counts the copies of a frame beyond the first.
  @inline(__always)
  mutating func finish(copies: Int) {
    sums.replicated &+= UInt64(bitPattern: Int64(copies - 1))
  }
}
