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
    var active: UInt32 = 0
    for place in 0..<Int(team.activeCount) { active |= 1 << UInt32(team.active[place]) }
    let preferred = state.usable & active
    return state.isShotgun || preferred == 0 ? state.usable : preferred
  }
}
