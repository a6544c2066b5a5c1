// A switch with several lanes beside the same switch with one: every event to both, and what comes out held
// against each other.

import Base
import Dataplane
import FrameMemory
import Protocols
import Tables
import Testing
import Wire

/// A frame as it leaves: by which port, as what.
struct LaneSent: Hashable, CustomStringConvertible {
  var bytes: [UInt8]
  var tag: VLANTag
  var dscp: UInt8?
  var ingress: Int

  var description: String { "\(bytes.count) bytes from port \(ingress) tag \(tag)" }
}

/// What each port got, in order.
typealias LaneOutput = [Int: [LaneSent]]

/// A frame that comes in.
struct LaneFrame {
  var bytes: [UInt8]
  var port: Int
  var tag = VLANTag.none
}

final class LaneNetworks {
  let single: TestNetwork
  let lanes: [TestNetwork]
  let rings: [LaneRings]

  /// `make` is called once for the switch alone, and once for each lane with its number and limits.
  init(
    count: Int, limits: SwitchLimits = LaneNetworks.smallLimits,
    _ make: (SwitchLimits, Int) -> TestNetwork
  ) {
    single = make(limits, 0)
    var several = limits
    several.lanes = count
    lanes = (0..<count).map { make(several, $0) }
    rings = LaneRings.make(count: count)
    _ = exchange()
  }

  static var smallLimits: SwitchLimits {
    var limits = SwitchLimits()
    limits.ports = 64
    limits.macEntries = 1_024
    limits.flows = 1_024
    limits.cachedFlows = 1_024
    limits.shaperBytes = 8 << 20
    limits.groupAddresses = 256
    limits.laneRefreshSeconds = 1
    return limits
  }

  /// A control call, or time, for all.
  func each(_ body: (TestNetwork) -> Void) {
    body(single)
    for lane in lanes { body(lane) }
  }

  func advance(milliseconds: UInt64) { each { $0.advance(milliseconds: milliseconds) } }

  /// Sends notes round until none is left. Returns how often.
  @discardableResult
  func exchange() -> Int {
    var rounds = 0
    var isMore = true
    while isMore && rounds < 100 {
      isMore = false
      for (ring, lane) in zip(rings, lanes) {
        if ring.exchange(with: &lane.network, now: lane.now) { isMore = true }
      }
      rounds += 1
    }
    #expect(rounds < 100, "the lanes come to rest")
    return rounds
  }

  // MARK: - Frames

  /// Takes frames through the switch alone.
  func sendSingle(_ frames: [LaneFrame]) -> LaneOutput {
    Self.fill(single, frames)
    return Self.process(single)
  }

  /// Takes the same frames through one lane, and those that are handed over through the others.
  func send(_ frames: [LaneFrame], by lane: Int) -> LaneOutput {
    let net = lanes[lane]
    Self.fill(net, frames)
    var output = Self.process(net)
    output.merge(handOver(from: lane)) { $0 + $1 }
    return output
  }

  private static func fill(_ net: TestNetwork, _ frames: [LaneFrame]) {
    net.batch.removeAll()
    net.deliveries.removeAll()
    for frame in frames {
      net.batch.append(
        copying: frame.bytes.rawSpan, ingress: PortIndex(frame.port), tag: frame.tag)
    }
  }

  private static func process(_ net: TestNetwork) -> LaneOutput {
    let end = net.network.process(net.batch, from: 0, into: &net.deliveries, now: net.now)
    #expect(end == net.batch.count)
    return output(net)
  }

  /// Frames in a lane's batch for shaped ports of other lanes.
  private func handOver(from lane: Int) -> LaneOutput {
    let net = lanes[lane]
    var output: LaneOutput = [:]
    guard rings[lane].handOver(from: &net.network, net.batch) != 0 else { return output }
    for other in lanes.indices where other != lane {
      let to = lanes[other]
      to.batch.removeAll()
      to.deliveries.removeAll()
      let isMore = rings[other].takeOver(
        into: &to.batch, &to.deliveries, &to.network, now: to.now)
      #expect(!isMore)
      output.merge(Self.output(to)) { $0 + $1 }
    }
    return output
  }

  /// What shapers let go, and what the switch sends by itself: of one switch, then of all lanes.
  func produce() -> (single: LaneOutput, lanes: LaneOutput) {
    let alone = Self.produce(single) {}
    var together: LaneOutput = [:]
    for lane in lanes.indices {
      let own = Self.produce(lanes[lane]) {
        // What was let go into another shaper may be let go again there.
        together.merge(handOver(from: lane)) { $0 + $1 }
      }
      together.merge(own) { $0 + $1 }
    }
    for lane in lanes.indices {
      together.merge(Self.produce(lanes[lane]) {}) { $0 + $1 }
    }
    return (alone, together)
  }

  private static func produce(_ net: TestNetwork, _ handOver: () -> Void) -> LaneOutput {
    var all: LaneOutput = [:]
    var isMore = true
    while isMore {
      net.batch.removeAll()
      net.deliveries.removeAll()
      isMore = net.network.produce(into: &net.batch, &net.deliveries, now: net.now)
      all.merge(output(net)) { $0 + $1 }
      handOver()
    }
    return all
  }

  private static func output(_ net: TestNetwork) -> LaneOutput {
    var all: LaneOutput = [:]
    for index in 0..<net.deliveries.touchedCount {
      let port = net.deliveries.touchedPort(index)
      var entry = net.deliveries.first(of: port)
      while let current = entry {
        let delivery = net.deliveries[current]
        let frame = Int(delivery.frame)
        all[port.index, default: []].append(
          LaneSent(
            bytes: net.bytes(of: frame), tag: delivery.tag, dscp: delivery.rewrite.dscp,
            ingress: net.batch[frame].ingress.rawValue == .max
              ? -1 : net.batch[frame].ingress.index))
        entry = net.deliveries.next(after: current)
      }
    }
    return all
  }

  // MARK: - What should be the same

  /// The sum of what all lanes have counted at a port.
  func counters(of port: Int) -> PortCounters {
    var sum = PortCounters()
    for lane in lanes { sum.add(lane.counters(of: port)) }
    return sum
  }

  var sums: ConservationSums {
    var sum = ConservationSums()
    for lane in lanes { sum.add(lane.sums) }
    return sum
  }

  /// Multicast groups and who is in them, whenever that ends.
  static func groups(_ net: TestNetwork) -> Set<String> {
    var cursor = 0
    var all: Set<String> = []
    while let entry = net.network.nextGroupEntry(&cursor) {
      all.insert("\(entry.vlan) \(entry.group) \(entry.port)")
    }
    return all
  }

  /// What in a lane is not as in the switch alone.
  func differences(_ lane: Int, from other: TestNetwork) -> [String] {
    let net = lanes[lane]
    var found: [String] = []
    if net.learned() != other.learned() {
      found.append("lane \(lane) learned \(net.learned()), not \(other.learned())")
    }
    for port in net.ports.indices where net.ports[port].kind == .vm {
      let (own, right) = (net.guest(of: port), other.guest(of: port))
      if own != right { found.append("lane \(lane), guest of port \(port): \(own), not \(right)") }
      if net.uplink(of: port) != other.uplink(of: port) {
        found.append(
          "lane \(lane), uplink of port \(port): \(net.uplink(of: port)), "
            + "not \(other.uplink(of: port))")
      }
    }
    if Self.groups(net) != Self.groups(other) {
      found.append("lane \(lane), groups \(Self.groups(net)), not \(Self.groups(other))")
    }
    return found
  }
}
