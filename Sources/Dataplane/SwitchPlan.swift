// The compiled configuration of one switch on one host: flat, immutable, made off the data path.
//
// A change of configuration makes a new plan; the worker swaps it in between two batches and hands the
// old one back to be freed elsewhere. Port indices are stable from plan to plan, so all state (MAC table,
// counters, chosen uplinks) outlives it.

public import Base
public import FrameMemory
public import Wire

/// Everything that forwarding reads and never writes.
///
/// - Shape: `ports` by port index; `members` lists VM ports by VLAN, `members[memberStarts[v]..<
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
    vlanSets: [VLANSet] = [], uplinks: [PortIndex] = [], addresses: [IPAddress] = []
  ) {
    precondition(uplinks.count <= SwitchLimits.uplinks, "too many uplinks")
    for port in ports { Self.check(port, teams.count, vlanSets.count, addresses.count) }
    for uplink in uplinks { precondition(ports[uplink.index].kind == .uplink, "not an uplink") }
    self.revision = revision
    self.mtu = mtu
    self.ports = FixedArray(ports)
    self.teams = FixedArray(teams)
    self.vlanSets = FixedArray(vlanSets)
    self.uplinks = FixedArray(uplinks)
    self.addresses = FixedArray(addresses)
    let vms = ports.indices.filter { ports[$0].kind == .vm }
    let single = vms.filter { ports[$0].vlanMode != .trunk }
    let byVLAN = single.sorted { (ports[$0].vlan, $0) < (ports[$1].vlan, $1) }
    var starts = [UInt32](repeating: 0, count: 4097)
    for index in byVLAN { starts[Int(ports[index].vlan) + 1] += 1 }
    for vlan in 1...4096 { starts[vlan] += starts[vlan - 1] }
    memberStarts = FixedArray(starts)
    members = FixedArray(byVLAN.map { PortIndex($0) })
    trunks = FixedArray(vms.filter { ports[$0].vlanMode == .trunk }.map { PortIndex($0) })
    flooding = FixedArray(vms.filter { ports[$0].floodsUnknown }.map { PortIndex($0) })
  }

  /// A switch without ports: what a new switch starts with.
  public static func empty() -> SwitchPlan { SwitchPlan(revision: 0, mtu: 1500, ports: []) }

  private static func check(_ port: PortPlan, _ teams: Int, _ vlanSets: Int, _ addresses: Int) {
    guard port.kind != .absent else { return }
    precondition(port.kind == .uplink || Int(port.team) < teams, "no such team")
    precondition(port.vlanMode != .trunk || Int(port.vlanSet) < vlanSets, "no such VLAN set")
    precondition(port.vlan < 4095 && (port.vlanMode == .access) == (port.vlan > 0), "bad VLAN")
    precondition(
      Int(port.firstAddress) + Int(port.addressCount) <= addresses, "no such addresses")
  }

  /// The most ports that one frame can go to: every VM port and an uplink.
  var largestFanout: Int { members.count + trunks.count + 1 }

  /// Whether a port carries a VLAN, 0 being untagged.
  @inline(__always)
  func carries(_ port: PortPlan, _ vlan: UInt16) -> Bool {
    port.vlanMode == .trunk ? vlanSets[Int(port.vlanSet)].contains(vlan) : port.vlan == vlan
  }

  /// The VLAN of a frame that comes in by a port, or nil when the port does not carry it.
  ///
  /// Outside a trunk, frames come untagged or with a priority tag (VLAN 0), which counts as untagged.
  @inline(__always)
  func admit(_ tag: VLANTag, at port: PortPlan) -> UInt16? {
    if port.vlanMode == .trunk {
      return vlanSets[Int(port.vlanSet)].contains(tag.vlan) ? tag.vlan : nil
    }
    return tag.vlan == 0 ? port.vlan : nil
  }
}
