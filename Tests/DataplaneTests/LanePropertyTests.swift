// Random switches with two and three lanes beside the same switch with one.
//
// With the notes exchanged after each batch, the lanes deliver what one switch delivers, and know, choose and
// count the same. With notes that are late, every frame still stays within what policies allow, nothing is
// lost without a reason, and the lanes agree again once the notes have arrived.
//
// A failure prints its seed and step: `MARTLET_SEED=N swift test --filter LanePropertyTests` runs that alone.

import Base
import Dataplane
import FrameMemory
import Glibc
import Tables
import Testing
import Wire

private final class RandomLanes {
  private var random: RandomSwitches
  /// Holds the configuration; nothing is asked of it.
  private var model = ForwardingModel(ports: [], teams: [])
  let both: LaneNetworks
  /// Which lane takes the frames of a port: not always its home lane.
  private let takers: [Int]
  /// Ports that only their home lane can send by.
  private var homeOnly: [Bool] = []
  private(set) var event = ""
  var problems: [String] = []
  private(set) var deliveries = 0

  private static let portCount = RandomSwitches.portCount
  private static let uplinkCount = RandomSwitches.uplinkCount

  init(seed: UInt64, laneCount: Int, refreshSeconds: UInt32 = 1) {
    random = RandomSwitches(seed: seed)
    var limits = LaneNetworks.smallLimits
    limits.laneRefreshSeconds = refreshSeconds
    both = LaneNetworks(count: laneCount, limits: limits) { limits, lane in
      TestNetwork(
        vms: [], uplinkCount: Self.uplinkCount, limits: limits, isUp: false, lane: lane)
    }
    var takers: [Int] = []
    for _ in 0...Self.portCount { takers.append(random.number(below: laneCount)) }
    self.takers = takers
    // Announcements, which leave by uplinks, are compared where they are made.
    for port in 0..<Self.portCount {
      homeOnly.append(port >= Self.uplinkCount && random.chance(30))
    }
    model.ports = (0..<Self.portCount).map { random.port($0) }
    model.teams = (0..<3).map { _ in random.team() }
    model.privateVLANs = random.privateVLANs()
    both.each {
      $0.ports = []
      $0.apply(revision: 0, uplinks: [])
    }
    apply()
    for port in 0..<Self.portCount where random.chance(85) { setAttached(port, true) }
    for uplink in 0..<Self.uplinkCount where random.chance(85) { setLink(uplink, isUp: true) }
    settle()
  }

  private func check(_ isRight: Bool, _ text: @autoclosure () -> String) {
    if !isRight { problems.append(text()) }
  }

  // MARK: - In step

  func step() {
    if random.chance(78) { sendInStep() } else { change() }
    pass(1)
    settle()
    guard problems.isEmpty else { return }
    for lane in both.lanes.indices { problems += both.differences(lane, from: both.single) }
    for port in 0...Self.portCount {
      let (sum, right) = (both.counters(of: port), both.single.counters(of: port))
      check(sum == right, "port \(port) counts \(sum), not \(right)")
    }
    judgeAnnouncements()
    judgeSums()
  }

  private func sendInStep() {
    let lane = random.number(below: both.lanes.count)
    let frames = frames(for: lane, count: 1 + random.number(below: 4))
    event = "\(frames.count) frames at \(frames.map(\.port)) by lane \(lane)"
    let right = both.sendSingle(frames)
    let sent = both.send(frames, by: lane)
    check(sent == right, "deliveries \(sent), not \(right)")
    deliveries += sent.count
    both.exchange()
  }

  private func frames(for lane: Int, count: Int) -> [LaneFrame] {
    var frames: [LaneFrame] = []
    for _ in 0..<1_000 where frames.count < count {
      var frame = random.frame(model.ports)
      guard takers[frame.ingress] == lane else { continue }
      if random.chance(5), frame.source >> 40 & 1 == 0 {
        frame.bytes = DataplaneTests.bytes(
          of: Announcement(
            MACAddress(rawValue: frame.source),
            .v4(IPv4Address(10, 0, 0, UInt8(random.number(below: 4)))), isRouter: false))
      }
      let tag = frame.vlan.map {
        VLANTag(
          controlInformation: UInt16(frame.priority >> 1) << 13
            | UInt16(frame.priority & 1) << 12 | $0)
      }
      frames.append(LaneFrame(bytes: frame.bytes, port: frame.ingress, tag: tag ?? .none))
    }
    return frames
  }

