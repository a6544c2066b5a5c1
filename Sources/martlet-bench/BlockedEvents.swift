// The events of `martlet-bench blocked`, each with what it must not cost.

internal import Base
internal import HTTP
internal import Linux
internal import Model
internal import Netlink
internal import Rig
internal import Wire

/// Something that happens to a host under load.
enum BlockedEvent: String, CaseIterable {
  /// Nothing: what the measurement itself loses.
  case steady
  case uplinkFailure
  case failback
  /// A port group is added, and the policy of another than the stream's changes.
  case configurationChange
  /// A VM is plugged into the same switch.
  case portAttach
  case portDetach
  /// kill -9 and a new start.
  case agentKill

  /// As people say it.
  var title: String {
    switch self {
    case .steady: "nothing happens"
    case .uplinkFailure: "uplink failure"
    case .failback: "failback"
    case .configurationChange: "plan change"
    case .portAttach: "port attach"
    case .portDetach: "port detach"
    case .agentKill: "agent killed and restarted"
    }
  }

  /// The most that may be blocked, in milliseconds; nil where no figure is promised.
  var limitMilliseconds: Double? {
    switch self {
    case .uplinkFailure: 10
    case .agentKill: 200
    case .failback, .configurationChange, .portAttach, .portDetach: 0
    // What the machine loses by itself is no promise of ours; it is shown, and judges the others.
    case .steady: nil
    }
  }
}

extension BlockedRun {
  func measure(_ event: BlockedEvent) throws -> Result {
    switch event {
    case .steady: return try measure({}, until: { true })
    case .uplinkFailure:
      let all = try addresses()
      return try measure(
        { try rig.setCable("host1", "vmnic0", isUp: false) },
        until: { try rig.learned(behind: "host1", "vmnic1").isSuperset(of: all) })
    case .failback:
      let all = try addresses()
      return try measure(
        { try rig.setCable("host1", "vmnic0", isUp: true) },
        until: { try rig.learned(behind: "host1", "vmnic0").isSuperset(of: all) })
    case .configurationChange:
      let result = try measure(
        { try apply(BlockedTopology.text(extraGroup: true)) }, until: { true })
      try apply(BlockedTopology.text())
      return result
    case .portAttach:
      return try measure(
        { try apply(BlockedTopology.text(extraVM: true)) },
        until: { try rig.ports("host1").allSatisfy { $0.state == .up } })
    case .portDetach:
      return try measure(
        { try apply(BlockedTopology.text()) },
        until: { try NetlinkSocket(in: rig.namespace("late")).link("eth0") == nil })
    case .agentKill:
      return try measure(
        {
          try rig.killAgent("host1")
          try rig.startAgent("host1")
        },
        until: {
          let ports = try rig.ports("host1")
          return try !ports.isEmpty && ports.allSatisfy { $0.state == .up }
            && rig.uplinks("host1").allSatisfy { $0.state == .up }
        })
    }
  }

  /// The addresses of every VM on host1.
  private func addresses() throws -> Set<MACAddress> {
    Set(try rig.ports("host1").compactMap(\.mac))
  }

  private func apply(_ text: String) throws {
    try rig.write(text)
    let reply = try rig.reload("host1")
    guard reply.status == 200 else {
      throw Failure(
        "cannot change the configuration", why: String(decoding: reply.body, as: UTF8.self),
        remedy: "report this with the command that you ran")
    }
  }
}
