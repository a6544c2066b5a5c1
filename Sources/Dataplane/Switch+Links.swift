// Attachments and links that come and go, and what they mean for teams.

public import Base
public import FrameMemory
internal import Protocols
internal import Tables

/// What a team may use now.
struct TeamState: Equatable, Sendable, BitwiseCopyable {
  /// Positions of the uplinks that carry its frames.
  var usable: UInt32 = 0
  /// Beacons cannot tell which of them works: frames leave by all.
  var isShotgun = false
}

extension Switch {
  /// Says whether a port's attachment is there. A VM port that comes up is announced, and asked for its
  /// multicast groups.
  public mutating func setAttached(_ port: PortIndex, _ isAttached: Bool, now: MonotonicTime) {
    lanes.countControlCall()
    changeAttached(port, isAttached, now: now)
  }

  /// The same for an attachment whose first frame is faster than the word that it is there. The word follows,
  /// to this lane, too.
  public mutating func setAttachedEarly(_ port: PortIndex, now: MonotonicTime) {
    changeAttached(port, true, now: now)
  }

  private mutating func changeAttached(
    _ port: PortIndex, _ isAttached: Bool, now: MonotonicTime
  ) {
    guard states[port.index].isAttached != isAttached else { return }
    states[port.index].isAttached = isAttached
    lanes.clearedAttachment(of: port)
    latest = max(latest, now)
    switch portPlan(port).kind {
    case .vm:
      if isAttached {
        forgetAssumedNIC(port)
        announce(port)
      } else {
        dropWaiting(at: port)
      }
      setGroupsOfPort(port, isAttached: isAttached)
    case .uplink:
      if !isAttached {
        // What comes next may be another device: nothing is known about its link.
        states[port.index].isLinkKnown = false
        states[port.index].isLinkUp = false
      }
      updateUplinks(now: now)
    case .absent: break
    }
    settleLine(port)
  }

  /// Says whether an uplink's link is up.
  ///
  /// Down counts at once. Up counts after `uplinkUpDelayNanoseconds`, and a new down cancels it, unless
  /// it is the first word about this link. A team that has nothing else does not wait.
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

  /// Works out which uplinks each team may use, and lets every port choose again when that changed.
  mutating func updateUplinks(now: MonotonicTime) {
    var ready: UInt32 = 0
    var up: UInt32 = 0
    for position in plan.uplinks.indices {
      let state = states[plan.uplinks[position].index]
      guard state.isAttached, state.isLinkUp else { continue }
      if state.usableAt <= now { ready |= 1 << UInt32(position) }
      up |= 1 << UInt32(position)
    }
    usableUplinks = ready
    linkedUplinks = up
    judgeBeacons(now: now)
    endDelays(now: now)
    noteNextDelay()
    var hasChanged = false
    for number in plan.teams.indices {
      let state = stateOfTeam(number)
      guard state != teamStates[number] else { continue }
      teamStates[number] = state
      hasChanged = true
    }
    if hasChanged { selectUplinks() }
  }

  /// A team that has nothing else does not wait for the up-delay of its uplinks: waiting would help nobody.
  /// They are in use then, and do not wait again when another one comes up.
  private mutating func endDelays(now: MonotonicTime) {
    var early: UInt32 = 0
    for number in plan.teams.indices {
      let good = goodUplinks(of: plan.teams[number])
      if usableUplinks & good == 0 { early |= linkedUplinks & good }
    }
    for position in plan.uplinks.indices where early & (1 << UInt32(position)) != 0 {
      states[plan.uplinks[position].index].usableAt = now
    }
    usableUplinks |= early
  }

  /// Notes when the next uplink that waits for its up-delay has waited long enough.
  private mutating func noteNextDelay() {
    nextUplinkDue = .never
    let waiting = linkedUplinks & ~usableUplinks
    for position in plan.uplinks.indices where waiting & (1 << UInt32(position)) != 0 {
      nextUplinkDue = min(nextUplinkDue, states[plan.uplinks[position].index].usableAt)
    }
  }

  /// The members of a team that beacons do not find broken; all where nobody can tell which of them works.
  private func goodUplinks(of team: TeamPlan) -> UInt32 {
    guard let domain = team.beaconDomain else { return team.members }
    let good = team.members & beaconVerdicts[Int(domain)].good
    return good & linkedUplinks == 0 ? team.members : good
  }

  /// What a team may use: its uplinks with a link and past the up-delay that beacons do not find broken.
  private func stateOfTeam(_ number: Int) -> TeamState {
    let team = plan.teams[number]
    let usable = usableUplinks & goodUplinks(of: team)
    guard let domain = team.beaconDomain, usable != 0 else { return TeamState(usable: usable) }
    let verdict = beaconVerdicts[Int(domain)]
    return TeamState(
      usable: usable,
      isShotgun: verdict.isShotgun || team.members & verdict.good & linkedUplinks == 0)
  }

  /// Lets every VM port choose its uplink; those that change are announced.
  mutating func selectUplinks() {
    for index in plan.ports.indices where plan.ports[index].kind == .vm {
      selectUplink(PortIndex(index))
    }
  }

  mutating func selectUplink(_ port: PortIndex) {
    let policy = plan.ports[port.index]
    let team = plan.teams[Int(policy.team)]
    let state = teamStates[Int(policy.team)]
    // A plan may have moved the uplink to another position, or taken it away.
    let current = portPlan(states[port.index].uplink)
    let chosen =
      preferredLoadUplink(port, team, state)
      ?? team.select(
        portID: team.policy == .sourceMAC ? states[port.index].address.hash : policy.id,
        usable: state.usable, current: current.kind == .uplink ? UInt8(current.team) : nil)
    let uplink = chosen.map { plan.uplinks[Int($0)] } ?? .none
    // Without failback, load balancing's choice ends with its uplink.
    if !team.failsBack, states[port.index].loadUplink != uplink {
      states[port.index].loadUplink = .none
    }
    let isHashed = team.policy == .ipHash || team.policy == .sourceMAC
    states[port.index].hasTeamPerFrame = !team.isEmpty && (isHashed || state.isShotgun)
    // With a channel, and where every frame leaves by all uplinks, frames may come back by any of them.
    let isAny = team.policy == .ipHash || state.isShotgun
    states[port.index].reverseUplinks =
      isAny ? state.usable : chosen.map { 1 << UInt32($0) } ?? 0
    let before = states[port.index].uplink
    guard uplink != before else { return }
    states[port.index].uplink = uplink
    // The physical switch moves the addresses of a channel by itself when a member fails.
    if team.policy != .ipHash || before == .none { announce(port) }
  }

  /// Where load balancing has put a port, while that uplink can be used.
  private func preferredLoadUplink(_ port: PortIndex, _ team: TeamPlan, _ state: TeamState)
    -> UInt8?
  {
    let uplink = portPlan(states[port.index].loadUplink)
    guard team.policy == .physicalLoad, uplink.kind == .uplink,
      state.usable & (1 << UInt32(uplink.team)) != 0, team.isMember(UInt8(uplink.team))
    else { return nil }
    return UInt8(uplink.team)
  }

  /// Asks the worker to announce a port, if its policy wants that.
  mutating func announce(_ port: PortIndex) {
    guard lanes.isFirst, plan.ports[port.index].notifiesSwitches, states[port.index].isAttached,
      states[port.index].uplink != .none
    else { return }
    announcements.append(port)
  }

  /// The next port to announce: it came up, or its uplink changed. Nil when there is none.
  public mutating func nextPortToAnnounce() -> PortIndex? { announcements.popFirst() }
}
