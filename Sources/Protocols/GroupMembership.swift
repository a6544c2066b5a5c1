// Multicast snooping: which ports of the switch listen to which group, and from whom (RFC 4541).
//
//   (VLAN, group) -> group -> member -> member ...      a member is a port; see `GroupMember`
//
// Reports come from VM ports; those that come in at an uplink speak for hosts elsewhere and are passed
// over, as every uplink gets every group. Where no querier is heard the switch asks itself.
//
// Bounds: `GroupMembershipLimits`. A port whose membership finds no room is not cut off: it gets every
// group of the VLAN for as long as that membership would have lasted, and that is counted. The same for a
// router that finds no room among the router ports.
//
// Time is exact to a tenth of a second: what is over is looked for at most that often.

internal import Base
public import Tables
public import Wire

/// The groups of a switch, their members, and the querier.
///
/// - Thread: one worker. Nothing is allocated after `init`.
public struct GroupMembership: ~Copyable, Sendable {
  // Not private: see `AnnouncementSchedule`.
  struct Group: Sendable, BitwiseCopyable {
    var vlan: UInt16 = 0
    var address = IPAddress.v4(.unspecified)
    /// The first member, or the next free element; negative at the end.
    var first: Int32 = -1
    /// Members that want every source.
    var plain = PortSet()
    /// The other members.
    var choosyCount: Int32 = 0
  }

  public let limits: GroupMembershipLimits
  /// Change it with `configure`.
  public internal(set) var settings: GroupMembershipSettings
  public internal(set) var groupCount = 0
  public internal(set) var memberCount = 0
  /// Memberships that found no room.
  public internal(set) var fullCount: UInt64 = 0
  /// Records with more sources than a list has room for.
  public internal(set) var sourceOverflowCount: UInt64 = 0

  /// Indices of groups, plus one; 0 is empty. At most half in use, linear probing.
  var slots: FixedArray<UInt32>
  let seed: UInt64
  var groups: FixedArray<Group>
  var members: FixedArray<GroupMember>
  var freeGroup: Int32 = 0
  var freeMember: Int32 = 0
  /// By port.
  var memberCounts: FixedArray<UInt16>

  /// When each member ends, and is to be asked; beside the members, to be looked through quickly.
  var endDues: FixedArray<MonotonicTime>
  var queryDues: FixedArray<MonotonicTime>
  var nextEnd = MonotonicTime.never
  var lastSweep = MonotonicTime.zero
  var memberQueries = DueScan()

  /// By VLAN and family: `vlan * 2 + family`.
  var queriers: FixedArray<QuerierState>
  var generalQueries = DueScan()
  var routers: FixedArray<RouterPort>
  var nextRouterEnd = MonotonicTime.never
  var asks: FixedArray<PortAsk>
  var askQueries = DueScan()
  /// By VLAN: ports that get everything because there was no room for what they asked for.
  var overflows: FixedArray<PortOverflow>
  var nextOverflowEnd = MonotonicTime.never

  /// No groups. The seed keeps guests from aiming at one slot.
  public init(
    settings: GroupMembershipSettings = GroupMembershipSettings(),
    limits: GroupMembershipLimits = GroupMembershipLimits(), seed: UInt64
  ) {
    precondition(limits.groups > 0 && limits.members > 0, "snooping needs room for a group")
    self.settings = settings
    self.limits = limits
    self.seed = seed
    slots = FixedArray(repeating: 0, count: Self.slotCount(limits))
    // Free elements are chained in order; the last ends the chain.
    groups = FixedArray(count: limits.groups) {
      Group(first: $0 + 1 < limits.groups ? Int32($0 + 1) : -1)
    }
    members = FixedArray(count: limits.members) {
      GroupMember(next: $0 + 1 < limits.members ? Int32($0 + 1) : -1)
    }
    memberCounts = FixedArray(repeating: 0, count: PortSet.capacity)
    endDues = FixedArray(repeating: .never, count: limits.members)
    queryDues = FixedArray(repeating: .never, count: limits.members)
    queriers = FixedArray(repeating: QuerierState(), count: 4_096 * 2)
    routers = FixedArray(repeating: RouterPort(), count: limits.routerPorts)
    asks = FixedArray(repeating: PortAsk(), count: limits.asks)
    overflows = FixedArray(repeating: PortOverflow(), count: 4_096)
  }

