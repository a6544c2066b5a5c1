// The switch: one standard or distributed switch on one host.
//
// Pure and deterministic: frames, plan and time are handed in; deliveries, counters and ports to announce
// come out. It runs unchanged in the host agent, the fuzzers, the tests and the benchmarks.
//
// The way of a frame, and where each step is:
//
//   process (Switch+Process)          known unicast with nothing special about it: Switch+Ordinary; else
//     │                               port state, size, VLAN admission; which kind of port is it?
//     ├─ VM port (Switch+FromVM)         source address (Switch+Guest), ingress policies, learning
//     ├─ uplink  (Switch+FromUplink)     reserved addresses, beacons, reflections, announced moves
//     └─ lookup
//          ├─ unicast   (Switch+Forward)    one port, or who might have it
//          ├─ the rest  (Switch+Replicate)  the VLAN's ports that want it (Switch+Multicast)
//          └─ outside   (Switch+Team)       the uplink that the team gives
//               └─ deliver (Switch+Egress)  port state, private VLAN, egress policies, tag, counters
//
// Ingress and egress policies are Switch+Filter and Switch+Shape. What happens without a frame is
// Switch+Tick. A frame that goes no further ends in `drop` (Switch+Egress), always with a reason.

internal import Base
public import FrameMemory
internal import Protocols
internal import Tables

/// A virtual switch without any I/O.
///
/// - Thread: one worker. Nothing is allocated after `init` except the plans, which are made elsewhere.
public struct Switch: ~Copyable, Sendable {
  public let limits: SwitchLimits
  /// The MTU and every policy in force.
  var plan: SwitchPlan
  var macs: MACTable
  var states: FixedArray<PortState>
  /// What ordinary frames read and write of a port.
  var lines: FixedArray<PortLine>
  /// Verdicts of the flows of this second, and what makes them void: each change of plan or port.
  var verdicts: VerdictCache
  var generation: UInt32 = 1
  var counters: FixedArray<PortCounters>
  var sums = ConservationSums()
  /// The latest time that was handed in: what is old by it is not announced.
  var latest = MonotonicTime.zero
  /// Uplinks whose link is up and has been for the up-delay, one bit for each position.
  var usableUplinks: UInt32 = 0
  /// When the next uplink is past its up-delay; `never` when none waits.
  var nextUplinkDue = MonotonicTime.never
  /// Uplinks whose link is up.
  var linkedUplinks: UInt32 = 0
  /// What each team may use, by its number in the plan.
  var teamStates: FixedArray<TeamState>
  /// Several ports have the same address as their own.
  var isAddressContested = false
  /// Ports that see everything.
  var promiscuous: FixedArray<PortIndex>
  var promiscuousCount = 0
  /// Which multicast addresses the guests' nics listen to.
  var groupFilter: GroupFilterTable
  /// Which groups the guests have joined, with snooping.
  var groups: GroupMembership
  /// Snooping is on.
  var groupsAreActive = false
  /// Who gets the multicast frame at hand.
  var audience = PortSet()
  var isForEveryone = false
  /// A probe for each VLAN with beacon probing; `beaconSlots` says whose.
  var probes: FixedArray<BeaconProbe>
  var probeVLANs: FixedArray<UInt16?>
  var beaconSlots: FixedArray<Int>
  var beaconVerdicts: FixedArray<BeaconVerdict>
  /// Uplinks that are to send a beacon, by domain.
  var beaconsToSend: FixedArray<UInt32>
  var beaconSequence: UInt32 = 0
  var nextBeacon = MonotonicTime.never
  /// What the rules said about known flows, in this generation of the plan.
  var flows: FlowTable
  var flowGeneration: UInt32 = 1
  /// Token buckets and queues of both directions of each port: ingress 2n, egress 2n + 1.
  var shapers: FixedArray<Shaper>
  var waiting: FrameStore
  /// When the first frame of a queue may go on.
  var releases: TimingWheel
  /// The queue that had more to give than a batch could take.
  var unfinishedRelease: Int?
  /// Load of the uplinks, by port index, and how fast they are in bits per second.
  var loads: FixedArray<UplinkLoad>
  var speeds: FixedArray<UInt64>
  var nextBalance = MonotonicTime.never
  /// IP addresses that guests were seen to use, `limits.seenAddressesPerPort` for each port.
  var seenAddresses: FixedArray<SeenAddress>
  /// VLANs that the guests of trunk ports were seen to use.
  var trunkVLANs: FixedArray<VLANSet>
  /// What this lane has for the others, and knows of them.
  var lanes: LaneState
  /// Ports to announce, waiting to be taken by the worker.
  var announcements: PortQueue
  /// How long a recovered uplink waits before it is used again (`Net.TeamPolicyUpDelay`).
  public var uplinkUpDelayNanoseconds: UInt64 = 100_000_000

