// The switch: one standard or distributed switch on one host.
//
// Pure and deterministic: frames, plan and time are handed in; deliveries, counters and ports to announce
// come out. It runs unchanged in the host agent, the fuzzers, the tests and the benchmarks.
//
// The way of a frame, and where each step is:
//
//   process (Switch+Process)      port state, size, VLAN admission; which kind of port is it?
//     ├─ VM port (Switch+FromVM)       source address, learning
//     ├─ uplink  (Switch+FromUplink)   reserved addresses, reflections, announced moves
//     └─ lookup  (Switch+Forward)      one port, the whole VLAN, or the team's uplink
//          └─ deliver (Switch+Egress)  port state, tag, counters
//
// A frame that goes no further ends in `drop` (Switch+Egress), always with a reason.

internal import Base
public import FrameMemory
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
  var counters: FixedArray<PortCounters>
  var sums = ConservationSums()
  /// The latest time that was handed in: what is old by it is not announced.
  var latest = MonotonicTime.zero
  /// Uplinks that may carry frames, one bit for each position.
  var usableUplinks: UInt32 = 0
  /// IP addresses that guests were seen to use, `limits.seenAddressesPerPort` for each port.
  var seenAddresses: FixedArray<SeenAddress>
  /// VLANs that the guests of trunk ports were seen to use.
  var trunkVLANs: FixedArray<VLANSet>
  /// Ports to announce, waiting to be taken by the worker.
  var announcements: PortQueue
  /// How long a recovered uplink waits before it is used again (`Net.TeamPolicyUpDelay`).
  public var uplinkUpDelayNanoseconds: UInt64 = 100_000_000

  /// A switch without ports. The seed is for the MAC table's hash.
  public init(limits: SwitchLimits = SwitchLimits(), seed: UInt64) {
    self.limits = limits
    plan = .empty()
    macs = MACTable(
      capacity: limits.macEntries, portCapacity: limits.ports,
      ageingSeconds: limits.macAgeingSeconds, seed: seed)
    states = FixedArray(repeating: PortState(), count: limits.ports)
    counters = FixedArray(repeating: PortCounters(), count: limits.ports)
    seenAddresses = FixedArray(
      repeating: SeenAddress(), count: limits.ports * limits.seenAddressesPerPort)
    trunkVLANs = FixedArray(repeating: VLANSet(), count: limits.trunkPorts)
    announcements = PortQueue(capacity: limits.ports)
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

  /// Whether an uplink carries frames now: attached, its link up, and not waiting for the up-delay.
  public func isUplinkUsable(_ port: PortIndex) -> Bool {
    let plan = portPlan(port)
    return plan.kind == .uplink && usableUplinks & (1 << UInt32(plan.team)) != 0
  }

  /// Whether an attachment is there.
  public func isAttached(_ port: PortIndex) -> Bool { states[port.index].isAttached }

  /// What a port has counted since it exists.
  public func portCounters(_ port: PortIndex) -> PortCounters { counters[port.index] }

  public var conservation: ConservationSums { sums }

  /// The room that `process` wants in a delivery list before it takes a frame.
  public var largestFanout: Int { plan.largestFanout }
}