  /// Lets time-driven work happen, and compares what comes out of shapers.
  private func settle() {
    both.each { _ = $0.tick() }
    both.exchange()
    let (right, sent) = both.produce()
    check(
      sent.mapValues(Self.counted) == right.mapValues(Self.counted),
      "released \(sent), not \(right)")
    both.exchange()
  }

  /// Shapers of one switch take turns in another order than those of several.
  private static func counted(_ sent: [LaneSent]) -> [LaneSent: Int] {
    sent.reduce(into: [:]) { $0[$1, default: 0] += 1 }
  }

  private func judgeSums() {
    for lane in both.lanes { check(lane.sums.holds, "\(lane.sums)") }
    var (sum, right) = (both.sums, both.single.sums)
    check(sum.handedOver == sum.takenOver, "\(sum)")
    (sum.handedOver, sum.takenOver) = (0, 0)
    // The queue of another lane is a queue, too.
    check(sum == right, "\(sum), not \(right)")
    right = sum
  }

  private func judgeAnnouncements() {
    let right = both.single.takeAnnouncements()
    for (lane, net) in both.lanes.enumerated() {
      let waiting = net.takeAnnouncements()
      check(waiting == (lane == 0 ? right : []), "lane \(lane) announces \(waiting), not \(right)")
    }
    guard random.chance(5) else { return }
    let port = random.number(below: Self.portCount)
    let (own, expected) = (both.lanes[0].announce(port), both.single.announce(port))
    check(Set(own.map(\.text)) == Set(expected.map(\.text)), "port \(port) announces \(own)")
  }

  // MARK: - Changes

  private func change() {
    switch random.number(below: 20) {
    case 0..<4:
      let uplink = random.number(below: Self.uplinkCount)
      setLink(uplink, isUp: random.chance(60))
    case 4..<8: setAttached(random.number(below: Self.portCount), random.chance(85))
    case 8..<12:
      let ticks = random.pick([1, 16, 611, 1_525, 15_259, 38_147, 4_592_896])
      event = "\(ticks) ticks pass"
      pass(ticks)
    case 12..<16:
      let port = random.number(below: Self.portCount)
      let nic = random.nic(of: model.ports[port])
      event = "nic of \(port): \(nic)"
      if model.ports[port].kind == .vm { model.ports[port].nic = nic }
      both.each { $0.setNIC(port, nic) }
    case 16..<18: reconfigure()
    default:
      let port = random.chance(50) ? PortIndex(random.number(below: Self.portCount)) : nil
      event = "flush \(port.map { "\($0.index)" } ?? "all")"
      both.each { _ = $0.network.flushMACs(of: port) }
    }
  }

  private func setLink(_ uplink: Int, isUp: Bool) {
    event = "link of \(uplink) up: \(isUp)"
    both.each { $0.setLink(uplink, isUp: isUp) }
  }

  private func setAttached(_ port: Int, _ isAttached: Bool) {
    guard model.ports[port].kind != .absent else { return }
    event = "port \(port) attached: \(isAttached)"
    model.ports[port].isAttached = isAttached
    both.each { $0.setAttached(port, isAttached) }
    settleSending()
  }

  private func pass(_ ticks: Int) {
    both.each { $0.now = $0.now.advanced(byNanoseconds: UInt64(ticks * 65_536)) }
  }

  private func reconfigure() {
    event = "new configuration"
    for index in model.ports.indices where random.chance(25) {
      let isAttached = model.ports[index].isAttached
      random.change(&model.ports[index], at: index)
      model.ports[index].isAttached = isAttached
    }
    if random.chance(30) { model.teams[random.number(below: 3)] = random.team() }
    if random.chance(10) { model.privateVLANs = random.privateVLANs() }
    apply()
  }

  private func apply() {
    let model = model
    both.each { $0.apply(model) }
    settleSending()
  }

  private func settleSending() {
    for port in 0..<Self.portCount {
      both.each { $0.network.setSending(PortIndex(port), atHomeOnly: homeOnly[port]) }
    }
  }

  // MARK: - Out of step

