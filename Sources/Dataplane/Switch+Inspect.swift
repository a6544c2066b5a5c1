// What a port may use now, for people.

internal import Base
public import FrameMemory

extension Switch {
  /// The uplinks by which frames of a VM port may leave now, one bit for each position: several where the
  /// team chooses for each frame.
  public func teamUplinks(of port: PortIndex) -> UInt32 {
    let policy = portPlan(port)
    guard policy.kind == .vm, states[port.index].isAttached else { return 0 }
    guard states[port.index].hasTeamPerFrame else {
      let uplink = portPlan(states[port.index].uplink)
      return uplink.kind == .uplink ? 1 << UInt32(uplink.team) : 0
    }
    let state = teamStates[Int(policy.team)]
    let team = plan.teams[Int(policy.team)]
    if state.isShotgun { return state.usable }
    var uplinks: UInt32 = 0
    // Hashes are bytes, and only their remainder and quotient by the number of active uplinks count, the
    // quotient by its remainder.
    let count = UInt32(max(1, team.activeCount))
    for hash in 0..<min(UInt32(UInt8.max) + 1, count * count) {
      let uplink =
        team.policy == .ipHash
        ? team.select(ipHash: hash, usable: state.usable)
        : team.select(portID: hash, usable: state.usable, current: nil)
      if let uplink { uplinks |= 1 << UInt32(uplink) }
    }
    return uplinks
  }
}
