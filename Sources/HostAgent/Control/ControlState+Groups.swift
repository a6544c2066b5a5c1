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
  /// A page of a membership table, so that a long table holds up no frames.
  private struct Page: Sendable {
    var entries: [GroupMembershipEntry] = []
    var cursor = 0
    var isLast = false
  }

  private static let pageEntries = 512

  func groupStatuses() -> [GroupMemberStatus] {
    let now = MonotonicClock.now()
    return switches.flatMap { planned in
      members(of: planned).map { member in
        let port = planned.ports.first { $0.index.index == member.port }
        let uplink = planned.uplinks.first { $0.index.index == member.port }
        return GroupMemberStatus(
          host: options.host, switch: planned.name, vlan: member.vlan, group: member.group,
          port: port.map { "\($0.id)" } ?? uplink?.name ?? "-", vm: port?.key.vm,
          device: port?.key.device, mode: member.isExclude ? .exclude : .include,
          sources: member.listedSources, ageSeconds: now.seconds(since: member.joined),
          expiresInSeconds: member.end.seconds(since: now))
      }
    }
  }

  /// The groups of the ports of a switch, by port index; nil when it does not snoop.
  func groupsByPort(of planned: PlannedSwitch) -> [Int: [GroupStatus]]? {
    guard planned.hostSwitch.multicastFiltering == .snooping else { return nil }
    let now = MonotonicClock.now()
    return Dictionary(grouping: members(of: planned)) { $0.port }.mapValues { members in
      members.map { member in
        GroupStatus(
          vlan: member.vlan, group: member.group,
          sources: member.isExclude ? [] : member.listedSources,
          expiresInSeconds: member.end.seconds(since: now))
      }
    }
  }

  /// The memberships of a switch, in order of VLAN, group and port; none when it does not snoop.
  private func members(of planned: PlannedSwitch) -> [GroupMembershipEntry] {
    guard planned.hostSwitch.multicastFiltering == .snooping else { return [] }
    return entries(of: planned.name).sorted {
      ($0.vlan, "\($0.group)", $0.port) < ($1.vlan, "\($1.group)", $1.port)
    }
  }

  private func entries(of name: String) -> [GroupMembershipEntry] {
    var all: [GroupMembershipEntry] = []
    var cursor = 0
    while true {
      let start = cursor
      let page = worker.perform { state in
        var page = Page(cursor: start)
        guard let runtime = state.runtime(named: name) else { return Page(isLast: true) }
        while page.entries.count < Self.pageEntries {
          guard let found = runtime.network.nextGroupEntry(&page.cursor) else {
            page.isLast = true
            break
          }
          page.entries.append(found)
        }
        return page
      }
      all += page.entries
      if page.isLast { return all }
      cursor = page.cursor
    }
  }
}

extension GroupMembershipEntry {
  fileprivate var listedSources: [IPAddress] { (0..<sources.count).map { sources[$0] } }
}

extension MonotonicTime {
  fileprivate func seconds(since earlier: MonotonicTime) -> Int {
    Int(nanoseconds(since: earlier) / 1_000_000_000)
  }
}
