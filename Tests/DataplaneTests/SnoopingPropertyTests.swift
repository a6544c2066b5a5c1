// Random joins, leaves, moves and silences, held against a plain list of who listens to what until when.
//
// Guests speak IGMPv2 here; the older and newer versions are the protocol's own tests. The querier is ours, and
// what it asks nobody answers unless the next step happens to.

import Base
import Dataplane
import FrameMemory
import Testing
import Wire

/// Who listens, as a list.
private struct Listeners {
  struct Membership {
    var vlan: UInt16
    var group: Int
    var port: Int
    var end: UInt64
  }

  var all: [Membership] = []

  mutating func join(_ vlan: UInt16, _ group: Int, _ port: Int, now: UInt64) {
    all.removeAll { $0.vlan == vlan && $0.group == group && $0.port == port }
    all.append(Membership(vlan: vlan, group: group, port: port, end: now + 260_000))
  }

  /// Asked twice, a second apart, and then given up.
  mutating func leave(_ vlan: UInt16, _ group: Int, _ port: Int, now: UInt64) {
    for index in all.indices
    where all[index].vlan == vlan && all[index].group == group && all[index].port == port {
      all[index].end = min(all[index].end, now + 2_000)
    }
  }

  func ports(_ vlan: UInt16, _ group: Int) -> Set<Int> {
    Set(all.filter { $0.vlan == vlan && $0.group == group }.map(\.port))
  }
}

/// A switch with snooping, and what is known about it without a table: ports 2 and 3 stay in VLANs 7 and 8,
/// 4 and 5 change between them, 6 is a trunk with both, and the rest are a private VLAN.
private final class RandomListeners {
  private static let groups = [
    IPv4Address(239, 1, 1, 1), IPv4Address(239, 1, 1, 2), IPv4Address(232, 129, 1, 1),
  ]
  private static let ports = 2..<11

