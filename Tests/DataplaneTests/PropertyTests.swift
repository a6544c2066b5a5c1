// Random switches, random frames and random events, held against the slow model: every delivery equal,
// every frame accounted for, every port's counters right, every team's choice lawful.
//
// A failure prints its seed and step: `MARTLET_SEED=N swift test --filter PropertyTests` runs that alone.

import Base
import Dataplane
import FrameMemory
import Glibc
import Testing
import Wire

private let uplinkCount = 3
private let portCount = 11

/// Random configurations: small numbers, so that everything meets everything.
private struct Configurations {
  var random: SeededRandom

  mutating func chance(_ percent: UInt64) -> Bool { random.next() % 100 < percent }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int(random.next() % UInt64(elements.count))]
  }

  mutating func team() -> ModelTeam {
    var order = [0, 1, 2]
    order.shuffle(using: &random)
    let active = Int(random.next() % 4)
    let standby = Int(random.next() % UInt64(4 - active))
    return ModelTeam(
      byPortID: chance(50), failsBack: chance(70), active: Array(order.prefix(active)),
      standby: Array(order.dropFirst(active).prefix(standby)))
  }

  mutating func port(_ index: Int) -> ModelPort {
    var port = ModelPort()
    port.id = UInt32(index) + (chance(10) ? 100 : 0)
    if index < uplinkCount {
      port.kind = .uplink
      port.vlan = chance(80) ? .trunk(Set(0...4094)) : .trunk([0, 10, 20])
    } else {
      port.kind = chance(90) ? .vm : .absent
      port.vlan = pick([
        .none, .access(10), .access(10), .access(20), .trunk([0, 10]), .trunk([10, 20, 30]),
      ])
      port.mac = UInt64(0x0050_5600_0000 + index)
      port.allowsForged = chance(60)
      port.learns = chance(60)
      port.floods = port.learns && chance(50)
      port.forwardsBeyondLimit = chance(50)
      port.limit = pick([1, 2, 4, 8])
      port.team = pick([0, 1, 2])
    }
    port.isBlocked = chance(5)
    port.isFenced = chance(5)
    return port
  }

  /// A frame for any port, that more often than not has a chance to arrive.
  mutating func frame(_ ports: [ModelPort]) -> ModelFrame {
    let ingress = Int(random.next() % UInt64(portCount + 1))
    let known = (0..<portCount).map { UInt64(0x0050_5600_0000 + $0) }
    let strangers = (0..<6).map { UInt64(0x0200_0000_0100 + $0) }
    let own = ingress < portCount && chance(60) ? ports[ingress].mac : 0
    let groups: [UInt64] = [
      0, 0xFFFF_FFFF_FFFF, 0x0100_5E00_0001, 0x0180_C200_0000, 0x0180_C200_000E,
    ]
    var frame = ModelFrame(
      ingress: ingress, destination: pick(known + strangers + groups),
      source: own != 0 ? own : pick(known + strangers),
      vlan: pick([nil, nil, 0, 10, 20, 30, 40]))
    if chance(2) { frame.source = pick([0, 0x0100_5E00_0001]) }
    if chance(4) { frame.payloadBytes = pick([-1, 0, 1_500, 1_501]) }
    if frame.payloadBytes == 46, chance(15) {
      frame.isAnnouncement = true
      frame.destination = 0xFFFF_FFFF_FFFF
      // What a port has learned, and what comes back of it.
      if chance(50) { frame.source = pick(strangers) }
    }
    return frame
  }
}

/// The switch and its model, side by side.
private final class SideBySide {
  var configurations: Configurations
  var model: ForwardingModel
  let net: TestNetwork
  /// What went wrong in this step.
  var problems: [String] = []
  var received = [UInt64](repeating: 0, count: portCount + 1)
  var sent = [UInt64](repeating: 0, count: portCount + 1)

  init(seed: UInt64) {
    configurations = Configurations(random: SeededRandom(seed: seed))
    net = TestNetwork(vms: [], uplinkCount: uplinkCount, isUp: false)
    model = ForwardingModel(ports: [], teams: [])
    for index in 0..<portCount { model.ports.append(configurations.port(index)) }
    model.teams = (0..<3).map { _ in configurations.team() }
    // The uplinks that TestNetwork made are replaced, so that both begin with nothing.
    net.ports = []
    net.apply(revision: 0, uplinks: [])
    net.now = MonotonicTime(milliseconds: UInt64(model.milliseconds))
    apply()
  }

