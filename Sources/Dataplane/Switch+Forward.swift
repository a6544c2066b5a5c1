// Where a frame goes. Four cases, by where it comes from and what its destination is:
//
//                    unicast, known here   unicast, unknown             broadcast, multicast
//   from a VM        that port             the team's uplink            the VLAN's ports, team's uplink
//   from an uplink   that port             dropped                      the VLAN's ports whose team uses
//                                                                       this uplink
//
// Unknown unicast goes to other VMs only at ports that learn and flood. Nothing goes from an uplink to an
// uplink: a switch without spanning tree cannot close a loop.

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

extension Switch {
  /// The table's entry of an address in a VLAN, a trunk port's own address included.
  ///
  /// Changes nothing. It is `mutating` because a `borrowing` call of a large `~Copyable` struct copies
  /// the struct when the call is not inlined: 456 bytes for each frame.
  @inline(__always)
  mutating func entry(of address: MACAddress, _ vlan: UInt16, _ context: BatchContext) -> MACEntry?
  {
    if let entry = macs.find(MACKey(address, vlan: vlan), nowSeconds: context.seconds) {
      return entry
    }
    return plan.trunks.count > 0 ? trunkEntry(of: address, vlan, context) : nil
  }

  /// The entry of a trunk port's own address, which is its in every VLAN that it carries.
  @inline(never)
  private mutating func trunkEntry(of address: MACAddress, _ vlan: UInt16, _ context: BatchContext)
    -> MACEntry?
  {
    let anywhere = MACKey(address, vlan: MACKey.anyVLAN)
    guard let entry = macs.find(anywhere, nowSeconds: context.seconds),
      plan.carries(plan.ports[Int(entry.port)], vlan)
    else { return nil }
    return entry
  }

  @inline(__always)
  mutating func forwardUnicast(
    _ header: FrameHeader, _ tag: VLANTag, _ deliveries: inout DeliveryList,
    _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    let known = entry(of: header.destination, tag.vlan, context)
    guard let known, known.kind != .external else {
      tracer.record(.unknownDestination)
      let copies =
        known == nil ? flood(header, tag, onlyTeamOf: .none, &deliveries, &tracer) : 0
      return finish(
        header, copies: copies + toTeam(header, tag, copies, .unknownUnicast, &deliveries, &tracer))
    }
    let port = PortIndex(rawValue: known.port)
    if port == header.ingress { return drop(.hairpin, at: port, .ingress, &tracer) }
    tracer.record(.found(port: port))
    deliver(header, tag, to: port, &deliveries, &tracer)
  }

  @inline(__always)
  mutating func forwardUnicastFromUplink(
    _ header: FrameHeader, _ tag: VLANTag, _ deliveries: inout DeliveryList,
    _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    let known = entry(of: header.destination, tag.vlan, context)
    guard let known, known.kind != .external else {
      tracer.record(.unknownDestination)
      let copies =
        known == nil ? flood(header, tag, onlyTeamOf: header.ingress, &deliveries, &tracer) : 0
      if copies == 0 { return drop(.unknownUnicast, at: header.ingress, .ingress, &tracer) }
      return finish(header, copies: copies)
    }
    let port = PortIndex(rawValue: known.port)
    tracer.record(.found(port: port))
    deliver(header, tag, to: port, &deliveries, &tracer)
  }

  /// Broadcast and multicast from a VM: every other port of the VLAN, and one uplink.
  mutating func replicateFromVM(
    _ header: FrameHeader, _ tag: VLANTag, _ deliveries: inout DeliveryList,
    _ tracer: inout some Tracer
  ) {
    tracer.record(.replicated)
    var copies = 0
    let vlan = Int(tag.vlan)
    for position in Int(plan.memberStarts[vlan])..<Int(plan.memberStarts[vlan + 1]) {
      let port = plan.members[position]
      guard port != header.ingress else { continue }
      deliver(header, tag, to: port, &deliveries, &tracer)
      copies += 1
    }
    for position in plan.trunks.indices {
      let port = plan.trunks[position]
      guard port != header.ingress, plan.carries(plan.ports[port.index], tag.vlan) else {
        continue
      }
      deliver(header, tag, to: port, &deliveries, &tracer)
      copies += 1
    }
    finish(header, copies: copies + toTeam(header, tag, copies, .noUplink, &deliveries, &tracer))
  }

  /// Broadcast and multicast from an uplink: the ports of the VLAN whose team uses this uplink now.
  ///
  /// The same frame arrives at every uplink of a team, and a VM's own broadcast comes back on those that
  /// it did not leave by; this check lets each port see it once, and its own never.
  mutating func replicateFromUplink(
    _ header: FrameHeader, _ tag: VLANTag, _ deliveries: inout DeliveryList,
    _ tracer: inout some Tracer
  ) {
    tracer.record(.replicated)
    var copies = 0
    var hasMembers = false
    let vlan = Int(tag.vlan)
    for position in Int(plan.memberStarts[vlan])..<Int(plan.memberStarts[vlan + 1]) {
      let port = plan.members[position]
      hasMembers = true
      guard states[port.index].uplink == header.ingress else { continue }
      deliver(header, tag, to: port, &deliveries, &tracer)
      copies += 1
    }
    for position in plan.trunks.indices {
      let port = plan.trunks[position]
      guard plan.carries(plan.ports[port.index], tag.vlan) else { continue }
      hasMembers = true
      guard states[port.index].uplink == header.ingress else { continue }
      deliver(header, tag, to: port, &deliveries, &tracer)
      copies += 1
    }
    if copies > 0 { return finish(header, copies: copies) }
    drop(hasMembers ? .reversePath : .vlanMismatch, at: header.ingress, .ingress, &tracer)
  }

  /// Unknown unicast to the ports that learn and flood; from an uplink only to those whose team uses it,
  /// as with broadcast. Returns the number of copies.
  private mutating func flood(
    _ header: FrameHeader, _ tag: VLANTag, onlyTeamOf uplink: PortIndex,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) -> Int {
    var copies = 0
    for position in plan.flooding.indices {
      let port = plan.flooding[position]
      guard port != header.ingress, plan.carries(plan.ports[port.index], tag.vlan),
        uplink == .none || states[port.index].uplink == uplink
      else { continue }
      deliver(header, tag, to: port, &deliveries, &tracer)
      copies += 1
    }
    return copies
  }

  /// The copy for the uplink that the team gives the ingress port. Returns 1 when there is such a copy,
  /// delivered or dropped, and 0 when the team has no uplinks and others got the frame.
  @inline(__always)
  private mutating func toTeam(
    _ header: FrameHeader, _ tag: VLANTag, _ copies: Int, _ reasonWithoutTeam: DropReason,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) -> Int {
    let uplink = states[header.ingress.index].uplink
    if uplink != .none {
      tracer.record(.teamSelected(uplink: uplink))
      deliverOut(header, tag, by: uplink, &deliveries, &tracer)
      return 1
    }
    let team = plan.teams[Int(plan.ports[header.ingress.index].team)]
    if !team.isEmpty {
      drop(.uplinkDown, at: header.ingress, .ingress, &tracer)
      return 1
    }
    if copies > 0 { return 0 }
    drop(reasonWithoutTeam, at: header.ingress, .ingress, &tracer)
    return 1
  }

  /// Counts the copies of a frame beyond the first.
  @inline(__always)
  private mutating func finish(_ header: FrameHeader, copies: Int) {
    sums.replicated &+= UInt64(copies - 1)
  }
}