  /// Frames by several lanes, and changes, with no notes in between; or some notes, sent and not taken.
  func stepLate() {
    switch random.number(below: 10) {
    case 0: change()
    case 1: exchangeSome()
    default:
      let lane = random.number(below: both.lanes.count)
      let frames = frames(for: lane, count: 1 + random.number(below: 4))
      event = "\(frames.count) frames at \(frames.map(\.port)) by lane \(lane)"
      for (port, sent) in both.send(frames, by: lane) {
        for one in sent { judge(one, at: port) }
      }
    }
    pass(random.pick([0, 0, 1, 16]))
    both.each { _ = $0.tick() }
    for lane in both.lanes { check(lane.sums.holds, "\(lane.sums)") }
  }

  private func exchangeSome() {
    let lane = random.number(below: both.lanes.count)
    let (ring, net) = (both.rings[lane], both.lanes[lane])
    event = "lane \(lane) takes notes, or only sends"
    if random.chance(50) {
      _ = ring.exchange(with: &net.network, now: net.now)
    } else {
      _ = ring.send(from: &net.network, now: net.now)
    }
  }

  /// Nothing may leave by a port that policies keep it from.
  private func judge(_ sent: LaneSent, at port: Int) {
    let egress = model.ports[port]
    deliveries += 1
    check(sent.ingress != port, "port \(port) gets its own frame")
    check(egress.isAttached && egress.kind != .absent, "port \(port) is down and gets a frame")
    check(!egress.isBlocked && !egress.isFenced, "port \(port) is closed and gets a frame")
    guard sent.ingress >= 0, sent.ingress < model.ports.count else { return }
    let ingress = model.ports[sent.ingress]
    check(
      ingress.kind == .vm || egress.kind == .vm, "from uplink \(sent.ingress) to uplink \(port)")
    // What a trunk's frames are tagged with on the way in is not known here.
    guard case .access(let from) = ingress.vlan else { return }
    switch egress.vlan {
    case .none: check(false, "VLAN \(from) to port \(port) with none")
    case .access(let to): check(mayPass(from, to), "VLAN \(from) to port \(port) with \(to)")
    case .trunk: check(egress.vlan.carries(from), "VLAN \(from) to trunk \(port)")
    }
  }

  private func mayPass(_ from: UInt16, _ to: UInt16) -> Bool {
    guard let one = model.privateVLANs[from], let other = model.privateVLANs[to],
      one.primary == other.primary
    else { return from == to }
    return one.kind == .promiscuous || other.kind == .promiscuous
      || (from == to && one.kind == .community)
  }

  /// All notes arrive: the lanes know the same.
  func agree() {
    event = "all notes have arrived"
    both.exchange()
    for lane in both.lanes.indices.dropFirst() {
      problems += both.differences(lane, from: both.lanes[0])
    }
  }
}

extension Announced {
  fileprivate var text: String { "\(announcement) \(port) \(tag)" }
}

@Suite struct LanePropertyTests {
  private static let steps = 300

  static let seeds: [UInt64] = {
    // SAFETY: read once; nothing in the tests changes the environment.
    guard let text = unsafe getenv("MARTLET_SEED") else { return Array(1...16) }
    return UInt64(unsafe String(cString: text)).map { [$0] } ?? []
  }()

  private func fail(_ lanes: RandomLanes, _ count: Int, _ seed: UInt64, _ step: Int) {
    Issue.record(
      """
      \(count) lanes, seed \(seed), step \(step), \(lanes.event):
      \(lanes.problems.joined(separator: "\n"))
      again: MARTLET_SEED=\(seed) swift test --filter LanePropertyTests
      """)
  }

  @Test(arguments: [2, 3]) func lanesDoWhatOneSwitchDoes(count: Int) {
    var deliveries = 0
    for seed in Self.seeds {
      let lanes = RandomLanes(seed: seed, laneCount: count)
      for step in 0..<Self.steps {
        lanes.step()
        guard lanes.problems.isEmpty else { return fail(lanes, count, seed, step) }
      }
      deliveries += lanes.deliveries
    }
    if Self.seeds.count > 1 { #expect(deliveries > 100 * Self.seeds.count) }
  }

  @Test(arguments: [2, 3]) func withLateNotesNothingGoesWrong(count: Int) {
    for seed in Self.seeds {
      let lanes = RandomLanes(seed: seed, laneCount: count)
      for step in 0..<Self.steps {
        lanes.stepLate()
        if step % 20 == 19 { lanes.agree() }
        guard lanes.problems.isEmpty else { return fail(lanes, count, seed, step) }
      }
    }
  }
}
