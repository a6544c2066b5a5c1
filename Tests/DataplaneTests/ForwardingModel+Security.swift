// Addresses: whose is which, which may a guest use, and what is learned.

import FrameMemory

extension ModelNIC {
  /// Counts the frames in a row from one other source. The usual one begins anew.
  mutating func see(_ source: UInt64, _ nanoseconds: Int) {
    guard source != address else {
      sightings = 0
      return
    }
    sightings = source == sighted ? sightings + 1 : 1
    sighted = source
    guard sightings >= 3, nanoseconds >= inferredAt + 1_000_000_000 else { return }
    address = source
    sightings = 0
    inferredAt = nanoseconds
  }
}

extension ForwardingModel {
  /// The address that a port has on the switch (vSphere: effective MAC where the guest may choose it).
  func address(of port: ModelPort) -> UInt64 {
    port.acceptsChanges ? port.nic.address : port.mac
  }

  /// The guest has an address that it may not have.
  func isReceiveDisabled(_ port: ModelPort) -> Bool { port.nic.address != address(of: port) }

  /// The VM port that has an address as its own. A declared address is stronger than one that a guest
  /// chose; among guests that chose the same one, the first port has it. Of several trunks that chose
  /// the same one only the strongest has it, in whatever VLANs.
  func owner(of mac: UInt64, in domain: UInt16) -> Int? {
    let owners = ports.indices.filter {
      ports[$0].kind == .vm && address(of: ports[$0]) == mac && mac != 0
    }
    let trunk = strongest(owners.filter { ports[$0].vlan.isTrunk }, mac)
    let others = owners.filter { !ports[$0].vlan.isTrunk } + (trunk.map { [$0] } ?? [])
    return strongest(others.filter { isMember(ports[$0], of: domain) }.sorted(), mac)
  }

  private func strongest(_ owners: [Int], _ mac: UInt64) -> Int? {
    owners.first { ports[$0].mac == mac } ?? owners.first
  }

  /// Where an address is.
  func place(of mac: UInt64, _ tag: UInt16) -> ModelPlace? {
    let domain = broadcastDomain(of: tag)
    if let owner = owner(of: mac, in: domain) { return ModelPlace(port: owner, seconds: seconds) }
    return learned[ModelAddress(mac: mac, vlan: domain)]
  }

  /// Forged transmits. The nic of a guest that may have one address only is told by its frames, where
  /// it cannot be looked at: three in a row from one other address.
  mutating func judgeSource(of frame: ModelFrame) throws(ModelRefusal) {
    guard !ports[frame.ingress].allowsForged else { return }
    if !ports[frame.ingress].nic.isObserved {
      let before = address(of: ports[frame.ingress])
      ports[frame.ingress].nic.see(frame.source, nanoseconds)
      // A source MAC team looks at the new address from this frame on.
      if address(of: ports[frame.ingress]) != before {
        selected[frame.ingress] = rightUplink(of: frame.ingress, before: selected[frame.ingress])
      }
      forgetOwned()
    }
    if frame.source != address(of: ports[frame.ingress]) { throw ModelRefusal(.forgedTransmit) }
  }

  /// MAC learning, within the limit of the port.
  mutating func learn(_ frame: ModelFrame, _ tag: UInt16) throws(ModelRefusal) {
    let port = ports[frame.ingress]
    let place = ModelAddress(mac: frame.source, vlan: broadcastDomain(of: tag))
    guard port.learns, frame.source != address(of: port),
      owner(of: frame.source, in: place.vlan) == nil
    else { return }
    let isOurs = learned[place].map { $0.port == frame.ingress && !$0.isExternal } ?? false
    let count = learned.values.filter { $0.port == frame.ingress && !$0.isExternal }.count
    if isOurs || count < port.limit {
      learned[place] = ModelPlace(port: frame.ingress, seconds: seconds)
    } else if !port.forwardsBeyondLimit {
      throw ModelRefusal(.macLimit)
    }
  }

  /// Whether a frame from an uplink is from somebody out there; notes where.
  ///
  /// What is ours by plan is ours. What was learned has moved out if it says so by the uplink that its
  /// frames leave by (nothing comes back by the uplink that it left by), or was silent here for over a second.
  mutating func isFromOutside(_ frame: ModelFrame, _ tag: UInt16) -> Bool {
    let address = ModelAddress(mac: frame.source, vlan: broadcastDomain(of: tag))
    if owner(of: frame.source, in: address.vlan) != nil { return false }
    let outside = ModelPlace(port: frame.ingress, seconds: seconds, isExternal: true)
    if let place = learned[address] {
      let hasMoved =
        frame.isAnnouncement
        ? uplink(of: frame.source, at: place.port) == frame.ingress : seconds - place.seconds > 1
      guard place.isExternal || hasMoved else { return false }
      learned[address] = outside
    } else if frame.isAnnouncement && frame.isGroup {
      learned[address] = outside
    }
    return true
  }

  /// What a port has as its own was not learned.
  mutating func forgetOwned() {
    learned = learned.filter { owner(of: $0.key.mac, in: $0.key.vlan) == nil }
  }
}