  /// What the tables take.
  public static func memoryBytes(_ limits: GroupMembershipLimits) -> Int {
    slotCount(limits) * 4
      + limits.groups * MemoryLayout<Group>.stride
      + limits.members * (MemoryLayout<GroupMember>.stride + 16)
      + 4_096 * (2 * MemoryLayout<QuerierState>.stride + MemoryLayout<PortOverflow>.stride)
      + limits.routerPorts * MemoryLayout<RouterPort>.stride
      + limits.asks * MemoryLayout<PortAsk>.stride + PortSet.capacity * 2
  }

  private static func slotCount(_ limits: GroupMembershipLimits) -> Int {
    var slots = 16
    while slots < limits.groups * 2 { slots *= 2 }
    return slots
  }

  /// Groups that are delivered to every port whoever listens: nobody reports them, or hosts count on
  /// them before they do (RFC 4541, 2.1.2 and 3).
  ///
  /// 224.0.0.0/24, `ff02::1`, and IPv6 groups of no or interface scope.
  @inlinable
  public static func isAlwaysFlooded(_ group: IPAddress) -> Bool {
    switch group {
    case .v4(let group): group.rawValue >> 8 == 0xE000_00
    case .v6(let group): group == .allNodes || (group.high >> 48) & 0xF <= 1
    }
  }

  /// Adds the ports that listen to a group in a VLAN and want this source, and those that get
  /// everything for want of room.
  ///
  /// - Returns: false when nobody listens to the group: it goes to router ports and uplinks alone.
  /// - Cost: one or two cache lines and the set; a step for each member that chooses its sources.
  public mutating func ports(
    of group: IPAddress, from source: IPAddress, vlan: UInt16, into ports: inout PortSet
  ) -> Bool {
    ports.formUnion(overflows[Int(vlan & 0xFFF)].ports)
    guard let index = find(group, vlan) else { return false }
    ports.formUnion(groups[index].plain)
    guard groups[index].choosyCount > 0 else { return true }
    var member = groups[index].first
    while member >= 0 {
      if members[Int(member)].wants(source) { ports.insert(Int(members[Int(member)].port)) }
      member = members[Int(member)].next
    }
    return true
  }

  /// Adds the VM ports behind which a router was heard in a VLAN. Uplinks are router ports, always.
  public mutating func routerPorts(vlan: UInt16, into ports: inout PortSet) {
    ports.formUnion(overflows[Int(vlan & 0xFFF)].ports)
    // For most frames there is none to look for.
    guard nextRouterEnd != .never else { return }
    for index in routers.indices where routers[index].end != .zero && routers[index].vlan == vlan {
      ports.insert(Int(routers[index].port))
    }
  }

  /// The next port in a group at or after `cursor`, which moves past it; nil at the end.
  public func next(_ cursor: inout Int) -> GroupMembershipEntry? {
    while cursor < members.count {
      let index = cursor
      cursor += 1
      guard members[index].group >= 0 else { continue }
      let member = members[index]
      let group = groups[Int(member.group)]
      var listed = GroupSources()
      for place in 0..<member.sources.count
      where (member.sourceEnds[place] == .zero) == member.isExclude {
        listed.insert(member.sources[place])
      }
      var end = member.groupEnd
      if !member.isExclude {
        end = .zero
        for place in 0..<member.sources.count { end = max(end, member.sourceEnds[place]) }
      }
      return GroupMembershipEntry(
        vlan: group.vlan, group: group.address, port: Int(member.port),
        isExclude: member.isExclude, sources: listed, joined: member.joined, end: end)
    }
    return nil
  }
}
