// The switch and its model, side by side: the same events to both, and what they say about each compared.

import Base
import Dataplane
import FrameMemory
import Wire

final class SideBySide {
  var random: RandomSwitches
  var model: ForwardingModel
  let net: TestNetwork
  /// What happened in this step, and what went wrong in it.
  var event = ""
  var problems: [String] = []

  private static let portCount = RandomSwitches.portCount
  private static let uplinkCount = RandomSwitches.uplinkCount

  init(seed: UInt64) {
    random = RandomSwitches(seed: seed)
    var limits = SwitchLimits()
    limits.ports = 64
    limits.macEntries = 1_024
    limits.flows = 1_024
    // So much that no queue takes room from another.
    limits.shaperBytes = 8 << 20
    net = TestNetwork(vms: [], uplinkCount: Self.uplinkCount, limits: limits, isUp: false)
    model = ForwardingModel(ports: [], teams: [])
    model.ports = (0..<Self.portCount).map { random.port($0) }
    model.teams = (0..<3).map { _ in random.team() }
    model.privateVLANs = random.privateVLANs()
    // One more than there are ports: frames come from nowhere, too.
    model.counters = (0...Self.portCount).map { _ in ModelCounters() }
    // The uplinks that TestNetwork made are replaced, so that both begin with nothing.
    net.ports = []
    net.apply(revision: 0, uplinks: [])
    net.now = MonotonicTime(nanoseconds: UInt64(model.nanoseconds))
    model.settleShapers(model.ports.map { _ in ModelPort() })
    apply()
    settle()
    for index in 0..<Self.portCount where random.chance(85) {
      setAttached(index, true)
      settle()
    }
    for uplink in 0..<Self.uplinkCount where random.chance(85) {
      setLink(uplink, isUp: true)
      settle()
    }
  }

  func check(_ isRight: Bool, _ text: @autoclosure () -> String) {
    if !isRight { problems.append(text()) }
  }

  func step() {
    switch random.number(below: 100) {
    case 0..<78: sendFrame()
    case 78..<83: setLink(random.number(below: Self.uplinkCount), isUp: random.chance(60))
    case 83..<87: setAttached(random.number(below: Self.portCount), random.chance(85))
    case 87..<91: advance()
    case 91..<95: setNIC()
    case 95..<97: reconfigure()
    case 97: random.chance(30) ? sendBurst() : flush()
    default: announce()
    }
    // What a change made due is looked at in the next tick.
    pass(1)
    settle()
    judgeTable()
    let sums = net.sums
    check(sums.holds, "\(sums)")
    // What went wrong with the frame itself says more.
    guard problems.isEmpty else { return }
    for port in 0...Self.portCount {
      let counted = ModelCounters(net.counters(of: port))
      let expected = model.counters[port]
      check(counted == expected, "port \(port) counts \(counted), not \(expected)")
    }
  }

  // MARK: - Frames

  private func sendFrame() {
    let frame = random.frame(model.ports)
    event = "\(frame)"
    send(frame)
  }

  /// More than a shaper's queue holds.
  private func sendBurst() {
    var frame = random.frame(model.ports)
    guard !frame.isRunt && !frame.isAnnouncement else { return }
    frame.bytes += [UInt8](repeating: 0, count: max(0, 1_514 - frame.bytes.count))
    event = "120 times \(frame)"
    for _ in 0..<120 { send(frame) }
  }

  private func send(_ frame: ModelFrame) {
    let tag = frame.vlan.map {
      VLANTag(
        controlInformation: UInt16(frame.priority >> 1) << 13
          | UInt16(frame.priority & 1) << 12 | $0)
    }
    var tracer = RecordingTracer()
    _ = net.send(frame.bytes, at: frame.ingress, tag: tag ?? .none, tracer: &tracer)
    let expected = model.forward(frame)
    note(expected)
    model.counters[frame.ingress].ingress.count(frame)
    model.count(frame, expected)
    compare(net.handed(), expected.deliveries, "deliveries")
    compare(Self.drops(tracer), expected.drops, "drops")
  }

  private static func drops(_ tracer: RecordingTracer) -> [ModelDrop] {
    tracer.events.compactMap { event in
      guard case .dropped(let reason, let port, let direction) = event else { return nil }
      return ModelDrop(reason: reason, port: port.index, isIngress: direction == .ingress)
    }
  }

  /// Why frames were dropped, and what else happened, so far.
  private(set) var reached: Set<String> = []

  private func note(_ outcome: ModelOutcome) {
    for drop in outcome.drops { reached.insert("\(drop.reason.name) \(drop.isIngress)") }
    if outcome.deliveries.contains(where: { $0.dscp != nil }) { reached.insert("dscp") }
  }

  private func compare<Element: Hashable>(
    _ actual: [Element], _ expected: [Element], _ what: String
  ) {
    let isSame =
      actual.reduce(into: [:]) { $0[$1, default: 0] += 1 }
      == expected.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    check(isSame, "\(what) \(actual), not \(expected)")
  }

  // MARK: - Events

  private func setLink(_ uplink: Int, isUp: Bool) {
    event = "link of \(uplink) up: \(isUp)"
    net.setLink(uplink, isUp: isUp)
    model.setLink(uplink, isUp: isUp)
  }

  private func setAttached(_ port: Int, _ isAttached: Bool) {
    guard model.ports[port].kind != .absent else { return }
    event = "port \(port) attached: \(isAttached)"
    net.setAttached(port, isAttached)
    model.setAttached(port, isAttached)
  }

  private func advance() {
    // In ticks of the wheel that wakes the shapers.
    let ticks = random.pick([1, 16, 611, 1_525, 1_526, 15_259, 38_147, 4_592_896])
    event = "\(ticks) ticks pass"
    pass(ticks)
  }

