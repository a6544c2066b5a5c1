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
    switches.flatMap { planned in
      groups(of: planned).map { index, group in
        let port = planned.ports.first { $0.index.index == index }
        let uplink = planned.uplinks.first { $0.index.index == index }
        return GroupMemberStatus(
          group, port: port.map { "\($0.id)" } ?? uplink?.name ?? "-", vm: port?.key.vm,
          device: port?.key.device, host: options.host, switch: planned.name)
      }
    }
  }

  /// The memberships of a switch that snoops, with the index of the port, in order of VLAN and group.
  func groups(of planned: PlannedSwitch) -> [(port: Int, group: GroupStatus)] {
    guard planned.hostSwitch.multicastFiltering == .snooping else { return [] }
    let now = MonotonicClock.now()
    return entries(of: planned.name).map { entry in
      let sources = entry.isExclude ? [] : (0..<entry.sources.count).map { entry.sources[$0] }
      return (
        entry.port,
        GroupStatus(
          vlan: entry.vlan, group: entry.group, sources: sources,
          expiresInSeconds: Int(entry.end.nanoseconds(since: now) / 1_000_000_000))
      )
    }.sorted {
      ($0.1.vlan, "\($0.1.group)", $0.0) < ($1.1.vlan, "\($1.1.group)", $1.0)
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