  private func check(_ isRight: Bool, _ text: @autoclosure () -> String) {
    if !isRight { problems.append(text()) }
  }

  func apply() {
    net.vlanSets = []
    net.ports = model.ports.enumerated().map { plan($1, at: $0) }
    net.teams = model.teams.map { team in
      TeamPlan(
        policy: team.byPortID ? .originatingPortID : .explicitFailover,
        active: team.active.map { UInt8($0) }, standby: team.standby.map { UInt8($0) },
        failsBack: team.failsBack)
    }
    net.apply(revision: 1, uplinks: Array(0..<uplinkCount))
    settle()
  }

  private func plan(_ port: ModelPort, at index: Int) -> PortPlan {
    var plan = PortPlan()
    plan.kind = port.kind == .vm ? .vm : port.kind == .uplink ? .uplink : .absent
    plan.id = port.id
    plan.mac = MACAddress(rawValue: port.mac)
    plan.isBlocked = port.isBlocked
    plan.isFenced = port.isFenced
    plan.allowsForgedTransmits = port.allowsForged
    plan.learnsMACs = port.learns
    plan.floodsUnknown = port.floods
    plan.forwardsBeyondLimit = port.forwardsBeyondLimit
    plan.macLimit = UInt16(port.limit)
    plan.team = UInt16(port.kind == .uplink ? index : port.team)
    plan.trunkSlot = UInt16(index)
    switch port.vlan {
    case .none: break
    case .access(let vlan):
      plan.vlanMode = .access
      plan.vlan = vlan
    case .trunk(let vlans):
      plan.vlanMode = .trunk
      plan.vlanSet = UInt16(net.vlanSets.count)
      net.vlanSets.append(VLANSet(vlans.map { $0...$0 }))
    }
    return plan
  }

  /// Lets time-driven work happen, and judges the choice of every team.
  func settle() {
    _ = net.tick()
    for _ in 0..<10 { net.network.sweepMACs(now: net.now) }
    let usable = model.usableUplinks()
    for index in 0..<uplinkCount {
      check(net.isUsable(index) == usable.contains(index), "uplink \(index) usable")
    }
    for index in uplinkCount..<portCount {
      guard model.ports[index].kind == .vm else {
        model.selected[index] = nil
        continue
      }
      let chosen = net.network.selectedUplink(of: PortIndex(index))?.index
      judge(chosen, before: model.selected[index], model.ports[index], usable)
      model.selected[index] = chosen
    }
  }

  private func judge(_ chosen: Int?, before: Int?, _ port: ModelPort, _ usable: Set<Int>) {
    let team = model.teams[port.team]
    let candidates = team.members.filter { usable.contains($0) }
    guard let chosen else {
      check(candidates.isEmpty, "no uplink of \(candidates)")
      return
    }
    check(candidates.contains(chosen), "uplink \(chosen) of \(candidates)")
    let stays = before.map { candidates.contains($0) } ?? false
    let home = team.active.isEmpty ? nil : team.active[Int(port.id) % team.active.count]
    if !team.failsBack && stays {
      check(chosen == before, "uplink \(chosen), moved")
    } else if !team.byPortID || home == nil {
      check(chosen == candidates.first, "uplink \(chosen), not the first")
    } else if let home, usable.contains(home) {
      check(chosen == home, "uplink \(chosen), not home")
    } else if stays {
      check(chosen == before, "uplink \(chosen), moved")
    }
  }

  func step() {
    switch configurations.random.next() % 100 {
    case 0..<80: sendFrame()
    case 80..<85:
      let uplink = configurations.pick([0, 1, 2])
      let isUp = configurations.chance(60)
      net.setLink(uplink, isUp: isUp)
      model.setLink(uplink, isUp: isUp)
      settle()
    case 85..<90:
      let port = Int(configurations.random.next() % UInt64(portCount))
      guard model.ports[port].kind != .absent else { return }
      let isAttached = configurations.chance(85)
      net.setAttached(port, isAttached)
      model.setAttached(port, isAttached)
      settle()
    case 90..<94:
      let milliseconds = configurations.pick([1, 40, 99, 100, 1_000, 2_500, 301_000])
      net.now = net.now.advanced(byMilliseconds: UInt64(milliseconds))
      model.advance(milliseconds: milliseconds)
      settle()
    case 94..<97: reconfigure()
    case 97: flush()
    default: announce()
    }
    let sums = net.sums
    check(sums.holds, "\(sums)")
    checkCounters()
  }

