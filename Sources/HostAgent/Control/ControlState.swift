// What the control thread owns: what is declared, what was compiled from it, and the ports' devices.

internal import Attachments
internal import Base
internal import FrameMemory
internal import Linux
internal import Model
internal import Planner

/// The state of an agent outside the data path.
struct ControlState: ~Copyable {
  let options: AgentOptions
  let workers: Workers
  let startedAt: MonotonicTime
  var taps: TapPorts
  var vhostUsers: VhostUserPorts
  var uplinkPorts: UplinkPorts
  /// How the nics of uplinks are attached, by their names.
  var uplinkNotes: [String: UplinkNote] = [:]
  var guests: GuestWatch
  var topology = Topology(name: "")
  /// Counts configurations that were applied, from 1.
  var revision: UInt64 = 0
  /// By switch name.
  var planners: [String: SwitchPlanner] = [:]
  var directories: [String: PortDirectory] = [:]
  var switches: [PlannedSwitch] = []
  /// Why a port or uplink has no attachment, by what it is called.
  var problems: [String: String] = [:]
  /// Attachments between two ports: their VM's nic goes to another port, and the guest must not notice.
  var parked: [PortKey: any Attachment] = [:]
  /// What the switches were told about the speeds of their uplinks; nil where a driver knows none.
  var speeds: [UplinkSlot: Int?] = [:]
  /// The captures that run.
  var captures: [CaptureSession] = []
  var isStopping = false

  init(
    options: AgentOptions, workers: Workers, taps: consuming TapPorts,
    vhostUsers: consuming VhostUserPorts, guests: consuming GuestWatch
  ) {
    self.options = options
    self.workers = workers
    uplinkPorts = UplinkPorts(workers: workers.count)
    self.taps = taps
    self.vhostUsers = vhostUsers
    self.guests = guests
    startedAt = MonotonicClock.now()
  }

  func plannedSwitch(named name: String) -> PlannedSwitch? { switches.first { $0.name == name } }
}

/// An uplink's place on a switch.
struct UplinkSlot: Hashable, Sendable {
  var switchName: String
  var port: PortIndex
}

extension PlannedSwitch {
  var name: String { hostSwitch.name }
}

extension PlannedUplink {
  /// Whether the same attachment can serve another plan's uplink.
  func hasSameAttachment(as other: PlannedUplink) -> Bool {
    index == other.index && nic == other.nic && attachment == other.attachment
  }
}

extension PlannedPort {
  /// For messages: `web1/eth0`.
  var label: String { "\(key.vm)/\(key.device)" }

  /// Whether the same attachment can serve another plan's port.
  func hasSameAttachment(as other: PlannedPort) -> Bool {
    index == other.index && id == other.id && key == other.key && mac == other.mac
      && isConnected == other.isConnected && vhostUser == other.vhostUser
  }
}
