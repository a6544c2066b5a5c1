// VLANs: which frames a port takes, where their addresses are looked up, what private VLANs forbid, and the
// tag that a frame leaves with.

import FrameMemory

extension ForwardingModel {
  /// The VLAN of a frame on an uplink: a trunk takes what its ranges list; other ports take untagged
  /// frames, and a priority tag counts as none.
  ///
  /// Without a VLAN of its own, a frame may not have a tag in its bytes: that would be a VLAN of the
  /// sender's choice on the next wire. A service tag may, at a trunk.
  func admit(_ frame: ModelFrame, at port: ModelPort) throws(ModelRefusal) -> UInt16 {
    let tagged = frame.vlan ?? 0
    let hides: Bool
    switch (frame.etherType, port.vlan) {
    case (0x8100, _): hides = tagged == 0
    case (0x88A8, .trunk): hides = false
    case (0x88A8, _): hides = tagged == 0
    default: hides = false
    }
    if hides { throw ModelRefusal(.vlanMismatch) }
    switch port.vlan {
    case .none where tagged == 0: return 0
    case .access(let own) where tagged == 0: return own
    case .trunk where port.vlan.carries(tagged): return tagged
    default: throw ModelRefusal(.vlanMismatch)
    }
  }

  /// Where addresses of a VLAN are looked up.
  func broadcastDomain(of vlan: UInt16) -> UInt16 { privateVLANs[vlan]?.primary ?? vlan }

  /// Whether a port is in the broadcast domain of frames with this tag.
  func isMember(_ port: ModelPort, of tag: UInt16) -> Bool {
    guard port.kind == .vm else { return false }
    switch port.vlan {
    case .none: return tag == 0
    case .access(let own): return broadcastDomain(of: own) == broadcastDomain(of: tag)
    case .trunk: return port.vlan.carries(tag)
    }
  }

  /// The table of RFC 5517: everybody reaches promiscuous ports and is reached by them; a community
  /// reaches itself; isolated ports reach no one else.
  func isIsolated(_ tag: UInt16, from port: ModelPort) -> Bool {
    guard case .access(let own) = port.vlan, let sender = privateVLANs[tag],
      let receiver = privateVLANs[own]
    else { return false }
    switch (sender.kind, receiver.kind) {
    case (.promiscuous, _), (_, .promiscuous): return false
    case (.community, .community): return tag != own
    default: return true
    }
  }

  /// Trunks and uplinks send tags, but one for VLAN 0 only when a rule has given the priority.
  func delivery(of frame: ModelFrame, _ tag: UInt16, at port: Int) -> ModelDelivery {
    var delivery = ModelDelivery(port: port, dscp: frame.dscp)
    if ports[port].vlan.isTrunk && (tag != 0 || frame.isPriorityMarked) {
      delivery.vlan = tag
      delivery.priority = frame.priority
    }
    return delivery
  }
}
