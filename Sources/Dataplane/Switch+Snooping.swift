// Multicast snooping (RFC 4541): IGMP and MLD messages of the guests say which groups each port wants
// (Protocols.GroupMembership), and where nobody else asks for them, the switch does.
//
// Membership is kept in the VLAN of the lookup, so that a private VLAN is one.

internal import Base
internal import FrameMemory
public import Protocols
internal import Tables
internal import Wire

extension Switch {
  /// Takes in a group message, and notes who wants the frame.
  @inline(never)
  mutating func snoop(_ header: inout FrameHeader, _ bytes: RawSpan, _ context: BatchContext) {
    audience.removeAll()
    isForEveryone = false
    if GroupMessage.isClaimed(by: bytes) {
      return snoopMessage(&header, bytes, context)
    }
    guard let (family, source, group) = bytes.multicastAddresses(header.etherType),
      !GroupMembership.isAlwaysFlooded(group),
      groups.isReliable(family, vlan: header.vlan, now: context.now)
    else {
      isForEveryone = true
      return
    }
    _ = groups.ports(of: group, from: source, vlan: header.vlan, into: &audience)
    groups.routerPorts(vlan: header.vlan, into: &audience)
  }

  /// Queries reach everybody; reports only routers, so that hosts do not suppress their own (RFC 4541,
  /// 2.1.1). What is no valid message is left to the guests to judge.
  private mutating func snoopMessage(
    _ header: inout FrameHeader, _ bytes: RawSpan, _ context: BatchContext
  ) {
    guard let message = GroupMessage(bytes) else {
      isForEveryone = true
      return
    }
    // What is asked in a secondary VLAN most ports of the primary do not hear, and cannot answer.
    let isHeardByAll = header.uplinkBit == 0 || header.tag.vlan == header.vlan
    if !message.isQuery || isHeardByAll {
      groups.receive(
        message, port: header.ingress.index, isUplink: header.uplinkBit != 0, vlan: header.vlan,
        now: context.now)
      if lanes.hasOthers { tellGroups(&header, bytes, isQuery: message.isQuery) }
    }
    if message.isQuery {
      isForEveryone = true
    } else {
      groups.routerPorts(vlan: header.vlan, into: &audience)
    }
  }

  /// The next port in a multicast group at or after `cursor`; nil at the end. Start with 0.
  public func nextGroupEntry(_ cursor: inout Int) -> GroupMembershipEntry? {
    plan.multicast == .snooping ? groups.next(&cursor) : nil
  }

  // MARK: - Ports that come and go

  /// Asks a port that comes up for its groups, and forgets those of one that went.
  mutating func setGroupsOfPort(_ port: PortIndex, isAttached: Bool) {
    guard plan.multicast == .snooping else { return }
    groups.remove(port: port.index)
    if isAttached { askForGroups(port) }
  }

  /// Asks a port for its groups, in every VLAN that its guest uses.
  mutating func askForGroups(_ port: PortIndex) {
    let policy = portPlan(port)
    guard plan.multicast == .snooping, policy.kind == .vm, states[port.index].isAttached else {
      return
    }
    var next = nextUsedVLAN(of: policy, from: 0)
    while let vlan = next {
      groups.askNow(port: port.index, vlan: plan.lookupVLAN(of: vlan), now: latest)
      next = nextUsedVLAN(of: policy, from: vlan + 1)
    }
  }

  /// A trunk's guest uses a VLAN that it was not seen to use before.
  mutating func noteGroupVLAN(_ vlan: UInt16, _ port: PortIndex) {
    guard plan.multicast == .snooping else { return }
    groups.setVLAN(plan.lookupVLAN(of: vlan), isActive: true)
    groups.askNow(port: port.index, vlan: plan.lookupVLAN(of: vlan), now: latest)
  }

  /// Brings the querier in line with the plan: it asks in the VLANs that have VM ports.
  mutating func settleGroups() {
    guard plan.multicast == .snooping || groupsAreActive else { return }
    groupsAreActive = plan.multicast == .snooping
    if groups.settings != plan.snooping { groups.configure(plan.snooping) }
    var active = VLANSet()
    for index in plan.ports.indices where plan.ports[index].kind == .vm && groupsAreActive {
      var next = nextUsedVLAN(of: plan.ports[index], from: 0)
      while let vlan = next {
        active.insert(plan.lookupVLAN(of: vlan))
        next = nextUsedVLAN(of: plan.ports[index], from: vlan + 1)
      }
    }
    for vlan in UInt16(0)..<4095 { groups.setVLAN(vlan, isActive: active.contains(vlan)) }
  }

  // MARK: - The querier

  /// Forgets what is over. Returns when there is more to do.
  mutating func tickGroups(now: MonotonicTime) -> MonotonicTime {
    groupsAreActive ? groups.tick(now: now) : .never
  }

  /// Appends the queries that are due. Returns whether some are left for another batch.
  mutating func sendQueries(
    into batch: inout FrameBatch, _ deliveries: inout DeliveryList, _ context: BatchContext,
    _ tracer: inout some Tracer
  ) -> Bool {
    guard groupsAreActive else { return false }
    while !batch.isFull, deliveries.freeCapacity >= plan.largestFanout {
      guard let pending = groups.nextQuery(now: context.now) else { return false }
      // Every lane knows what was asked; the first one asks.
      guard lanes.isFirst else { continue }
      send(pending, &batch, &deliveries, &tracer)
    }
    return true
  }

  private mutating func send(
    _ pending: PendingQuery, _ batch: inout FrameBatch, _ deliveries: inout DeliveryList,
    _ tracer: inout some Tracer
  ) {
    var query = pending.query
    query.sourceMAC = plan.beacons.querierAddress
    let index = batch.appendZeroed(byteCount: GroupQuery.largestFrameBytes, ingress: .none)
    var bytes = batch.mutableBytes(of: index)
    let byteCount = query.emit(into: &bytes)
    batch[index].byteCount = UInt32(max(byteCount, Ethernet.shortestFrameBytes))
    var header = generatedHeader(index, vlan: pending.vlan, batch, &tracer)
    var copies = 0
    for port in plan.ports.indices
    where plan.ports[port].kind == .vm && states[port].isAttached
      && (pending.port ?? port) == port && plan.reaches(PortIndex(port), header)
    {
      deliver(&header, to: PortIndex(port), batch, &deliveries, &tracer)
      copies += 1
    }
    guard copies > 0 else { return }
    sums.generated &+= 1
    sums.replicated &+= UInt64(copies - 1)
  }
}

extension BeaconSettings {
  /// The address that the switch's own queries come from: locally administered, its own on each host.
  var querierAddress: MACAddress {
    MACAddress(rawValue: 0x0200_0000_0000 | identity & 0xFF_FFFF_FFFF)
  }
}

extension RawSpan {
  /// Source and group of an IP multicast packet; nil for any other frame.
  fileprivate func multicastAddresses(_ etherType: UInt16)
    -> (GroupFamily, source: IPAddress, group: IPAddress)?
  {
    if etherType == 0x0800, byteCount >= 34 {
      let group = big32(30)
      guard group >> 28 == 0xE else { return nil }
      return (.v4, .v4(IPv4Address(rawValue: big32(26))), .v4(IPv4Address(rawValue: group)))
    }
    guard etherType == 0x86DD, byteCount >= 54, byte(38) == 0xFF else { return nil }
    return (
      .v6, .v6(IPv6Address(high: big64(22), low: big64(30))),
      .v6(IPv6Address(high: big64(38), low: big64(46)))
    )
  }
}
