// What each port counts: In is what came, dropped or not; Out is what was handed over.

import Dataplane
import FrameMemory

struct ModelTraffic: Equatable {
  /// Unicast, multicast, broadcast.
  var packets = [0, 0, 0]
  var bytes = [0, 0, 0]
  var dropped = 0
  var exceptions = 0

  mutating func count(_ frame: ModelFrame) {
    let kind = frame.isRunt || !frame.isGroup ? 0 : frame.isBroadcast ? 2 : 1
    packets[kind] += 1
    bytes[kind] += frame.bytes.count
  }

  mutating func drop(_ reason: DropReason) {
    switch reason {
    case .runt, .malformed, .checksum: exceptions += 1
    default: dropped += 1
    }
  }
}

struct ModelCounters: Equatable {
  var ingress = ModelTraffic()
  var egress = ModelTraffic()
  var drops: [DropReason: Int] = [:]

  init() {}

  /// The switch's counters of a port, in the words of the model.
  init(_ counters: PortCounters) {
    ingress = ModelTraffic(counters.ingress)
    egress = ModelTraffic(counters.egress)
    for reason in DropReason.allCases where counters[reason] > 0 {
      drops[reason] = Int(counters[reason])
    }
  }

  mutating func drop(_ drop: ModelDrop) {
    drops[drop.reason, default: 0] += 1
    if drop.isIngress { ingress.drop(drop.reason) } else { egress.drop(drop.reason) }
  }
}

extension ModelTraffic {
  init(_ traffic: TrafficCounters) {
    packets = [traffic.packetsUnicast, traffic.packetsMulticast, traffic.packetsBroadcast].map {
      Int($0)
    }
    bytes = [traffic.bytesUnicast, traffic.bytesMulticast, traffic.bytesBroadcast].map { Int($0) }
    dropped = Int(traffic.packetsDropped)
    exceptions = Int(traffic.packetsException)
  }
}

extension ForwardingModel {
  mutating func count(_ frame: ModelFrame, _ outcome: ModelOutcome) {
    for delivery in outcome.deliveries { counters[delivery.port].egress.count(frame) }
    for drop in outcome.drops { counters[drop.port].drop(drop) }
  }
}
