// How large a switch may get. Every table of the data plane is sized from these when it is made, and
// nothing grows afterwards.

internal import Base
internal import FrameMemory
public import Protocols
internal import Tables

/// The named limits of one switch on one host.
public struct SwitchLimits: Equatable, Sendable {
  /// VM ports and uplinks together. vSphere allows 1,016 active ports on a host and 32 uplinks.
  public var ports = 1_056
  /// Uplinks of a switch; a team is a set of them, kept as 32 bits.
  public static let uplinks = 32
  /// VLANs with beacon probing.
  public static let beaconDomains = 64
  /// Learned and external MAC addresses.
  public var macEntries = 65_536
  /// Ports with a VLAN trunk whose VLANs in use are noted, for announcements.
  public var trunkPorts = 64
  /// Flows of ordinary frames whose way is known; a power of two.
  public var cachedFlows = 65_536
  /// Flows whose filter verdict is known; a power of two.
  public var flows = 32_768
  /// Memory for frames that wait in shapers.
  public var shaperBytes = 32 * 1_024 * 1_024
  /// Multicast addresses that the guests' nics listen to, all ports together.
  public var groupAddresses = GroupFilterTable.defaultCapacity
  /// Multicast groups and their members, with snooping.
  public var groups = GroupMembershipLimits()
  /// IP addresses noted per port from the guest's own ARP and neighbour discovery.
  public var seenAddressesPerPort = 8
  /// Idle learned and external addresses are forgotten after this long (vSphere: fixed).
  public var macAgeingSeconds: UInt32 = 300

  /// Workers that share the switch, each with a lane of its own (see `LaneNote`).
  public var lanes = 1
  public static let lanesMax = 16
  /// A lane may think an address that another one sees older than it is by this much.
  public var laneRefreshSeconds: UInt32 = 32

  public init() {}

  /// The memory of a switch with these limits, or of each of its lanes, term by term, in bytes.
  public var memoryBytes: Int {
    let portState =
      ports * (MemoryLayout<PortState>.stride + MemoryLayout<PortLine>.stride)
    let portCounters = ports * MemoryLayout<PortCounters>.stride
    let macTable = MACTable.memoryBytes(capacity: macEntries, portCapacity: ports)
    let addresses = ports * seenAddressesPerPort * MemoryLayout<SeenAddress>.stride
    let trunkVLANs = trunkPorts * MemoryLayout<VLANSet>.stride
    let announcementQueue = ports * (MemoryLayout<PortIndex>.stride + 1)
    let teams = ports * MemoryLayout<TeamState>.stride
    let loads = ports * (MemoryLayout<UplinkLoad>.stride + 8)
    let filters =
      FlowTable.memoryBytes(capacity: flows) + cachedFlows * VerdictCache.entryBytes
    let shaping =
      ports * 2 * MemoryLayout<Shaper>.stride + TimingWheel.memoryBytes(capacity: ports * 2)
      + FrameStore.memoryBytes(queueCount: ports * 2, capacityBytes: shaperBytes)
    let multicast =
      GroupFilterTable.memoryBytes(capacity: groupAddresses, portCapacity: ports)
      + GroupMembership.memoryBytes(groups)
    let beacons =
      Self.beaconDomains
      * (BeaconProbe.memoryBytes + MemoryLayout<BeaconVerdict>.stride + 16)
    let tables = portState + portCounters + macTable + addresses + trunkVLANs + announcementQueue
    let others = lanes > 1 ? LaneState.memoryBytes(ports: ports) : 0
    return tables + teams + loads + filters + shaping + multicast + beacons + others
  }
}
