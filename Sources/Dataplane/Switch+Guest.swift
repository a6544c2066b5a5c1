// What follows from a guest's nic and the port's security policy together (vSphere: MAC address changes,
// forged transmits, promiscuous mode).
//
//   address          the port's address on the switch: the nic's where changes are accepted, else the
//                    declared one. It is in the MAC table, announced, and what sources are judged by.
//   expectedSource   the source that needs no second look: the address, while nic and port agree
//   isReceiveDisabled  changes are rejected and the nic has another address: the guest gets nothing
//                    until it goes back

internal import Base
public import FrameMemory
internal import Tables
public import Wire

extension Switch {
  private static let sightingsToInfer: UInt8 = 3
  /// An address that is changed costs much more than a frame: the guest can have that once a second.
  private static let inferenceMilliseconds: UInt64 = 1_000

  /// Says what the guest's nic is set to, and which multicast addresses it listens to.
  ///
  /// More addresses than a port may list count as all (vSphere: 32).
  public mutating func setGuestNIC(_ port: PortIndex, _ nic: GuestNIC, multicast: [MACAddress]) {
    lanes.countControlCall()
    guard portPlan(port).kind == .vm else { return }
    lanes.clearedGuest(of: port)
    let address = states[port.index].address
    states[port.index].nic = nic
    states[port.index].sightings = 0
    let fits =
      nic.isObserved && groupFilter.set(port: port.index, addresses: multicast.span) == .listed
    if !nic.isObserved { groupFilter.remove(port: port.index) }
    states[port.index].hasUnknownGroups = !fits
    settleGuest(port)
    addressMayHaveChanged(port, from: address)
  }

  /// What is known about the guest's nic.
  public func guestNIC(_ port: PortIndex) -> GuestNIC { states[port.index].nic }

  /// The address that the port has on the switch.
  public func address(of port: PortIndex) -> MACAddress { states[port.index].address }

  /// Whether the guest gets nothing because it set an address that it may not have.
  public func isReceiveDisabled(_ port: PortIndex) -> Bool { states[port.index].isReceiveDisabled }

  /// Whether a port sees all frames of its VLANs: it may, and its guest asks for it or cannot be asked.
  public func isPromiscuous(_ port: PortIndex) -> Bool { states[port.index].isPromiscuous }

  /// Whether a frame may leave a guest with this source address, which is not the one expected.
  ///
  /// Where the nic cannot be looked at and has one address by policy, the guest's own frames tell it: three
  /// in a row from one other address, so that a single forged frame changes nothing, and at most one
  /// change a second.
  @inline(never)
  mutating func maySend(from source: MACAddress, _ port: PortIndex) -> Bool {
    let policy = plan.ports[port.index]
    if !states[port.index].nic.isObserved, !policy.allowsForgedTransmits {
      inferAddress(source, port)
    }
    return policy.allowsForgedTransmits || source == states[port.index].address
  }

  private mutating func inferAddress(_ source: MACAddress, _ port: PortIndex) {
    let state = states[port.index]
    if source == state.nic.address {
      states[port.index].sightings = 0
      return settleGuest(port)
    }
    let sightings =
      source == state.sighted ? min(state.sightings + 1, Self.sightingsToInfer) : 1
    guard sightings == Self.sightingsToInfer, latest >= state.nextInference else {
      states[port.index].sighted = source
      states[port.index].sightings = sightings
      // The next frame from the usual address must be seen, too.
      states[port.index].expectedSource = .broadcast
      settleLine(port)
      return
    }
    states[port.index].nextInference = latest.advanced(
      byMilliseconds: Self.inferenceMilliseconds)
    setAssumedAddress(source, port)
    tell(.guest(source), at: port)
  }

  /// Takes an address that the guest's frames have told for that of its nic.
  mutating func setAssumedAddress(_ address: MACAddress, _ port: PortIndex) {
    let before = states[port.index].address
    states[port.index].nic.address = address
    states[port.index].sightings = 0
    settleGuest(port)
    addressMayHaveChanged(port, from: before)
  }

  /// Nothing is known any more about a nic that nobody can look at: what comes next may be another guest.
  mutating func forgetAssumedNIC(_ port: PortIndex) {
    guard !states[port.index].nic.isObserved else { return }
    let before = states[port.index].address
    lanes.clearedGuest(of: port)
    states[port.index].nic.address = plan.ports[port.index].mac
    states[port.index].sightings = 0
    settleGuest(port)
    addressMayHaveChanged(port, from: before)
  }

  /// A new address is announced, and may belong to another uplink.
  private mutating func addressMayHaveChanged(_ port: PortIndex, from before: MACAddress) {
    guard states[port.index].address != before else { return }
    if plan.teams[Int(plan.ports[port.index].team)].policy == .sourceMAC { selectUplink(port) }
    announce(port)
  }

  /// Works out anew what a port's nic and policy mean together.
  mutating func settleGuest(_ port: PortIndex) {
    let policy = plan.ports[port.index]
    if policy.allowsForgedTransmits, !states[port.index].nic.isObserved {
      // Nothing can be told from the frames of a guest that may send from any address.
      lanes.clearedGuest(of: port)
      states[port.index].nic.address = policy.mac
      states[port.index].sightings = 0
    }
    let state = states[port.index]
    let address = policy.acceptsMACChanges ? state.nic.address : policy.mac
    if address != state.address { changeAddress(of: port, to: address) }
    // While another source is being counted, frames from the usual one must be seen, too.
    let isSettled = state.nic.address == address && state.sightings == 0
    states[port.index].expectedSource = isSettled ? address : .broadcast
    states[port.index].isReceiveDisabled = state.nic.address != address
    states[port.index].isPromiscuous =
      policy.allowsPromiscuous && (state.nic.isPromiscuous || !state.nic.isObserved)
    states[port.index].hearsAllMulticast =
      states[port.index].isPromiscuous || state.nic.isAllMulticast
      || (plan.multicast == .basic && state.hasUnknownGroups)
    if states[port.index].isPromiscuous != state.isPromiscuous { listPromiscuous() }
    settleLine(port)
  }

  /// Lists the ports that see everything: most switches have none, and frames pay nothing for it.
  mutating func listPromiscuous() {
    generation &+= 1
    promiscuousCount = 0
    for index in plan.ports.indices
    where plan.ports[index].kind == .vm && states[index].isPromiscuous {
      promiscuous[promiscuousCount] = PortIndex(index)
      promiscuousCount += 1
    }
  }
}
