// A small switch for tests: two uplinks, a few VM ports, frames by hand, and every invariant checked
// after every step.

import Base
import Dataplane
import FrameMemory
import Tables
import Testing
import Wire

/// A delivery as a test names it.
struct Sent: Hashable, CustomStringConvertible {
  var port: Int
  var tag: VLANTag

  init(_ port: Int, _ tag: VLANTag = .none) {
    self.port = port
    self.tag = tag
  }

  var description: String { "port \(port) \(tag)" }
}

/// A switch with two (or `uplinkCount`) uplinks from port 0 on, and then VM ports. VM port p has the
/// address `mac(p)` and the port id p minus the number of uplinks.
///
/// A class, so that expectations can call it: the macros copy what they look at.
final class TestNetwork {
  var network: Switch
  var batch = FrameBatch(capacity: 64, frameCapacityBytes: 66_000)
  var deliveries: DeliveryList
  var now = MonotonicTime(seconds: 1_000)
  var ports: [PortPlan]
  var teams: [TeamPlan]
  var vlanSets: [VLANSet]
  var ruleSets: [[FilterRule]] = []
  var shapes: [TrafficShape] = []
  /// What shapers let go.
  var produced = FrameBatch(capacity: 4_096, frameCapacityBytes: 2_048)
  var addresses: [IPAddress] = []
  var mtu = 1500
  var beaconDomains: [BeaconDomain] = []
  var beacons = BeaconSettings()
  var privateVLANs: [PrivateVLAN] = []
  var multicast = MulticastFiltering.basic

  let uplinks: [PortIndex]

  init(
    vms: [PortPlan], teams: [TeamPlan] = [TeamPlan(policy: .explicitFailover, active: [0, 1])],
    vlanSets: [VLANSet] = [], uplinkCount: Int = 2, limits: SwitchLimits? = nil,
    addresses: [IPAddress] = [], isUp: Bool = true, beaconDomains: [BeaconDomain] = [],
    privateVLANs: [PrivateVLAN] = [], shapes: [TrafficShape] = [],
    multicast: MulticastFiltering = .basic, lane: Int = 0
  ) {
    var small = SwitchLimits()
    small.ports = 64
    small.macEntries = 1_024
    small.flows = 1_024
    small.shaperBytes = 1 << 20
    small.groupAddresses = 256
    network = Switch(limits: limits ?? small, seed: 7, lane: lane)
    deliveries = DeliveryList(capacity: 65_536, portCapacity: network.limits.ports)
    self.teams = teams
    self.addresses = addresses
    self.beaconDomains = beaconDomains
    self.privateVLANs = privateVLANs
    self.shapes = shapes
    self.multicast = multicast
    uplinks = (0..<uplinkCount).map { PortIndex($0) }
    self.vlanSets = [.all] + vlanSets
    ports = Self.uplinkPlans(uplinkCount) + vms
    for index in uplinkCount..<ports.count {
      ports[index].id = UInt32(index - uplinkCount)
      ports[index].mac = mac(index)
    }
    apply()
    for index in ports.indices { network.setAttached(PortIndex(index), true, now: now) }
    for uplink in uplinks where isUp { network.setLink(uplink, isUp: true, now: now) }
    while network.nextPortToAnnounce() != nil {}
  }

  static func uplinkPlans(_ count: Int) -> [PortPlan] {
    (0..<count).map { position in
      var plan = PortPlan()
      plan.kind = .uplink
      plan.vlanMode = .trunk
      plan.team = UInt16(position)
      plan.id = UInt32(1_000 + position)
      plan.mac = MACAddress(rawValue: 0x0200_0000_F000 + UInt64(position))
      return plan
    }
  }

  /// Applies the plan that `ports`, `teams`, `vlanSets` and the rest describe now.
  func apply(revision: UInt64 = 1) { apply(revision: revision, uplinks: uplinks.map(\.index)) }

  /// The same with other uplinks than all of them, and their positions where those change.
  func apply(revision: UInt64, uplinks: [Int], positions: [Int: Int] = [:]) {
    for (port, position) in positions { ports[port].team = UInt16(position) }
    let plan = SwitchPlan(
      revision: revision, mtu: mtu, ports: ports, teams: teams, vlanSets: vlanSets,
      uplinks: uplinks.map { PortIndex($0) }, addresses: addresses, privateVLANs: privateVLANs,
      beaconDomains: beaconDomains, beacons: beacons, multicast: multicast,
      loadIntervalSeconds: 30, ruleSets: ruleSets, shapes: shapes)
    _ = network.apply(plan, now: now)
  }

  /// Sends one frame into `port` and says where it came out.
  func send(
    _ bytes: [UInt8], at port: Int, tag: VLANTag = .none, offload: Offload = .none
  ) -> Set<Sent> {
    var tracer = RecordingTracer()
    return send(bytes, at: port, tag: tag, offload: offload, tracer: &tracer)
  }

  func send(
    _ bytes: [UInt8], at port: Int, tag: VLANTag = .none, offload: Offload = .none,
    tracer: inout RecordingTracer
  ) -> Set<Sent> {
    batch.removeAll()
    deliveries.removeAll()
    // SAFETY: bytes have no padding.
    batch.append(
      copying: unsafe bytes.span.bytes, ingress: PortIndex(port), tag: tag, offload: offload)
    let end = network.process(batch, from: 0, into: &deliveries, now: now, tracer: &tracer)
    #expect(end == 1)
    let sums = network.conservation
    #expect(sums.holds, "\(sums)")
    return sent()
  }

