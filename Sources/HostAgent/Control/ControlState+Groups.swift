// The multicast groups of the host, for people.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Model
internal import Planner
internal import Protocols
internal import Wire

extension ControlState {
  func groupStatuses() -> [GroupMemberStatus] {
    let now = MonotonicClock.now()
    return switches.flatMap { planned in
      members(of: planned).map { member in
        let port = planned.ports.first { $0.index.index == member.port }
        let uplink = planned.uplinks.first { $0.index.index == member.port }
        return GroupMemberStatus(
          GroupStatus(member, now: now), port: port.map { "\($0.id)" } ?? uplink?.name ?? "-",
          vm: port?.key.vm, device: port?.key.device, host: options.host, switch: planned.name)
      }
    }
  }

  /// The groups of the ports of a switch, by port index; nil when it does not snoop.
  func groupsByPort(of planned: PlannedSwitch) -> [Int: [GroupStatus]]? {
    guard planned.hostSwitch.multicastFiltering == .snooping else { return nil }
    let now = MonotonicClock.now()
    return Dictionary(grouping: members(of: planned)) { $0.port }.mapValues { members in
      members.map { GroupStatus($0, now: now) }
    }
  }

  /// The memberships of a switch, in order of VLAN, group and port; none when it does not snoop.
  private func members(of planned: PlannedSwitch) -> [GroupMembershipEntry] {
    guard planned.hostSwitch.multicastFiltering == .snooping else { return [] }
    let entries = workers.all[0].entries(of: planned.name) { runtime, cursor in
      runtime.network.nextGroupEntry(&cursor)
    }
    return entries.sorted {
      ($0.vlan, "\($0.group)", $0.port) < ($1.vlan, "\($1.group)", $1.port)
    }
  }
}

extension GroupStatus {
  /// Who wants all senders but some is said to want all: what is not wanted is the guest's to throw away.
  fileprivate init(_ entry: GroupMembershipEntry, now: MonotonicTime) {
    self.init(
      vlan: entry.vlan, group: entry.group,
      sources: entry.isExclude ? [] : (0..<entry.sources.count).map { entry.sources[$0] },
      expiresInSeconds: Int(entry.end.nanoseconds(since: now) / 1_000_000_000))
  }
}
