// The copy of a frame that leaves for the physical network: which uplink of the team takes it.
//
// Most policies choose for a port and keep to it (Switch+Links). Source MAC and IP hash choose for each
// frame; and where beacons cannot tell which uplink works, every frame leaves by all of them (vSphere:
// "shotgun").

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

extension Switch {
  /// The copies for the uplinks that the team gives this frame. Returns how many there are, delivered or
  /// dropped; 0 when the team has no uplinks and others got the frame.
  @inline(__always)
  mutating func toTeam(
    _ header: inout FrameHeader, _ copies: Int, _ reasonWithoutTeam: DropReason,
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) -> Int {
    let ingress = header.ingress.index
    states[ingress].loadBytesOut &+= UInt64(header.byteCount)
    if states[ingress].hasTeamPerFrame {
      return toTeamPerFrame(&header, batch, &deliveries, &tracer)
    }
    let uplink = states[ingress].uplink
    if uplink != .none {
      tracer.record(.teamSelected(uplink: uplink))
      deliverOut(&header, by: uplink, batch, &deliveries, &tracer)
      return 1
    }
    let team = plan.teams[Int(plan.ports[ingress].team)]
    if !team.isEmpty {
      drop(.uplinkDown, at: header.ingress, .ingress, &tracer)
      return 1
    }
    if copies > 0 { return 0 }
    drop(reasonWithoutTeam, at: header.ingress, .ingress, &tracer)
    return 1
  }

  /// The same for policies that look at each frame, and for shotgun.
  @inline(never)
  mutating func toTeamPerFrame(
    _ header: inout FrameHeader, _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList,
    _ tracer: inout some Tracer
  ) -> Int {
    let number = Int(plan.ports[header.ingress.index].team)
    let usable = teamStates[number].usable
    if teamStates[number].isShotgun {
      return toEveryUplink(&header, usable, batch, &deliveries, &tracer)
    }
    var uplink = PortIndex.none
    if plan.teams[number].policy == .ipHash {
      let hash = batch.bytes(of: Int(header.index)).ipHash(header.etherType)
      if let chosen = plan.teams[number].select(ipHash: hash, usable: usable) {
        uplink = plan.uplinks[Int(chosen)]
      }
    } else {
      uplink = self.uplink(of: header.source, at: header.ingress)
    }
    guard uplink != .none else {
      drop(.uplinkDown, at: header.ingress, .ingress, &tracer)
      return 1
    }
    tracer.record(.teamSelected(uplink: uplink))
    deliverOut(&header, by: uplink, batch, &deliveries, &tracer)
    return 1
  }

  /// The one uplink by which a port's frames from an address leave; `.none` where several take them.
  mutating func uplink(of source: MACAddress, at port: PortIndex) -> PortIndex {
    guard states[port.index].hasTeamPerFrame else { return states[port.index].uplink }
    let number = Int(plan.ports[port.index].team)
    if teamStates[number].isShotgun { return .none }
    guard plan.teams[number].policy == .sourceMAC, source != states[port.index].address else {
      return states[port.index].uplink
    }
    let chosen = plan.teams[number].select(
      portID: source.hash, usable: teamStates[number].usable, current: nil)
    return chosen.map { plan.uplinks[Int($0)] } ?? .none
  }

  private mutating func toEveryUplink(
    _ header: inout FrameHeader, _ usable: UInt32, _ batch: borrowing FrameBatch,
    _ deliveries: inout DeliveryList, _ tracer: inout some Tracer
  ) -> Int {
    var copies = 0
    for position in plan.uplinks.indices where usable & (1 << UInt32(position)) != 0 {
      let uplink = plan.uplinks[position]
      tracer.record(.teamSelected(uplink: uplink))
      deliverOut(&header, by: uplink, batch, &deliveries, &tracer)
      copies += 1
    }
    return copies
  }
}

extension MACAddress {
  /// What source MAC teaming takes modulo the number of uplinks.
  var hash: UInt32 { UInt32(octet(5)) }
}

extension RawSpan {
  /// What IP hash teaming takes modulo the number of uplinks: the last bytes of the source and the
  /// destination address, XORed. Other frames are read as if they were IPv4, as vSphere does; what is not
  /// there counts as 0.
  func ipHash(_ etherType: UInt16) -> UInt32 {
    let isIPv6 = etherType == 0x86DD
    let source: Int = isIPv6 ? 37 : 29
    let destination: Int = isIPv6 ? 53 : 33
    let first: UInt8 = source < byteCount ? byte(source) : 0
    let second: UInt8 = destination < byteCount ? byte(destination) : 0
    return UInt32(first ^ second)
  }
}
