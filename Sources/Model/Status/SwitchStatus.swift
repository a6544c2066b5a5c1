// What the host agent tells about a switch: one object of `martlet switch list -o json`.

/// A switch on a host, or a distributed switch summed over its hosts.
public struct SwitchStatus: Hashable, Codable, Sendable {
  public var name: String
  public var kind: SwitchKind
  /// The hosts that this object speaks for: one from an agent, several when summed.
  public var hosts: [String]
  /// The largest Ethernet payload, in bytes.
  public var mtu: Int
  /// Names of the uplinks.
  public var uplinks: [String]
  public var portgroupCount: Int
  public var portsUsed: Int
  public var portLimit: Int
  /// The revision of the configuration that the switch runs.
  public var revision: UInt64
  public var conservation: ConservationStatus
  /// Nothing from an older agent.
  public var multicastFiltering: MulticastFiltering?

  public init(
    name: String, kind: SwitchKind, hosts: [String], mtu: Int, uplinks: [String],
    portgroupCount: Int, portsUsed: Int, portLimit: Int, revision: UInt64 = 0,
    conservation: ConservationStatus = ConservationStatus()
  ) {
    self.name = name
    self.kind = kind
    self.hosts = hosts
    self.mtu = mtu
    self.uplinks = uplinks
    self.portgroupCount = portgroupCount
    self.portsUsed = portsUsed
    self.portLimit = portLimit
    self.revision = revision
    self.conservation = conservation
  }
}

/// Every frame, accounted for: `received + replicated + generated = delivered + dropped + queued`.
public struct ConservationStatus: Hashable, Codable, Sendable {
  public var received: UInt64 = 0
  /// Copies made for further destinations.
  public var replicated: UInt64 = 0
  /// Frames that the switch made itself.
  public var generated: UInt64 = 0
  public var delivered: UInt64 = 0
  public var dropped: UInt64 = 0
  public var queued: UInt64 = 0

  public init() {}

  /// The two sides are equal.
  public var holds: Bool {
    received &+ replicated &+ generated == delivered &+ dropped &+ queued
  }
}
