// The MAC tables of the host, for people.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Model
internal import Planner
internal import Tables

extension ControlState {
  func macStatuses() -> [MACEntryStatus] {
    let now = MonotonicClock.now()
    return switches.flatMap { planned in
      entries(of: planned.name, now: now).map { status($0.key, $0.entry, planned, now) }
    }.sorted { ($0.switch, $0.vlan, $0.mac) < ($1.switch, $1.vlan, $1.mac) }
  }

  /// Each address once: of two lanes' entries the newer counts.
  private func entries(of name: String, now: MonotonicTime) -> [(key: MACKey, entry: MACEntry)] {
    let lanes = workers.all.map { worker in
      worker.entries(of: name) { runtime, cursor in
        runtime.network.nextMACEntry(&cursor, now: now)
      }
    }
    guard lanes.count > 1 else { return lanes[0] }
    return MACEntry.union(lanes).map { (key: $0.key, entry: $0.value) }
  }

  private func status(
    _ key: MACKey, _ entry: MACEntry, _ planned: PlannedSwitch, _ now: MonotonicTime
  ) -> MACEntryStatus {
    let port = planned.ports.first { $0.index.rawValue == entry.port }
    let uplink = planned.uplinks.first { $0.index.rawValue == entry.port }
    let seconds = UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000_000)
    let kind: MACEntryStatus.Kind =
      switch entry.kind {
      case .static: .static
      case .learned: .learned
      case .external: .external
      }
    return MACEntryStatus(
      mac: key.address, vlan: key.vlan, port: port.map { "\($0.id)" } ?? uplink?.name ?? "-",
      vm: port?.key.vm, type: kind,
      ageSeconds: entry.kind == .static ? nil : Int(seconds &- entry.seenSeconds),
      host: options.host, switch: planned.name)
  }

  /// Forgets learned and external addresses of a port, or of every port. Returns how many; nil when
  /// there is no such port.
  func flushMACs(portID: String?) -> Int? {
    var count = 0
    var isFound = portID == nil
    for planned in switches {
      let name = planned.name
      let port = planned.ports.first { "\($0.id)" == portID }?.index
      guard portID == nil || port != nil else { continue }
      isFound = true
      // All of them know the same addresses.
      count +=
        workers.performOnAll { $0.runtime(named: name)?.network.flushMACs(of: port) ?? 0 }.max()
        ?? 0
    }
    return isFound ? count : nil
  }
}