  private func sendFrame() {
    let frame = configurations.frame(model.ports)
    let (source, destination) = (
      MACAddress(rawValue: frame.source), MACAddress(rawValue: frame.destination)
    )
    var content = DataplaneTests.frame(
      from: source, to: destination, payloadBytes: max(0, frame.payloadBytes))
    if frame.payloadBytes < 0 { content.removeLast() }
    if frame.isAnnouncement { content = bytes(of: .rarp(source)) }
    if frame.isAnnouncement && source.isMulticast { return }
    let tag = frame.vlan.map { VLANTag(vlan: $0, priority: 5) } ?? .none
    received[frame.ingress] += 1
    let actual = net.send(content, at: frame.ingress, tag: tag)
    let vlan = vlanInside(frame)
    let expected = model.forward(frame).map { port -> Sent in
      guard case .trunk = model.ports[port].vlan, vlan != 0 else { return Sent(port) }
      return Sent(port, VLANTag(vlan: vlan, priority: frame.vlan == nil ? 0 : 5))
    }
    check(actual == Set(expected), "\(frame): \(actual), not \(expected)")
    for port in actual { sent[port.port] += 1 }
  }

  private func vlanInside(_ frame: ModelFrame) -> UInt16 {
    guard frame.ingress < portCount else { return 0 }
    if case .access(let vlan) = model.ports[frame.ingress].vlan { return vlan }
    return frame.vlan ?? 0
  }

  private func reconfigure() {
    var ports = model.ports
    for index in ports.indices where configurations.chance(25) {
      let new = configurations.port(index)
      // Often only one policy changes, and the port stays the same one.
      if configurations.chance(50) { ports[index].vlan = new.vlan } else { ports[index] = new }
    }
    var teams = model.teams
    if configurations.chance(30) { teams[0] = configurations.team() }
    for index in model.reconfigure(ports, teams) {
      received[index] = 0
      sent[index] = 0
      model.selected[index] = nil
    }
    apply()
  }

  private func flush() {
    let port = configurations.chance(50) ? Int(configurations.random.next() % 11) : nil
    _ = net.network.flushMACs(of: port.map { PortIndex($0) })
    model.learned = model.learned.filter { port != nil && $0.value.port != port }
  }

  private func announce() {
    for port in net.takeAnnouncements() + [Int(configurations.random.next() % 11)] {
      let announced = net.announce(port, batchFrames: 3)
      check(
        announced.isEmpty || model.ports[port].kind == .vm && model.ports[port].passes,
        "port \(port) announces")
      for one in announced {
        let (own, uplink) = (model.ports[port], model.ports[one.port])
        check(one.port == model.selected[port] && uplink.passes, "\(one) by another uplink")
        check(uplink.vlan.carries(one.tag.vlan) && own.vlan.carries(one.tag.vlan), "\(one) VLAN")
        sent[one.port] += 1
      }
    }
  }

  /// Per port: In is what came, Out is what went, and the drops by reason are all of the drops.
  private func checkCounters() {
    var (drops, ins, outs): (UInt64, UInt64, UInt64) = (0, 0, 0)
    for port in 0...portCount {
      let counters = net.counters(of: port)
      check(counters.ingress.packets == received[port], "In of port \(port)")
      check(counters.egress.packets == sent[port], "Out of port \(port)")
      let byReason = DropReason.allCases.reduce(0) { $0 + counters[$1] }
      let byDirection =
        counters.ingress.packetsDropped + counters.ingress.packetsException
        + counters.egress.packetsDropped + counters.egress.packetsException
      check(byReason == byDirection, "drops of port \(port)")
      drops += byReason
      ins += received[port]
      outs += sent[port]
    }
    // A port that went took its counters with it; the sums of the switch stay.
    let sums = net.sums
    check(
      sums.dropped >= drops && sums.received >= ins && sums.delivered >= outs, "sums of ports")
  }
}

@Suite struct PropertyTests {
  /// The seeds to run: forty, or the one that the environment names.
  static let seeds: [UInt64] = {
    // SAFETY: read once; nothing in the tests changes the environment.
    if let text = unsafe getenv("MARTLET_SEED"), let seed = UInt64(unsafe String(cString: text)) {
      return [seed]
    }
    return Array(1...40)
  }()

  @Test(arguments: seeds) func theSwitchDoesWhatTheModelSays(seed: UInt64) throws {
    let both = SideBySide(seed: seed)
    for step in 0..<500 {
      both.step()
      let problems = both.problems
      try #require(problems.isEmpty, "seed \(seed), step \(step): \(problems)")
    }
  }
}
