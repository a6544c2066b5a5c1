// The compiled configuration of one switch on one host: flat, immutable, made off the data path.
//
// A change of configuration makes a new plan; the worker swaps it in between two batches and hands the
// old one back to be freed elsewhere. Port indices are stable from plan to plan, so all state (MAC table,
// counters, chosen uplinks) outlives it.

public import Base
public import FrameMemory
public import Protocols
public import Tables
public import Wire

/// Everything that forwarding reads and never writes.
///
/// - Shape: `ports` by port index; `members` lists VM ports by VLAN (the primary one of private VLANs), `members[memberStarts[v]..<
///   memberStarts[v + 1]]` being those of VLAN v; trunks are apart, as they are in many.
public struct SwitchPlan: ~Copyable, Sendable {
  public let revision: UInt64
  /// The largest payload of a frame, Ethernet header and tag not counted.
  public let mtu: Int
  public let ports: FixedArray<PortPlan>
  public let teams: FixedArray<TeamPlan>
  public let vlanSets: FixedArray<VLANSet>
  /// The uplinks' port indices, by position.
  public let uplinks: FixedArray<PortIndex>
  /// Declared addresses of the VM ports.
  public let addresses: FixedArray<IPAddress>
  /// By VLAN, all 4,096 of them; empty when there are no private VLANs.
  let privateVLANs: FixedArray<PrivateVLAN>
  let hasPrivateVLANs: Bool
  /// Where uplinks are probed with beacons.
  public let beaconDomains: FixedArray<BeaconDomain>
  public let beacons: BeaconSettings
  /// How multicast frames find the ports that want them.
  public let multicast: MulticastFiltering
  public let snooping: GroupMembershipSettings
  /// Filter rules; a port names two of these.
  let ruleSets: FixedArray<RuleSet>
  /// Rates of shaped ports.
  let shapes: FixedArray<TrafficShape>
  /// Load-based teams look at their uplinks this often.
  public let loadIntervalSeconds: UInt32
  let hasLoadTeams: Bool
  /// VM ports without a trunk, by VLAN (0 = none), in order of index.
  let memberStarts: FixedArray<UInt32>
  let members: FixedArray<PortIndex>
  /// VM ports with a trunk.
  let trunks: FixedArray<PortIndex>
  /// VM ports that get unknown unicast.
  let flooding: FixedArray<PortIndex>

  /// Makes a plan from what the planner worked out, and the lists that follow from it.
  ///
  /// Traps when an index points nowhere, or when there are more uplinks than a team can name: the
  /// planner checks what people write.
  public init(
    revision: UInt64, mtu: Int, ports: [PortPlan], teams: [TeamPlan] = [],
    vlanSets: [VLANSet] = [], uplinks: [PortIndex] = [], addresses: [IPAddress] = [],
    privateVLANs: [PrivateVLAN] = [], beaconDomains: [BeaconDomain] = [],
    beacons: BeaconSettings = BeaconSettings(), multicast: MulticastFiltering = .basic,
    snooping: GroupMembershipSettings = GroupMembershipSettings(),
    loadIntervalSeconds: UInt32 = 30, ruleSets: [[FilterRule]] = [], ruleSeed: UInt64 = 0,
    shapes: [TrafficShape] = []
  ) {
    precondition(uplinks.count <= SwitchLimits.uplinks, "too many uplinks")
    precondition(beaconDomains.count <= SwitchLimits.beaconDomains, "too many beacon domains")
    for port in ports {
      Self.check(port, teams.count, vlanSets.count, addresses.count)
      precondition(
        max(port.ingressRules, port.egressRules) <= ruleSets.count
          && max(port.ingressShape, port.egressShape) <= shapes.count, "no such rules or shape")
    }
    for uplink in uplinks { precondition(ports[uplink.index].kind == .uplink, "not an uplink") }
    self.revision = revision
    self.mtu = mtu
    self.ports = FixedArray(ports)
    self.teams = FixedArray(teams)
    self.vlanSets = FixedArray(vlanSets)
    self.uplinks = FixedArray(uplinks)
    self.addresses = FixedArray(addresses)
    hasPrivateVLANs = !privateVLANs.isEmpty
    self.privateVLANs = FixedArray(Self.byVLAN(privateVLANs))
    self.beaconDomains = FixedArray(beaconDomains)
    self.beacons = beacons
    self.multicast = multicast
    self.snooping = snooping
    // The rules are hashed by what guests send, so that the seed must not be theirs to know.
    self.ruleSets = FixedArray(count: ruleSets.count) {
      RuleSet(ruleSets[$0], seed: ruleSeed &+ UInt64($0))
    }
    self.shapes = FixedArray(shapes)
    self.loadIntervalSeconds = max(1, loadIntervalSeconds)
    hasLoadTeams = teams.contains { $0.policy == .physicalLoad }
    let vms = ports.indices.filter { ports[$0].kind == .vm }
    let single = vms.filter { ports[$0].vlanMode != .trunk }
    let byVLAN = single.sorted {
      (ports[$0].lookupVLAN, $0) < (ports[$1].lookupVLAN, $1)
    }
    var starts = [UInt32](repeating: 0, count: 4097)
    for index in byVLAN { starts[Int(ports[index].lookupVLAN) + 1] += 1 }
    for vlan in 1...4096 { starts[vlan] += starts[vlan - 1] }
    memberStarts = FixedArray(starts)
    members = FixedArray(byVLAN.map { PortIndex($0) })
    trunks = FixedArray(vms.filter { ports[$0].vlanMode == .trunk }.map { PortIndex($0) })
    flooding = FixedArray(vms.filter { ports[$0].floodsUnknown }.map { PortIndex($0) })
  }