  /// What the switch sends by itself now: beacons, queries, frames out of shapers, batch by batch.
  func produce() -> [[Sent]] {
    var rounds: [[Sent]] = []
    var isMore = true
    while isMore {
      batch.removeAll()
      deliveries.removeAll()
      isMore = network.produce(into: &batch, &deliveries, now: now)
      #expect(network.conservation.holds)
      if deliveries.count > 0 { rounds.append(Array(sent())) }
    }
    return rounds
  }

  /// The deliveries in the list.
  func sent() -> Set<Sent> {
    var all: Set<Sent> = []
    for index in 0..<deliveries.touchedCount {
      let port = deliveries.touchedPort(index)
      var entry = deliveries.first(of: port)
      while let current = entry {
        let isNew = all.insert(Sent(port.index, deliveries[current].tag)).inserted
        #expect(isNew, "delivered twice to \(port)")
        entry = deliveries.next(after: current)
      }
    }
    return all
  }

  /// The bytes of a frame in the batch.
  func bytes(of frame: Int) -> [UInt8] {
    var copy: [UInt8] = []
    for offset in 0..<Int(batch[frame].byteCount) {
      copy.append(batch.bytes(of: frame).byte(offset))
    }
    return copy
  }

  func counters(of port: Int) -> PortCounters { network.portCounters(PortIndex(port)) }

  var sums: ConservationSums { network.conservation }

  func drops(_ reason: DropReason, at port: Int) -> UInt64 {
    network.portCounters(PortIndex(port))[reason]
  }

  func setLink(_ uplink: Int, isUp: Bool) {
    network.setLink(PortIndex(uplink), isUp: isUp, now: now)
  }

  func setAttached(_ port: Int, _ isAttached: Bool) {
    network.setAttached(PortIndex(port), isAttached, now: now)
  }

  /// The uplink that a port's team gives it, -1 for none.
  func uplink(of port: Int) -> Int { network.selectedUplink(of: PortIndex(port))?.index ?? -1 }

  /// The uplinks of all VM ports.
  var selection: [Int] { (uplinks.count..<ports.count).map { uplink(of: $0) } }

  func isUsable(_ uplink: Int) -> Bool { network.isUplinkUsable(PortIndex(uplink)) }

  func isAttached(_ port: Int) -> Bool { network.isAttached(PortIndex(port)) }

  /// The address of a port on the switch.
  func address(of port: Int) -> MACAddress { network.address(of: PortIndex(port)) }

  func isReceiveDisabled(_ port: Int) -> Bool { network.isReceiveDisabled(PortIndex(port)) }

  func teamUplinks(of port: Int) -> UInt32 { network.teamUplinks(of: PortIndex(port)) }

  /// When the switch wants to be called again.
  func tick() -> MonotonicTime { network.tick(now: now) }

  /// The ports that wait to be announced, in order; none waits afterwards.
  func takeAnnouncements() -> [Int] {
    var waiting: [Int] = []
    while let port = network.nextPortToAnnounce() { waiting.append(port.index) }
    return waiting
  }

  func advance(milliseconds: UInt64) {
    now = now.advanced(byMilliseconds: milliseconds)
    _ = network.tick(now: now)
  }
}

/// The address of VM port `port`.
func mac(_ port: Int) -> MACAddress { MACAddress(rawValue: 0x0050_5600_0000 + UInt64(port)) }

/// Somebody beyond the uplinks.
let outsider = MACAddress(rawValue: 0x0200_0000_0001)

/// A frame with an experimental EtherType and a payload of zeroes.
func frame(
  from source: MACAddress, to destination: MACAddress, etherType: UInt16 = 0x88B5,
  payloadBytes: Int = 46
) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: 14 + payloadBytes)
  var elements = bytes.mutableSpan
  // SAFETY: every bit pattern is a valid byte.
  var span = unsafe elements.mutableBytes
  span.setMACAddress(destination, at: 0)
  span.setMACAddress(source, at: 6)
  span.setBig16(etherType, at: 12)
  return bytes
}

/// An announcement as it comes from a wire.
func bytes(of announcement: Announcement) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: Announcement.largestFrameBytes)
  var elements = bytes.mutableSpan
  // SAFETY: every bit pattern is a valid byte.
  var span = unsafe elements.mutableBytes
  let byteCount = announcement.emit(into: &span)
  return Array(bytes.prefix(byteCount))
}

/// A VM port in an access VLAN, 0 for none.
func vm(vlan: UInt16 = 0, _ change: (inout PortPlan) -> Void = { _ in }) -> PortPlan {
  var plan = PortPlan()
  plan.kind = .vm
  plan.vlanMode = vlan == 0 ? .none : .access
  plan.vlan = vlan
  change(&plan)
  return plan
}

/// A VM port that tags for itself.
func trunk(set: UInt16 = 1, slot: UInt16 = 0, _ change: (inout PortPlan) -> Void = { _ in })
  -> PortPlan
{
  vm {
    $0.vlanMode = .trunk
    $0.vlanSet = set
    $0.trunkSlot = slot
    change(&$0)
  }
}