  /// A switch without ports, or one of the lanes of a switch with several workers (`limits.lanes`). The seed
  /// is for the hashes of the tables.
  public init(limits: SwitchLimits = SwitchLimits(), seed: UInt64, lane: Int = 0) {
    self.limits = limits
    plan = .empty()
    lanes = LaneState(number: lane, count: limits.lanes, ports: limits.ports)
    macs = MACTable(
      capacity: limits.macEntries, portCapacity: limits.ports,
      ageingSeconds: limits.macAgeingSeconds, seed: seed)
    states = FixedArray(repeating: PortState(), count: limits.ports)
    lines = FixedArray(repeating: PortLine(), count: limits.ports)
    verdicts = VerdictCache(capacity: limits.cachedFlows, seed: seed &+ 1)
    counters = FixedArray(repeating: PortCounters(), count: limits.ports)
    seenAddresses = FixedArray(
      repeating: SeenAddress(), count: limits.ports * limits.seenAddressesPerPort)
    trunkVLANs = FixedArray(repeating: VLANSet(), count: limits.trunkPorts)
    announcements = PortQueue(capacity: limits.ports)
    teamStates = FixedArray(repeating: TeamState(), count: limits.ports)
    promiscuous = FixedArray(repeating: .none, count: limits.ports)
    groupFilter = GroupFilterTable(
      capacity: limits.groupAddresses, portCapacity: limits.ports, seed: seed)
    groups = GroupMembership(limits: limits.groups, seed: seed)
    let domains = SwitchLimits.beaconDomains
    probes = FixedArray(count: domains) { _ in BeaconProbe(now: .zero) }
    probeVLANs = FixedArray(repeating: nil, count: domains)
    beaconSlots = FixedArray(repeating: 0, count: domains)
    beaconVerdicts = FixedArray(repeating: BeaconVerdict(good: 0), count: domains)
    beaconsToSend = FixedArray(repeating: 0, count: domains)
    flows = FlowTable(capacity: limits.flows, seed: seed)
    let noShape = TrafficShape(averageBitsPerSecond: 0, peakBitsPerSecond: 0, burstBytes: 0)
    shapers = FixedArray(repeating: Shaper(noShape, now: .zero), count: limits.ports * 2)
    waiting = FrameStore(queueCount: limits.ports * 2, capacityBytes: limits.shaperBytes)
    releases = TimingWheel(capacity: limits.ports * 2)
    loads = FixedArray(repeating: UplinkLoad(), count: limits.ports)
    speeds = FixedArray(repeating: 0, count: limits.ports)
  }

  /// The revision of the plan in force.
  public var revision: UInt64 { plan.revision }

  /// The compiled policy of a port; `.absent` when no port has this index.
  public func portPlan(_ port: PortIndex) -> PortPlan {
    port.index < plan.ports.count ? plan.ports[port.index] : PortPlan()
  }

  /// The uplink that a VM port's team gives it now, or nil.
  public func selectedUplink(of port: PortIndex) -> PortIndex? {
    let uplink = states[port.index].uplink
    return uplink == .none ? nil : uplink
  }

  /// Whether an uplink can carry frames now: attached, its link up, and not waiting for the up-delay.
  public func isUplinkUsable(_ port: PortIndex) -> Bool {
    let plan = portPlan(port)
    return plan.kind == .uplink && usableUplinks & (1 << UInt32(plan.team)) != 0
  }

  /// Whether an attachment is there.
  public func isAttached(_ port: PortIndex) -> Bool { states[port.index].isAttached }

  public var conservation: ConservationSums { sums }

  /// The room that `process` wants in a delivery list before it takes a frame.
  public var largestFanout: Int { plan.largestFanout }
}
