// What the switch notes about a guest's own addresses, so that it can announce them for the guest:
// IP addresses from its ARP and neighbour discovery, and the VLANs that it tags with.

internal import Base
internal import FrameMemory
internal import Wire

/// An address that a guest was seen to use.
struct SeenAddress: Sendable, BitwiseCopyable {
  var address: IPAddress?
  var vlan: UInt16 = 0
  /// The guest said that it is a router (RFC 4861, 4.4): an announcement without that flag would make
  /// its neighbours drop it from their default routers.
  var isRouter = false
}

extension Switch {
  /// The notes of a port: a few, the oldest overwritten by the next.
  func seenSlots(of port: PortIndex) -> Range<Int> {
    let first = port.index * limits.seenAddressesPerPort
    return first..<first + limits.seenAddressesPerPort
  }

  /// The first VLAN at or above `vlan` that a VM port uses: its own or, with a trunk, one that its guest was
  /// seen to tag with.
  func nextUsedVLAN(of policy: PortPlan, from vlan: UInt16) -> UInt16? {
    guard policy.vlanMode == .trunk else { return vlan <= policy.vlan ? policy.vlan : nil }
    return trunkVLANs[Int(policy.trunkSlot)].next(from: vlan)
  }

  /// Notes the VLAN and, from ARP and neighbour discovery, the address that a guest uses.
  @inline(__always)
  mutating func note(_ header: inout FrameHeader, _ bytes: RawSpan) {
    let vlan = header.tag.vlan
    if plan.ports[header.ingress.index].vlanMode == .trunk,
      states[header.ingress.index].lastVLAN != vlan
    {
      states[header.ingress.index].lastVLAN = vlan
      if enterTrunkVLAN(vlan, header.ingress) { tell(.vlan(vlan), at: header.ingress) }
    }
    // Only ARP, and IPv6 with ICMPv6 right behind its header, can claim an address.
    guard
      header.etherType == 0x0806
        || (header.etherType == 0x86DD && bytes.byteCount > 54 && bytes.byte(20) == 58)
    else { return }
    noteAddress(&header, vlan, bytes)
  }

  @inline(never)
  private mutating func noteAddress(
    _ header: inout FrameHeader, _ vlan: UInt16, _ bytes: RawSpan
  ) {
    guard header.source == states[header.ingress.index].address,
      let claim = AddressClaim(bytes)
    else { return }
    if enterClaim(claim.address, claim.isRouter, vlan, header.ingress) {
      tell(.claim(claim.address, vlan: vlan, isRouter: claim.isRouter), at: header.ingress)
    }
  }

  /// Notes an address that a guest uses. Returns whether that is news.
  @discardableResult
  mutating func enterClaim(
    _ address: IPAddress, _ isRouter: Bool, _ vlan: UInt16, _ port: PortIndex
  ) -> Bool {
    let slots = seenSlots(of: port)
    for slot in slots
    where seenAddresses[slot].address == address && seenAddresses[slot].vlan == vlan {
      let isNews = isRouter && !seenAddresses[slot].isRouter
      if isNews { seenAddresses[slot].isRouter = true }
      return isNews
    }
    let next = Int(states[port.index].nextSeenAddress) % slots.count
    seenAddresses[slots.lowerBound + next] = SeenAddress(
      address: address, vlan: vlan, isRouter: isRouter)
    states[port.index].nextSeenAddress = UInt8(next + 1)
    return true
  }

  /// Notes a VLAN that a trunk's guest uses. Returns whether that is news.
  @discardableResult
  mutating func enterTrunkVLAN(_ vlan: UInt16, _ port: PortIndex) -> Bool {
    guard plan.ports[port.index].kind == .vm, plan.ports[port.index].vlanMode == .trunk else {
      return false
    }
    let slot = Int(plan.ports[port.index].trunkSlot)
    guard !trunkVLANs[slot].contains(vlan) else { return false }
    noteGroupVLAN(vlan, port)
    trunkVLANs[slot].insert(vlan)
    return true
  }
}