  private static func byVLAN(_ entries: [PrivateVLAN]) -> [PrivateVLAN] {
    guard !entries.isEmpty else { return [] }
    var table = [PrivateVLAN](repeating: PrivateVLAN(), count: 4096)
    for entry in entries {
      precondition(entry.vlan > 0 && entry.vlan < 4095 && entry.primary < 4095, "bad VLAN")
      table[Int(entry.vlan)] = entry
    }
    return table
  }

  /// A switch without ports: what a new switch starts with.
  public static func empty() -> SwitchPlan { SwitchPlan(revision: 0, mtu: 1500, ports: []) }

  private static func check(_ port: PortPlan, _ teams: Int, _ vlanSets: Int, _ addresses: Int) {
    guard port.kind != .absent else { return }
    precondition(port.kind == .uplink || Int(port.team) < teams, "no such team")
    precondition(port.kind == .vm || port.ingressShape == 0, "uplinks are shaped on the way out")
    precondition(port.vlanMode != .trunk || Int(port.vlanSet) < vlanSets, "no such VLAN set")
    precondition(port.vlan < 4095 && (port.vlanMode == .access) == (port.vlan > 0), "bad VLAN")
    precondition(
      Int(port.firstAddress) + Int(port.addressCount) <= addresses, "no such addresses")
  }

  /// The most ports that one frame can go to: every VM port, and every uplink where beacons cannot tell
  /// which of them works.
  var largestFanout: Int {
    members.count + trunks.count + (beaconDomains.count > 0 ? max(1, uplinks.count) : 1)
  }

  /// Whether a port carries a VLAN, 0 being untagged.
  @inline(__always)
  func carries(_ port: PortPlan, _ vlan: UInt16) -> Bool {
    port.vlanMode == .trunk ? vlanSets[Int(port.vlanSet)].contains(vlan) : port.vlan == vlan
  }

  /// The VLAN of a frame that comes in by a port, or nil when the port does not carry it.
  ///
  /// Outside a trunk, frames come untagged or with a priority tag (VLAN 0), which counts as untagged. A
  /// second tag behind such a priority tag would be the only one on the wire, and the frame in a VLAN of
  /// the guest's choice: it is not admitted. Behind a VLAN that a trunk carries, a second tag is payload.
  @inline(__always)
  func admit(_ tag: VLANTag, _ etherType: UInt16, at port: PortPlan) -> UInt16? {
    if tag.vlan == 0, etherType == 0x8100 || (etherType == 0x88A8 && port.vlanMode != .trunk) {
      return nil
    }
    if port.vlanMode == .trunk {
      return vlanSets[Int(port.vlanSet)].contains(tag.vlan) ? tag.vlan : nil
    }
    return tag.vlan == 0 ? port.vlan : nil
  }
}
