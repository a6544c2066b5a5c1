// Teaming by physical NIC load (vSphere: "route based on physical NIC load").
//
// A port starts where its port id puts it. At the end of each interval the uplinks whose mean load, in
// either direction, is over the threshold are looked at, the fullest first: its busiest port moves to the
// emptiest other uplink of its team, if that makes the fuller of the two emptier by a margin. So a load
// that stays the same moves once and never back, and one port that fills an uplink alone stays.

internal import Base
public import FrameMemory

extension Switch {
  /// What a move must gain, in percent of the uplink's speed.
  private static let loadMarginPercent: UInt64 = 5

  /// Says how fast an uplink is; 0 where the driver knows none, and then its load is not judged.
  public mutating func setSpeed(_ uplink: PortIndex, megabitsPerSecond: UInt32) {
    speeds[uplink.index] = UInt64(megabitsPerSecond) * 1_000_000
  }

  /// Mean load of an uplink over the last interval, in bits per second out of and into the switch.
  public func load(of uplink: PortIndex) -> (out: UInt64, in: UInt64) {
    (loads[uplink.index].out, loads[uplink.index].in)
  }

  /// Balances at the end of an interval. Returns when the next one ends.
  mutating func balanceLoad(now: MonotonicTime) -> MonotonicTime {
    guard plan.hasLoadTeams else {
      nextBalance = .never
      return .never
    }
    guard lanes.isFirst else { return reportLoads(now: now) }
    let interval = UInt64(plan.loadIntervalSeconds) * 1_000_000_000
    if nextBalance == .never {
      measureLoads(nanoseconds: 0)
      clearPortLoads()
      nextBalance = now.advanced(byNanoseconds: interval)
    }
    guard now >= nextBalance else { return nextBalance }
    let nanoseconds = now.nanoseconds(since: nextBalance) + interval
    measureLoads(nanoseconds: nanoseconds)
    moveBusiestPort(nanoseconds: nanoseconds)
    clearPortLoads()
    nextBalance = now.advanced(byNanoseconds: interval)
    return nextBalance
  }

  private mutating func clearPortLoads() {
    for index in plan.ports.indices {
      states[index].loadBytesIn = 0
      states[index].loadBytesOut = 0
    }
  }

  /// Bytes since the last interval as bits per second; with 0 nanoseconds only notes where to start.
  private mutating func measureLoads(nanoseconds: UInt64) {
    // Frames that an attachment gave back are uncounted, so that there may be less than before.
    func rate(_ bytes: UInt64, since counted: UInt64) -> UInt64 {
      bytes <= counted ? 0 : Self.rate(bytes - counted, nanoseconds: nanoseconds)
    }
    for position in plan.uplinks.indices {
      let index = plan.uplinks[position].index
      let counters = portCounters(PortIndex(index))
      var (out, into) = (counters.egress.bytes, counters.ingress.bytes)
      if lanes.hasOthers {
        out &+= lanes.foreignLoads[index].out
        into &+= lanes.foreignLoads[index].in
      }
      loads[index] = UplinkLoad(
        out: rate(out, since: loads[index].countedOut),
        in: rate(into, since: loads[index].countedIn),
        countedOut: out, countedIn: into)
    }
  }

  /// Moves at most one port: what it changes is to be measured before the next one moves.
  private mutating func moveBusiestPort(nanoseconds: UInt64) {
    var left = UInt32.max
    while let fullest = fullestUplink(among: left) {
      left &= ~(1 << UInt32(fullest.position))
      if moveBusiestPort(from: fullest, nanoseconds: nanoseconds) { return }
    }
  }

  /// The uplink with the greatest load above zero, of the positions in `mask`.
  private func fullestUplink(among mask: UInt32) -> (position: Int, percent: UInt64)? {
    var fullest: (position: Int, percent: UInt64)?
    for position in plan.uplinks.indices where mask & (1 << UInt32(position)) != 0 {
      let percent = loadPercent(position)
      if percent > fullest?.percent ?? 0 { fullest = (position, percent) }
    }
    return fullest
  }

  /// False when none of the uplink's ports may move, or when that would not help.
  private mutating func moveBusiestPort(
    from fullest: (position: Int, percent: UInt64), nanoseconds: UInt64
  ) -> Bool {
    var busiest: (port: Int, bits: UInt64)?
    for index in plan.ports.indices where mayMove(index, from: fullest) {
      let bytes = max(states[index].loadBytesOut, states[index].loadBytesIn)
      let bits = Self.rate(bytes, nanoseconds: nanoseconds)
      if bits > busiest?.bits ?? 0 { busiest = (index, bits) }
    }
    guard let busiest, let target = emptiest(for: busiest.port, except: fullest.position) else {
      return false
    }
    let speed = speeds[plan.uplinks[target].index]
    let after = loadPercent(target) + busiest.bits * 100 / max(speed, 1)
    guard after + Self.loadMarginPercent <= fullest.percent else { return false }
    states[busiest.port].loadUplink = plan.uplinks[target]
    selectUplink(PortIndex(busiest.port))
    tell(.uplink(plan.uplinks[target]), at: PortIndex(busiest.port))
    return true
  }

  /// Bits per second; 0 over no time.
  private static func rate(_ bytes: UInt64, nanoseconds: UInt64) -> UInt64 {
    nanoseconds == 0 ? 0 : UInt64(Double(bytes) * 8 * 1_000_000_000 / Double(nanoseconds))
  }

  private func loadPercent(_ position: Int) -> UInt64 {
    let index = plan.uplinks[position].index
    guard speeds[index] > 0 else { return 0 }
    return max(loads[index].out, loads[index].in) * 100 / speeds[index]
  }

  private func mayMove(_ index: Int, from fullest: (position: Int, percent: UInt64)) -> Bool {
    guard plan.ports[index].kind == .vm,
      states[index].uplink == plan.uplinks[fullest.position]
    else { return false }
    let team = plan.teams[Int(plan.ports[index].team)]
    return team.policy == .physicalLoad && fullest.percent > UInt64(team.loadThresholdPercent)
  }

  /// The least loaded uplink that the port's team may use actively.
  private func emptiest(for index: Int, except position: Int) -> Int? {
    let number = Int(plan.ports[index].team)
    let team = plan.teams[number]
    var found: Int?
    for place in 0..<Int(team.activeCount) {
      let other = Int(team.active[place])
      guard other != position, teamStates[number].usable & (1 << UInt32(other)) != 0,
        speeds[plan.uplinks[other].index] > 0
      else { continue }
      if found.map({ loadPercent(other) < loadPercent($0) }) ?? true { found = other }
    }
    return found
  }
}

/// The load of an uplink, and the counters that it was worked out from.
struct UplinkLoad: Sendable, BitwiseCopyable {
  /// Bits per second.
  var out: UInt64 = 0
  var `in`: UInt64 = 0
  var countedOut: UInt64 = 0
  var countedIn: UInt64 = 0
}
