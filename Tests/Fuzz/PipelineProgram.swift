// The fuzzer's bytes as a program for a switch: each instruction sends a frame, moves time, changes a
// link, an attachment or the plan, announces, flushes. After each of them every frame must be accounted
// for, and no delivery may break a law of forwarding; a broken one traps.
//
// The switch is as small as it can be, so that every limit is met: 8 ports, 12 addresses, 2 trunk slots.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Protocols
internal import Tables
internal import Wire

/// The bytes that are left, read as small numbers; zeroes at the end.
struct ProgramBytes: ~Escapable {
  private var rest: RawSpan

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) { rest = bytes }

  var isEmpty: Bool { rest.byteCount == 0 }

  @_lifetime(self: copy self)
  mutating func byte() -> UInt8 {
    guard rest.byteCount > 0 else { return 0 }
    let value = rest.byte(0)
    rest = rest.extracting(droppingFirst: 1)
    return value
  }

  @_lifetime(self: copy self)
  mutating func word() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }

  /// A number below `bound`.
  @_lifetime(self: copy self)
  mutating func number(below bound: Int) -> Int { Int(byte()) % bound }

  /// Up to `count` bytes as they are.
  @_lifetime(self: copy self)
  @_lifetime(copy self)
  mutating func take(_ count: Int) -> RawSpan {
    let taken = rest.extracting(first: min(count, rest.byteCount))
    rest = rest.extracting(droppingFirst: taken.byteCount)
    return taken
  }
}

/// A switch that a program drives.
struct PipelineProgram: ~Copyable {
  static let portCount = 8
  static let uplinkCount = 2

  var network: Switch
  var batch = FrameBatch(capacity: 4, frameCapacityBytes: 512)
  var announcements = FrameBatch(capacity: 2, frameCapacityBytes: 128)
  var deliveries: DeliveryList
  var now = MonotonicTime(seconds: 1_000)
  var ports: [PortPlan]
  var teams: [TeamPlan]
  var vlanSets: [VLANSet] = [.all, VLANSet([0...9]), VLANSet([5...5]), VLANSet([4094...4094])]
  var revision: UInt64 = 0
  /// VLAN 1 is a private one: 2 is isolated, 3 and 4 are communities.
  var hasPrivateVLANs = false
  var multicast = MulticastFiltering.basic

  init() {
    var limits = SwitchLimits()
    limits.ports = Self.portCount
    limits.macEntries = 12
    limits.trunkPorts = 2
    limits.seenAddressesPerPort = 2
    limits.flows = 16
    limits.shaperBytes = 16_384
    limits.groupAddresses = 16
    limits.groups.groups = 8
    limits.groups.members = 16
    limits.groups.routerPorts = 2
    limits.groups.asks = 4
    network = Switch(limits: limits, seed: 1)
    deliveries = DeliveryList(capacity: Self.portCount + 1, portCapacity: Self.portCount)
    teams = [
      TeamPlan(policy: .originatingPortID, active: [0, 1]),
      TeamPlan(policy: .explicitFailover, active: [0], standby: [1]),
      TeamPlan(policy: .explicitFailover, active: []),
    ]
    ports = (0..<Self.portCount).map { index in
      var port = PortPlan()
      port.kind = index < Self.uplinkCount ? .uplink : .vm
      port.id = UInt32(index)
      port.mac = Self.address(UInt8(index))
      if index < Self.uplinkCount {
        port.vlanMode = .trunk
        port.team = UInt16(index)
      } else {
        port.learnsMACs = index > 4
        port.allowsForgedTransmits = index > 4
        port.floodsUnknown = index > 5
        port.macLimit = 3
      }
      return port
    }
    apply()
    for index in 0..<Self.portCount { network.setAttached(PortIndex(index), true, now: now) }
    for index in 0..<Self.uplinkCount { network.setLink(PortIndex(index), isUp: true, now: now) }
  }

  /// A few addresses that mean something here; a byte chooses.
  static func address(_ byte: UInt8) -> MACAddress {
    switch byte & 31 {
    case 0..<24: MACAddress(rawValue: 0x0050_5600_0000 + UInt64(byte & 31))
    case 24..<28: .broadcast
    case 28: MACAddress(rawValue: 0x0180_C200_0000)
    case 29: MACAddress(rawValue: 0x0180_C200_000E)
    case 30: .zero
    default: MACAddress(rawValue: 0x3333_0000_0001)
    }
  }

  /// Runs a whole program.
  static func run(_ bytes: RawSpan) {
    var program = PipelineProgram()
    var rest = ProgramBytes(bytes)
    while !rest.isEmpty { program.step(&rest) }
    program.switchBatch()
  }

  private mutating func step(_ bytes: inout ProgramBytes) {
    let instruction = bytes.byte()
    let port = PortIndex(Int(instruction >> 4) % Self.portCount)
    switch instruction & 15 {
    case 0...4: addFrame(at: port, &bytes)
    case 5: addRawFrame(at: port, &bytes)
    case 6: switchBatch()
    case 7: network.setLink(port, isUp: bytes.byte() & 1 == 1, now: now)
    case 8: network.setAttached(port, bytes.byte() & 3 != 0, now: now)
    case 9: changePlan(&bytes)
    case 10: changePolicies(&bytes)
    case 11: changeNIC(of: port, &bytes)
    case 12: pass(&bytes)
    case 13: announce(port)
    case 14: _ = network.flushMACs(of: bytes.byte() & 1 == 1 ? port : nil)
    default: network.recordReceiveDrops(UInt64(bytes.byte() & 3), at: port, reason: .noBuffer)
    }
    check()
  }

  /// Every frame is somewhere, and the counters of each port agree with themselves.
  private func check() {
    precondition(network.conservation.holds, "conservation: \(network.conservation)")
    for index in 0..<Self.portCount {
      let counters = network.portCounters(PortIndex(index))
      let reasons = DropReason.allCases.reduce(0) { $0 &+ counters[$1] }
      let directions =
        counters.ingress.packetsDropped &+ counters.ingress.packetsException
        &+ counters.egress.packetsDropped &+ counters.egress.packetsException
      precondition(reasons == directions, "drops of port \(index)")
    }
  }

  mutating func apply() {
    revision += 1
    for port in ports.indices {
      let isPrivate = hasPrivateVLANs && (1...4).contains(ports[port].vlan)
      ports[port].primaryVLAN = isPrivate ? 1 : 0
    }
    let plan = SwitchPlan(
      revision: revision, mtu: 400, ports: ports, teams: teams, vlanSets: vlanSets,
      uplinks: (0..<Self.uplinkCount).map { PortIndex($0) },
      addresses: [.v4(IPv4Address(rawValue: 0x0A00_0001)), .v6(IPv6Address(high: 0, low: 1))],
      privateVLANs: hasPrivateVLANs ? Self.privateVLANs : [],
      beaconDomains: [BeaconDomain(members: 3, vlan: 0), BeaconDomain(members: 3, vlan: 5)],
      multicast: multicast, ruleSets: Self.ruleSets, shapes: Self.shapes)
    _ = network.apply(plan, now: now)
  }

  private mutating func pass(_ bytes: inout ProgramBytes) {
    let steps: [UInt64] = [1, 50, 100, 1_000, 2_000, 60_000, 301_000]
    now = now.advanced(byMilliseconds: steps[bytes.number(below: steps.count)])
    _ = network.tick(now: now)
    network.sweepMACs(now: now)
    produce()
  }
}
