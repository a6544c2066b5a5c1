// Broadcast and multicast: from a VM to the other ports of its VLAN and one uplink; from an uplink to the
// ports of the VLAN whose team uses that uplink (vSphere: reverse-path filter), never to another uplink.
// Multicast goes only to the ports that want it.

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

/// How far a frame came in its VLAN: each count is at most the one before.
struct Reach {
  /// Ports of the VLAN, the sender not counted.
  var members = 0
  /// Those that private VLANs do not keep it from.
  var allowed = 0
  /// Those that the reverse-path check lets it reach.
  var passed = 0
  /// Those that want it: the copies made.
  var copies = 0

  /// Why no port got the frame.
  func reason(withoutMembers: DropReason) -> DropReason {
    if members == 0 { return withoutMembers }
    if allowed == 0 { return .pvlanIsolation }
    return passed == 0 ? .reversePath : .multicastNotMember
  }
}

extension Switch {
  mutating func replicateFromVM(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList,
    _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    tracer.record(.replicated)
    let reach = replicate(&header, batch, &deliveries, context, &tracer)
    let copies = reach.copies
    finish(
      copies: copies
        + toTeam(
          &header, copies, reach.reason(withoutMembers: .noUplink), batch, &deliveries, &tracer))
  }

  /// The same frame arrives at every uplink of a team, and a VM's own broadcast comes back on those that
  /// it did not leave by; the reverse-path check lets each port see it once, and its own never.
  mutating func replicateFromUplink(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList,
    _ context: BatchContext, _ tracer: inout some Tracer
  ) {
    tracer.record(.replicated)
    let reach = replicate(&header, batch, &deliveries, context, &tracer)
    if reach.copies > 0 { return finish(copies: reach.copies) }
    drop(reach.reason(withoutMembers: .vlanMismatch), at: header.ingress, .ingress, &tracer)
  }

  /// One copy for each port of the VLAN that may have and wants the frame.
  @inline(__always)
  private mutating func replicate(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList,
    _ context: BatchContext, _ tracer: inout some Tracer
  ) -> Reach {
    var reach = Reach()
    findAudience(&header, batch, context)
    let vlan = Int(header.vlan)
    for position in Int(plan.memberStarts[vlan])..<Int(plan.memberStarts[vlan + 1]) {
      offer(&header, to: plan.members[position], &reach, batch, &deliveries, &tracer)
    }
    for position in plan.trunks.indices {
      let port = plan.trunks[position]
      guard plan.carries(plan.ports[port.index], header.tag.vlan) else { continue }
      offer(&header, to: port, &reach, batch, &deliveries, &tracer)
    }
    return reach
  }

  @inline(__always)
  private mutating func offer(
    _ header: inout FrameHeader, to port: PortIndex, _ reach: inout Reach,
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) {
    guard port != header.ingress else { return }
    reach.members += 1
    guard !plan.isolates(header.tag.vlan, from: plan.ports[port.index]) else { return }
    reach.allowed += 1
    guard passesReversePath(&header, port) else { return }
    reach.passed += 1
    guard header.kind == .broadcast || isWanted(by: port) else { return }
    reach.copies += 1
    deliver(&header, to: port, batch, &deliveries, &tracer)
  }

  /// Whether a frame for several ports may reach this one by the uplink that it came in by.
  @inline(__always)
  mutating func passesReversePath(_ header: inout FrameHeader, _ port: PortIndex) -> Bool {
    if header.uplinkBit == 0 || states[port.index].reverseUplinks & header.uplinkBit != 0 {
      return true
    }
    return states[port.index].isPromiscuous
      && !plan.ports[port.index].checksReversePathPromiscuous
  }

  /// Copies for the promiscuous ports of the VLAN but `port`. Returns how many.
  @inline(never)
  mutating func copyToPromiscuous(
    _ header: inout FrameHeader, isReflected: Bool = false, except port: PortIndex,
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) -> Int {
    var copies = 0
    for position in 0..<promiscuousCount {
      let other = promiscuous[position]
      guard other != header.ingress, other != port, plan.reaches(other, header),
        passesReversePath(&header, other),
        !isReflected || !plan.ports[other.index].checksReversePathPromiscuous
      else { continue }
      deliver(&header, to: other, batch, &deliveries, &tracer)
      copies += 1
    }
    return copies
  }
}

extension SwitchPlan {
  /// Whether a port is in the frame's VLAN, and private VLANs let the frame reach it.
  @inline(__always)
  func reaches(_ port: PortIndex, _ header: FrameHeader) -> Bool {
    let policy = ports[port.index]
    guard policy.vlanMode != .trunk else { return carries(policy, header.tag.vlan) }
    return policy.lookupVLAN == header.vlan && !isolates(header.tag.vlan, from: policy)
  }
}
