// How large a switch may get. Every table of the data plane is sized from these when it is made, and
// nothing grows afterwards.

internal import Base
internal import FrameMemory
internal import Tables

/// The named limits of one switch on one host.
public struct SwitchLimits: Equatable, Sendable {
  /// VM ports and uplinks together. vSphere allows 1,016 active ports on a host and 32 uplinks.
  public var ports = 1_056
  /// Uplinks of a switch; a team is a set of them, kept as 32 bits.
  public static let uplinks = 32
  /// Learned and external MAC addresses.
  public var macEntries = 65_536
  /// Ports with a VLAN trunk whose VLANs in use are noted, for announcements.
  public var trunkPorts = 64
  /// IP addresses noted per port from the guest's own ARP and neighbour discovery.
  public var seenAddressesPerPort = 8
  /// Idle learned and external addresses are forgotten after this long (vSphere: fixed).
  public var macAgeingSeconds: UInt32 = 300

  public init() {}

  /// The memory of a switch with these limits, term by term, in bytes.
  public var memoryBytes: Int {
    let portState = ports * MemoryLayout<PortState>.stride
    let portCounters = ports * MemoryLayout<PortCounters>.stride
    let macTable = MACTable.memoryBytes(capacity: macEntries, portCapacity: ports)
    let addresses = ports * seenAddressesPerPort * MemoryLayout<SeenAddress>.stride
    let trunkVLANs = trunkPorts * MemoryLayout<VLANSet>.stride
    let announcementQueue = ports * (MemoryLayout<PortIndex>.stride + 1)
    return portState + portCounters + macTable + addresses + trunkVLANs + announcementQueue
  }
}