  private func pass(_ ticks: Int) {
    let nanoseconds = ticks * 65_536
    net.now = net.now.advanced(byNanoseconds: UInt64(nanoseconds))
    model.advance(nanoseconds: nanoseconds)
  }

  private func setNIC() {
    let port = random.number(below: Self.portCount)
    let nic = random.nic(of: model.ports[port])
    event = "nic of \(port): \(nic)"
    net.setNIC(port, nic)
    model.setNIC(port, nic)
  }

  private func flush() {
    let port = random.chance(50) ? random.number(below: Self.portCount) : nil
    event = "flush \(port.map { "\($0)" } ?? "all")"
    _ = net.network.flushMACs(of: port.map { PortIndex($0) })
    model.flush(port)
  }

  private func reconfigure() {
    event = "new configuration"
    var (ports, teams, table) = (model.ports, model.teams, model.privateVLANs)
    for index in ports.indices where random.chance(25) { random.change(&ports[index], at: index) }
    if random.chance(30) { teams[random.number(below: 3)] = random.team() }
    if random.chance(10) { table = random.privateVLANs() }
    for index in model.reconfigure(ports, teams, table) { model.selected[index] = nil }
    apply()
  }

  private func apply() { net.apply(model) }

  /// What comes out of the shapers, and what stays in them.
  private func judgeShapers() {
    var tracer = RecordingTracer()
    let deliveries = net.produce(&tracer)
    var expected = ModelOutcome()
    for (frame, outcome) in model.release() {
      model.count(frame, outcome)
      expected.deliveries += outcome.deliveries
      expected.drops += outcome.drops
    }
    note(expected)
    if !expected.deliveries.isEmpty { reached.insert("released") }
    compare(deliveries, expected.deliveries, "released")
    compare(Self.drops(tracer), expected.drops, "drops of released frames")
    for (id, buckets) in model.buckets {
      var buckets = buckets
      buckets.fill(model.nanoseconds)
      let direction: Direction = id.isIngress ? .ingress : .egress
      let state = net.network.shaperState(PortIndex(id.port), direction, now: net.now)
      let waiting = model.queues[id]
      check(
        state?.queuedFrames == waiting?.frames.count ?? 0
          && state?.queuedBytes == waiting?.byteCount ?? 0,
        "\(id) \(state as Any) \(waiting as Any)")
      check(
        state?.tokensBytes == Int(buckets.average / 8_000_000_000),
        "tokens of \(id): \(state as Any), not \(buckets), \(buckets.average / 8_000_000_000)")
    }
  }

  /// Lets time-driven work happen, and judges the choice of every team.
  private func settle() {
    _ = net.tick()
    model.endDelays()
    for _ in 0..<10 { net.network.sweepMACs(now: net.now) }
    let ready = model.readyUplinks
    for index in 0..<Self.uplinkCount {
      check(net.isUsable(index) == ready.contains(index), "uplink \(index) usable")
    }
    for index in Self.uplinkCount..<Self.portCount {
      guard model.ports[index].kind == .vm else {
        model.selected[index] = nil
        continue
      }
      let chosen = net.network.selectedUplink(of: PortIndex(index))?.index
      let right = model.rightUplink(of: index, before: model.selected[index])
      check(
        chosen == right,
        "port \(index) has uplink \(chosen ?? -1), not \(right ?? -1) of "
          + "\(model.teams[model.ports[index].team])")
      model.selected[index] = chosen
      judgeGuest(index)
    }
    judgeShapers()
  }

  /// What the switch shows about a guest's nic.
  private func judgeTable() {
    var actual = net.learned()
    actual.subtract(model.learned.map { "\($0) \($1.port) \($1.isExternal)" })
    check(
      actual.isEmpty && net.learned().count == model.learned.count,
      "learned \(net.learned()), not \(model.learned)")
  }

  private func judgeGuest(_ index: Int) {
    let (shown, own) = (net.guest(of: index), model.ports[index])
    check(shown.address == model.address(of: own), "address of port \(index)")
    check(
      shown.isReceiveDisabled == model.isReceiveDisabled(own), "receive disabled at port \(index)")
    check(shown.isPromiscuous == model.isPromiscuous(own), "promiscuous port \(index)")
  }

  private func announce() {
    let waiting = net.takeAnnouncements() + [random.number(below: Self.portCount)]
    event = "announce \(waiting)"
    for port in waiting {
      var tracer = RecordingTracer()
      let announced = net.announce(port, batchFrames: 3, tracer: &tracer)
      let own = model.ports[port]
      let isOpen = own.isAttached && !own.isBlocked && !own.isFenced
      check(announced.isEmpty || own.kind == .vm && isOpen, "port \(port) announces")
      for one in announced {
        let uplink = model.ports[one.port]
        let bytes = DataplaneTests.bytes(of: one.announcement)
        let frame = ModelFrame(
          ingress: port, destination: 0xFFFF_FFFF_FFFF, source: one.announcement.mac.rawValue,
          bytes: bytes)
        // It leaves as the frames of the address do, so that the physical switch learns the right one.
        check(
          model.uplinks(for: frame) == [one.port] && uplink.isAttached, "\(one) by another uplink")
        check(
          uplink.vlan.carries(one.tag.vlan) && own.vlan.carries(one.tag.vlan), "\(one) VLAN")
        model.counters[one.port].egress.count(frame)
      }
      for drop in Self.drops(tracer) {
        check(
          model.ports[drop.port].kind == .uplink && !drop.isIngress, "announcement \(drop)")
        model.counters[drop.port].drop(drop)
      }
    }
  }
}
