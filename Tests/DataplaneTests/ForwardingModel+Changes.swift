// What happens to the model's switch between frames: time, links, attachments, nics, configuration.

extension ForwardingModel {
  mutating func advance(nanoseconds count: Int) {
    nanoseconds += count
    learned = learned.filter { seconds - $0.value.seconds <= 300 }
  }

  mutating func setLink(_ uplink: Int, isUp: Bool) {
    let port = ports[uplink]
    guard !port.isLinkKnown || port.isLinkUp != isUp else { return }
    ports[uplink].usableAtNanoseconds = nanoseconds + (port.isLinkKnown ? 100_000_000 : 0)
    ports[uplink].isLinkKnown = true
    ports[uplink].isLinkUp = isUp
  }

  mutating func setAttached(_ port: Int, _ isAttached: Bool) {
    guard ports[port].isAttached != isAttached else { return }
    ports[port].isAttached = isAttached
    if ports[port].kind == .vm {
      if isAttached { forgetAssumedNIC(port) } else { dropWaiting(at: port) }
    }
    if !isAttached, ports[port].kind == .uplink {
      ports[port].isLinkKnown = false
      ports[port].isLinkUp = false
    }
  }

  /// Who comes back may be somebody else.
  private mutating func forgetAssumedNIC(_ port: Int) {
    guard !ports[port].nic.isObserved else { return }
    ports[port].nic.address = ports[port].mac
    ports[port].nic.sightings = 0
    forgetOwned()
  }

  mutating func setNIC(_ port: Int, _ nic: ModelNIC) {
    guard ports[port].kind == .vm else { return }
    let inferredAt = ports[port].nic.inferredAt
    ports[port].nic = nic
    // Whatever is said about the nic, its guest has one change a second.
    ports[port].nic.inferredAt = inferredAt
    forgetOwned()
  }

  mutating func flush(_ port: Int?) {
    learned = learned.filter { port != nil && $0.value.port != port }
  }

  /// Takes a new configuration. Returns the indices that now belong to another port, or to none.
  mutating func reconfigure(
    _ new: [ModelPort], _ teams: [ModelTeam], _ privateVLANs: [UInt16: ModelPrivateVLAN]
  ) -> [Int] {
    var reset: [Int] = []
    let (old, oldTable) = (ports, self.privateVLANs)
    self.teams = teams
    if self.privateVLANs != privateVLANs { learned = [:] }
    self.privateVLANs = privateVLANs
    for index in new.indices {
      ports[index] = new[index]
      if old[index].kind == new[index].kind && old[index].id == new[index].id {
        keep(old[index], oldTable, at: index)
      } else {
        dropWaiting(at: index)
        reset.append(index)
        counters[index] = ModelCounters()
        ports[index].nic = ModelNIC(address: new[index].mac)
        flush(index)
      }
    }
    forgetOwned()
    settleShapers(old)
    return reset
  }

  /// A port that stays the same one keeps its state, and what was learned where its VLANs stay.
  private mutating func keep(
    _ before: ModelPort, _ oldTable: [UInt16: ModelPrivateVLAN], at index: Int
  ) {
    ports[index].isAttached = before.isAttached
    ports[index].isLinkUp = before.isLinkUp
    ports[index].isLinkKnown = before.isLinkKnown
    ports[index].usableAtNanoseconds = before.usableAtNanoseconds
    ports[index].nic = before.nic
    if !before.nic.isObserved {
      // Nothing can be told from the frames of a guest that may send from any address.
      let tellsNothing = ports[index].allowsForged
      if tellsNothing { ports[index].nic.sightings = 0 }
      if tellsNothing || ports[index].mac != before.mac {
        ports[index].nic.address = ports[index].mac
      }
    }
    if case .access(let vlan) = before.vlan,
      oldTable[vlan]?.primary != privateVLANs[vlan]?.primary
    {
      dropWaiting(at: index)
    }
    if before.vlan != ports[index].vlan { dropWaiting(at: index) }
    let forgets = before.vlan != ports[index].vlan || (before.learns && !ports[index].learns)
    if forgets { flush(index) }
  }
}