  private var random: SeededRandom
  private let net: TestNetwork
  private var listeners = Listeners()
  private var milliseconds: UInt64 = 0
  private(set) var deliveries = 0

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
    func part(_ vlan: UInt16) -> PortPlan { vm(vlan: vlan) { $0.primaryVLAN = 100 } }
    net = TestNetwork(
      vms: [vm(vlan: 7), vm(vlan: 8), vm(vlan: 7), vm(vlan: 8), trunk()]
        + [part(100), part(101), part(101), part(102)],
      vlanSets: [VLANSet([7...8])],
      privateVLANs: [
        PrivateVLAN(.promiscuous, vlan: 100, primary: 100),
        PrivateVLAN(.community, vlan: 101, primary: 100),
        PrivateVLAN(.isolated, vlan: 102, primary: 100),
      ], multicast: .snooping)
    // Our first question, and the time to answer it.
    pass(1)
    pass(10_000)
  }

  private func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int(random.next() % UInt64(elements.count))]
  }

  private func pass(_ count: UInt64) {
    milliseconds += count
    net.advance(milliseconds: count)
    var tracer = RecordingTracer()
    _ = net.produce(&tracer)
    listeners.all.removeAll { $0.end <= milliseconds }
  }

  private func isOpen(_ port: Int) -> Bool { net.isAttached(port) && !net.ports[port].isBlocked }

  /// The tag that a port's frame has on a wire, and what is beside it when it comes from the guest.
  private func tags(_ port: Int) -> (wire: UInt16, own: VLANTag) {
    if net.ports[port].vlanMode != .trunk { return (net.ports[port].vlan, .none) }
    let vlan: UInt16 = pick([7, 8])
    return (vlan, VLANTag(vlan: vlan))
  }

  private func domain(_ tag: UInt16) -> UInt16 { tag >= 100 ? 100 : tag }

  /// RFC 5517, and VLANs.
  private func mayReach(_ port: Int, _ tag: UInt16) -> Bool {
    let plan = net.ports[port]
    if plan.vlanMode == .trunk { return tag == 7 || tag == 8 }
    if domain(plan.vlan) != domain(tag) { return false }
    return tag < 100 || tag == 100 || plan.vlan == 100 || (tag == 101 && plan.vlan == 101)
  }

  func step() -> String? {
    let port = pick(Array(Self.ports))
    let group = pick(Array(Self.groups.indices))
    switch random.next() % 40 {
    case 0..<14: report(0x16, port, group)
    case 14..<18: report(0x17, port, group)
    case 18..<27: return send(port, group)
    case 27..<34: return receive(group)
    case 34, 35: pass(pick([900, 2_000, 2_000, 31_000, 130_000, 261_000]))
    case 36: attach(port, pick([true, true, false]))
    // Whoever is away comes back soon.
    case 37: attach(pick(Self.ports.filter { !net.isAttached($0) } + [port]), true)
    case 38: block(pick(Self.ports.filter { net.ports[$0].isBlocked } + [port]))
    default: move(pick([4, 5]))
    }
    pass(100)
    return nil
  }

  private func report(_ type: UInt8, _ port: Int, _ group: Int) {
    let (wire, own) = tags(port)
    let bytes = igmp(type, Self.groups[group], from: mac(port), host: UInt8(port))
    _ = net.send(bytes, at: port, tag: own)
    guard isOpen(port) else { return }
    if type == 0x16 {
      listeners.join(domain(wire), group, port, now: milliseconds)
    } else {
      listeners.leave(domain(wire), group, port, now: milliseconds)
    }
  }

  private func send(_ port: Int, _ group: Int) -> String? {
    let (wire, own) = tags(port)
    let bytes = stream(to: Self.groups[group], from: mac(port), host: UInt8(port))
    let sent = Set(net.send(bytes, at: port, tag: own).map(\.port))
    let expected = isOpen(port) ? wanting(wire, group).subtracting([port]).union([0]) : []
    return compare(sent, expected, "port \(port) to group \(group) with tag \(wire)")
  }

  private func receive(_ group: Int) -> String? {
    let wire: UInt16 = pick([7, 8, 100, 101, 102])
    let bytes = stream(to: Self.groups[group], from: outsider, host: 99)
    let sent = Set(net.send(bytes, at: 0, tag: VLANTag(vlan: wire)).map(\.port))
    return compare(sent, wanting(wire, group), "uplink to group \(group) with tag \(wire)")
  }

  private func wanting(_ wire: UInt16, _ group: Int) -> Set<Int> {
    listeners.ports(domain(wire), group).filter { isOpen($0) && mayReach($0, wire) }
  }

  private func compare(_ sent: Set<Int>, _ expected: Set<Int>, _ what: String) -> String? {
    deliveries += sent.subtracting([0]).count
    return sent == expected ? nil : "\(what): \(sent.sorted()), not \(expected.sorted())"
  }

  private func attach(_ port: Int, _ isAttached: Bool) {
    guard isAttached != net.isAttached(port) else { return }
    net.setAttached(port, isAttached)
    listeners.all.removeAll { $0.port == port }
  }

  /// A port that is blocked listens to what it did, until that ends for want of an answer.
  private func block(_ port: Int) {
    net.ports[port].isBlocked.toggle()
    net.apply(revision: 2)
  }

  private func move(_ port: Int) {
    net.ports[port].vlan = net.ports[port].vlan == 7 ? 8 : 7
    net.apply(revision: 3)
    listeners.all.removeAll { $0.port == port }
  }
}

@Suite struct SnoopingPropertyTests {
  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func groupsReachWhoListens(seed: UInt64) {
    let listeners = RandomListeners(seed: seed)
    for step in 0..<1_000 {
      guard let problem = listeners.step() else { continue }
      Issue.record("seed \(seed), step \(step): \(problem)")
      return
    }
    #expect(listeners.deliveries > 100)
  }
}
