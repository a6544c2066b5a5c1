// What the host agent tells about an uplink: one object of `martlet uplink list -o json`.

/// An uplink of a switch, with the nic that fills it on one host.
public struct UplinkStatus: Hashable, Codable, Sendable {
  public enum Link: String, CaseIterable, Hashable, Codable, Sendable {
    case up
    case down
  }

  /// The best that a port group of the switch makes of the uplink.
  public enum Role: String, CaseIterable, Hashable, Codable, Sendable {
    case active
    case standby
    case unused
  }

  /// Whether teams use the uplink.
  public enum State: String, CaseIterable, Hashable, Codable, Sendable {
    case up
    case down
    /// The link is back, and the delay before failback runs.
    case recovering
  }

  /// What beacon probing finds out about the uplink.
  public enum Beacon: String, CaseIterable, Hashable, Codable, Sendable {
    case ok
    /// No beacon of another uplink comes in here, or none of this one anywhere.
    case failed
    /// Nobody can tell which uplink fails, so that each frame leaves by all of them.
    case shotgun
    /// No team probes this uplink.
    case off
  }

  public var name: String
  public var nic: String
  public var host: String
  public var `switch`: String
  public var link: Link
  public var role: Role
  public var state: State
  /// Megabits per second; nothing when the device does not say.
  public var speedMbps: Int?
  public var counters: PortCounters
  /// Frames dropped at this uplink by reason; reasons that never occurred are left out.
  public var drops: [String: UInt64]
  public var offload: OffloadStatus
  // Those that follow came later: optional, so that what an older agent says can still be read.
  public var beacon: Beacon?
  /// The mean over the last interval, in megabits per second, into the switch.
  public var loadInMbps: Double?
  public var loadOutMbps: Double?
  /// How the nic is attached, `packet` or `xdp`; nothing when it is not.
  public var attachment: UplinkAttachment?
  /// Why it is attached so, or why it is not; a sentence for people.
  public var attachmentReason: String?

  public init(
    name: String, nic: String, host: String, switch: String, link: Link, role: Role, state: State,
    speedMbps: Int? = nil, counters: PortCounters = PortCounters(), drops: [String: UInt64] = [:],
    offload: OffloadStatus = OffloadStatus()
  ) {
    self.name = name
    self.nic = nic
    self.host = host
    self.switch = `switch`
    self.link = link
    self.role = role
    self.state = state
    self.speedMbps = speedMbps
    self.counters = counters
    self.drops = drops
    self.offload = offload
  }
}
