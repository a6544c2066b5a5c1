// Whose an address is: the VM ports' own addresses in the MAC table.
//
// Guests that may change their address can choose one that another port has. A declared address is
// stronger than a chosen one, and of those that chose the same the first port has it; when it goes, the
// next one gets it. A trunk port's address is its own in every VLAN that it carries, under one key.

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

extension Switch {
  /// Gives a port another address, and its old one to whoever has it, too.
  mutating func changeAddress(of port: PortIndex, to address: MACAddress) {
    let policy = plan.ports[port.index]
    let before = states[port.index].address
    if let key = policy.staticKey(before) { release(key, of: port) }
    states[port.index].address = address
    claimAddress(port)
    if isAddressContested { claimAddresses(before) }
    if policy.vlanMode == .trunk { claimAddresses(address) }
  }

  /// Works out the owners of all addresses after a change of plan. Trunks first: others look at theirs.
  mutating func claimAddresses() {
    isAddressContested = false
    for position in plan.trunks.indices { claimAddress(plan.trunks[position]) }
    for position in plan.members.indices { claimAddress(plan.members[position]) }
  }

  /// The same for one address that several ports may have.
  private mutating func claimAddresses(_ address: MACAddress) {
    for position in plan.trunks.indices {
      let port = plan.trunks[position]
      if states[port.index].address == address { claimAddress(port) }
    }
    for position in plan.members.indices {
      let port = plan.members[position]
      if states[port.index].address == address { claimAddress(port) }
    }
  }

  /// Enters a port's address into the table, unless a stronger port has it. What else was known about
  /// the address gives way.
  private mutating func claimAddress(_ port: PortIndex) {
    let policy = plan.ports[port.index]
    let address = states[port.index].address
    guard let key = policy.staticKey(address) else { return }
    let owner = self.owner(of: key)
    if let owner, owner != port {
      isAddressContested = true
      guard isStronger(port, than: owner, address) else { return }
    }
    if policy.vlanMode != .trunk, let trunk = self.owner(of: MACKey(address, vlan: MACKey.anyVLAN)),
      plan.carries(plan.ports[trunk.index], policy.lookupVLAN)
    {
      isAddressContested = true
      guard isStronger(port, than: trunk, address) else { return release(key, of: port) }
    }
    guard owner != port else { return }
    let fits = macs.setStatic(key, port: port.rawValue)
    precondition(fits, "static addresses fit: there are more slots than ports")
    if policy.vlanMode == .trunk { forgetInTrunk(address, policy) }
  }

  /// What was learned under the key of a single VLAN would be found before that of a trunk.
  private mutating func forgetInTrunk(_ address: MACAddress, _ policy: PortPlan) {
    let vlans = plan.vlanSets[Int(policy.vlanSet)]
    macs.flush(address) { vlans.contains($0) }
  }

  private func isStronger(_ port: PortIndex, than other: PortIndex, _ address: MACAddress) -> Bool {
    let isDeclared = plan.ports[port.index].mac == address
    let isOtherDeclared = plan.ports[other.index].mac == address
    return isDeclared == isOtherDeclared ? port.index < other.index : isDeclared
  }

  /// The port that has a key as its own.
  private func owner(of key: MACKey) -> PortIndex? {
    guard let entry = macs.find(key, nowSeconds: 0), entry.kind == .static else { return nil }
    return PortIndex(rawValue: entry.port)
  }

  /// Takes an address out of the table if it is this port's.
  mutating func release(_ key: MACKey, of port: PortIndex) {
    if owner(of: key) == port { macs.remove(key) }
  }
}
