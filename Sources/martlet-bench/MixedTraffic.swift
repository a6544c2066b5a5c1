// A small switch and one batch that between them reach every way through forwarding: known and unknown
// unicast, broadcast, trunks, learning with its limit, announcements in and out, and drops.
//
//   ports 0, 1  uplinks, explicit failover       4, 5  VMs in VLAN 20 that learn and flood
//         2, 3  VMs in VLAN 10                    6    a VM with a trunk

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Wire

struct MixedTraffic: ~Copyable {
  private static let uplinks = 2
  private static let vms = 5

  var network: Switch
  private var random: SeededRandom
  private var batch: FrameBatch
  private var announcements: FrameBatch
  private var deliveries: DeliveryList
  private var now = MonotonicTime(seconds: 1)
  private var isLinkUp = true

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
    var limits = SwitchLimits()
    limits.ports = 16
    limits.macEntries = 4_096
    network = Switch(limits: limits, seed: seed)
    batch = FrameBatch(capacity: 256, frameCapacityBytes: 128)
    announcements = FrameBatch(capacity: 64, frameCapacityBytes: 128)
    deliveries = DeliveryList(capacity: 1_024, portCapacity: limits.ports)
    _ = network.apply(Self.plan(), now: now)
    for port in 0..<Self.uplinks + Self.vms {
      network.setAttached(PortIndex(port), true, now: now)
    }
    for port in 0..<Self.uplinks { network.setLink(PortIndex(port), isUp: true, now: now) }
  }

  private static func plan() -> SwitchPlan {
    var ports = (0..<uplinks).map { position in
      var port = PortPlan()
      port.kind = .uplink
      port.vlanMode = .trunk
      port.team = UInt16(position)
      port.id = UInt32(1_000 + position)
      return port
    }
    for index in 0..<vms {
      var port = PortPlan()
      port.kind = .vm
      port.id = UInt32(index)
      port.mac = PipelineTraffic.address(uplinks + index)
      port.vlanMode = index == 4 ? .trunk : .access
      port.vlan = index == 4 ? 0 : index < 2 ? 10 : 20
      port.allowsForgedTransmits = index >= 2
      port.learnsMACs = index == 2 || index == 3
      port.floodsUnknown = port.learnsMACs
      port.macLimit = 1_000
      port.forwardsBeyondLimit = index == 3
      ports.append(port)
    }
    return SwitchPlan(
      revision: 1, mtu: 1500, ports: ports,
      teams: [TeamPlan(policy: .explicitFailover, active: [0, 1])], vlanSets: [.all],
      uplinks: [PortIndex(0), PortIndex(1)],
      addresses: [])
  }

  /// Makes a batch, switches it, and lets time and links move on. Returns the number of frames.
  mutating func step() -> Int {
    fill()
    var done = 0
    while done < batch.count {
      done = network.process(batch, from: done, into: &deliveries, now: now)
      deliveries.removeAll()
    }
    now = now.advanced(byMilliseconds: 10)
    if random.next() % 64 == 0 {
      isLinkUp.toggle()
      network.setLink(PortIndex(0), isUp: isLinkUp, now: now)
    }
    if random.next() % 1_024 == 0 { _ = network.flushMACs() }
    _ = network.tick(now: now)
    network.sweepMACs(now: now)
    return done + announce()
  }

  private mutating func announce() -> Int {
    var frames = 0
    while let port = network.nextPortToAnnounce() {
      var cursor = AnnouncementCursor()
      while !cursor.isDone {
        announcements.removeAll()
        network.announce(port, into: &announcements, &deliveries, &cursor)
        frames += announcements.count
        deliveries.removeAll()
      }
    }
    return frames
  }

  private mutating func fill() {
    batch.removeAll()
    while !batch.isFull {
      let draw = random.next()
      let ingress = Int(draw % UInt64(Self.uplinks + Self.vms))
      let index = batch.appendZeroed(byteCount: 60, ingress: PortIndex(ingress))
      var bytes = batch.mutableBytes(of: index)
      bytes.setMACAddress(Self.address(draw >> 8), at: 0)
      bytes.setMACAddress(Self.source(of: ingress, draw >> 24), at: 6)
      bytes.setBig16(0x0800, at: 12)
      if (draw >> 40) & 15 == 0 {
        let announced = bytes.bytes.macAddress(at: 6)
        _ = Announcement.rarp(announced).emit(into: &bytes)
      }
      if ingress < 2 || ingress == 6 {
        batch[index].tag = VLANTag(vlan: 10 * UInt16(draw >> 48 & 3))
      }
    }
  }

  private static func source(of ingress: Int, _ draw: UInt64) -> MACAddress {
    draw & 3 == 0 || ingress < 2
      ? PipelineTraffic.address(Int(draw & 0x7FF)) : PipelineTraffic.address(ingress)
  }

  private static func address(_ draw: UInt64) -> MACAddress {
    switch draw & 7 {
    case 0: .broadcast
    case 1: MACAddress(rawValue: 0x0100_5E00_0000 | draw & 0xFF)
    case 2: PipelineTraffic.address(Int(draw & 0x7FF))
    default: PipelineTraffic.address(2 + Int(draw >> 3) % 5)
    }
  }
}
