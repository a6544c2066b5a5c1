// What the host agent tells about a port: one object of `martlet port list -o json`.
//
// Keys are the property names; they are scripted against: add, never rename. Those after `offload`
// came later: optional, so that what an older agent says can still be read.

public import Wire

/// A port of a switch, on one host.
public struct PortStatus: Hashable, Codable, Sendable {
  /// The port id: stable while the VM keeps this nic, also when it moves to another host.
  public var id: String
  public var `switch`: String
  public var portgroup: String
  public var host: String
  /// The VM that is plugged in; nothing for a free port.
  public var vm: String?
  /// The nic's device in the VM: eth0.
  public var device: String?
  public var mac: MACAddress?
  /// A number, or text such as `0-99,200` for a trunk.
  public var vlan: VLANSetting
  public var state: PortState
  /// The uplink that the team has chosen for this port; nothing when none works.
  public var teamUplink: String?
  /// The revision of the configuration that the port runs.
  public var revision: UInt64
  public var counters: PortCounters
  /// Frames dropped at this port by reason; reasons that never occurred are left out.
  public var drops: [String: UInt64]
  /// How the port reaches its guest: tap, vhost-user, packet, pcap, memory.
  public var attachment: String
  /// Why the port passes no frame, in words; nil when nothing is wrong.
  public var message: String?
  public var offload: OffloadStatus
  /// What holds for the port, and who said so.
  public var policy: EffectivePolicy?
  /// The policy closes the port.
  public var isBlocked: Bool?
  /// The address that the VM has set its device to.
  public var effectiveMAC: MACAddress?
  /// The VM asks for all frames; it gets them where the policy allows it.
  public var promiscuous: Bool?
  /// How `effectiveMAC`, `promiscuous` and `multicastAddresses` are known.
  public var observed: PortObservation?
  /// The multicast addresses that the VM's device asks for.
  public var multicastAddresses: [MACAddress]?
  /// The uplinks that the port may use now: more than one where the team chooses for each frame.
  public var teamUplinks: [String]?
  /// Another nic has the port that this one claims.
  public var isConflict: Bool?
  public var binding: PortBinding?
  /// Nothing where the policy does not shape.
  public var inShaping: ShapingStatus?
  public var outShaping: ShapingStatus?
  /// The multicast groups that the VM has joined, where the switch snoops.
  public var groups: [GroupStatus]?
  /// The guest's side of a vhost-user port; nothing for others.
  public var vhostUser: VhostUserStatus?

  public init(
    id: String, switch: String, portgroup: String, host: String, vm: String? = nil,
    device: String? = nil, mac: MACAddress? = nil, vlan: VLANSetting = .none, state: PortState,
    teamUplink: String? = nil, revision: UInt64 = 0, counters: PortCounters = PortCounters(),
    drops: [String: UInt64] = [:], attachment: String, message: String? = nil,
    offload: OffloadStatus = OffloadStatus()
  ) {
    self.id = id
    self.switch = `switch`
    self.portgroup = portgroup
    self.host = host
    self.vm = vm
    self.device = device
    self.mac = mac
    self.vlan = vlan
    self.state = state
    self.teamUplink = teamUplink
    self.revision = revision
    self.counters = counters
    self.drops = drops
    self.attachment = attachment
    self.message = message
    self.offload = offload
  }
}

/// Whether a port passes frames.
public enum PortState: String, CaseIterable, Hashable, Codable, Sendable {
  case up
  /// The other end is not there, or its link is down.
  case down
  /// Closed by a person.
  case blocked
  /// Waiting for the revision that it was attached with.
  case fenced
}

/// The counters of a port or uplink, as vSphere names them (`DVPortStatus` statistics).
///
/// In is into the switch. Bytes are of frames without FCS.
public struct PortCounters: Hashable, Codable, Sendable {
  public var packetsInUnicast: UInt64 = 0
  public var packetsInMulticast: UInt64 = 0
  public var packetsInBroadcast: UInt64 = 0
  public var bytesInUnicast: UInt64 = 0
  public var bytesInMulticast: UInt64 = 0
  public var bytesInBroadcast: UInt64 = 0
  public var packetsOutUnicast: UInt64 = 0
  public var packetsOutMulticast: UInt64 = 0
  public var packetsOutBroadcast: UInt64 = 0
  public var bytesOutUnicast: UInt64 = 0
  public var bytesOutMulticast: UInt64 = 0
  public var bytesOutBroadcast: UInt64 = 0
  public var packetsInDropped: UInt64 = 0
  public var packetsOutDropped: UInt64 = 0
  /// Malformed frames and failed reads.
  public var packetsInException: UInt64 = 0
  /// Failed writes.
  public var packetsOutException: UInt64 = 0

  public init() {}
}

/// What became of frames that carry work for a network card (checksums, segmentation).
public struct OffloadStatus: Hashable, Codable, Sendable {
  /// Frames larger than the MTU that came in whole.
  public var segmentedFramesIn: UInt64 = 0
  /// Frames larger than the MTU that went out whole.
  public var segmentedFramesOut: UInt64 = 0
  /// Checksums that were computed here, because the egress could not.
  public var checksumsCompleted: UInt64 = 0
  /// Frames that were cut here, because the egress could not take them whole.
  public var framesSegmented: UInt64 = 0
  /// What those frames were cut into.
  public var segmentsMade: UInt64 = 0

  public init() {}
}
