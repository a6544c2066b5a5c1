// Attachments and links that come and go, and what they mean for teams.

public import Base
public import FrameMemory

extension Switch {
  /// Says whether a port's attachment is there. A VM port that comes up is announced.
  public mutating func setAttached(_ port: PortIndex, _ isAttached: Bool, now: MonotonicTime) {
    guard states[port.index].isAttached != isAttached else { return }
    states[port.index].isAttached = isAttached
    switch portPlan(port).kind {
    case .vm: if isAttached { announce(port) }
    case .uplink:
      if !isAttached {
        // What comes next may be another device: nothing is known about its link.
        states[port.index].isLinkKnown = false
        states[port.index].isLinkUp = false
      }
      updateUplinks(now: now)
    case .absent: break
    }
  }

  /// Says whether an uplink's link is up.
  ///
  /// Down counts at once. Up counts after `uplinkUpDelayNanoseconds`, and a new down cancels it, unless
  /// it is the first word about this link or no other uplink is usable: then waiting helps nobody.
  public mutating func setLink(_ port: PortIndex, isUp: Bool, now: MonotonicTime) {
    let known = states[port.index].isLinkKnown
    guard !known || states[port.index].isLinkUp != isUp else { return }
    states[port.index].isLinkKnown = true
    states[port.index].isLinkUp = isUp
    let waits = isUp && known
    states[port.index].usableAt =
      waits ? now.advanced(byNanoseconds: uplinkUpDelayNanoseconds) : isUp ? now : .never
    updateUplinks(now: now)
  }

  /// Whether an uplink's link was last told to be up.
  public func isLinkUp(_ port: PortIndex) -> Bool { states[port.index].isLinkUp }

  /// Does what is due: a recovered uplink is taken back into its teams.
  ///
  /// - Returns: when it wants to be called again at the latest, `.never` when only frames matter.
  public mutating func tick(now: MonotonicTime) -> MonotonicTime {
    latest = max(latest, now)
    updateUplinks(now: now)
    var next = MonotonicTime.never
    for position in plan.uplinks.indices {
      let due = states[plan.uplinks[position].index].usableAt
      if due > now { next = min(next, due) }
    }
    return next
  }

  /// Works out which uplinks are usable, and lets every port choose again when that changed.
  mutating func updateUplinks(now: MonotonicTime) {
    var usable: UInt32 = 0
    var waiting: UInt32 = 0
    for position in plan.uplinks.indices {
      let state = states[plan.uplinks[position].index]
      guard state.isAttached, state.isLinkUp else { continue }
      if state.usableAt <= now { usable |= 1 << UInt32(position) }
      waiting |= 1 << UInt32(position)
    }
    if usable == 0 {
      // Used early because nothing else is left; it does not wait again when another comes up.
      usable = waiting
      for position in plan.uplinks.indices where waiting & (1 << UInt32(position)) != 0 {
        states[plan.uplinks[position].index].usableAt = now
      }
    }
    guard usable != usableUplinks else { return }
    usableUplinks = usable
    selectUplinks()
  }

  /// Lets every VM port choose its uplink; those that change are announced.
  mutating func selectUplinks() {
    for index in plan.ports.indices where plan.ports[index].kind == .vm {
      selectUplink(PortIndex(index))
    }
  }

  private mutating func selectUplink(_ port: PortIndex) {
    let policy = plan.ports[port.index]
    // A plan may have moved the uplink to another position, or taken it away.
    let current = portPlan(states[port.index].uplink)
    let chosen = plan.teams[Int(policy.team)].select(
      portID: policy.id, usable: usableUplinks,
      current: current.kind == .uplink ? UInt8(current.team) : nil)
    let uplink = chosen.map { plan.uplinks[Int($0)] } ?? .none
    guard uplink != states[port.index].uplink else { return }
    states[port.index].uplink = uplink
    announce(port)
  }

  /// Asks the worker to announce a port, if its policy wants that.
  mutating func announce(_ port: PortIndex) {
    guard plan.ports[port.index].notifiesSwitches, states[port.index].isAttached,
      states[port.index].uplink != .none
    else { return }
    announcements.append(port)
  }

  /// The next port to announce: it came up, or its uplink changed. Nil when there is none.
  public mutating func nextPortToAnnounce() -> PortIndex? { announcements.popFirst() }
}
