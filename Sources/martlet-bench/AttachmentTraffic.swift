// Frames through real devices and a switch, all in one thread: what the allocation count needs to include
// the attachments.
//
//   feed ── packet socket on tap0 ─▶ TAP tap0 ─▶ port 0 │switch│ port 1 ─▶ packet socket on wire0 ─▶ wire1
//   feed ── packet socket on wire1 ─────▶ wire0 ─▶ port 1 │switch│ port 0 ─▶ TAP tap0

internal import Attachments
internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Netlink
internal import Wire

struct AttachmentTraffic: ~Copyable {
  private static let batchFrames = 64

  var network: Switch
  private let ports: [any Attachment]
  private let feeders: [any Attachment]
  private var feed: FrameBatch
  private var batch: FrameBatch
  private var deliveries: DeliveryList

  /// The two ports, and what feeds each.
  struct Devices {
    var ports: [any Attachment]
    var feeders: [any Attachment]

    /// Makes the devices in `namespace`, and goes before it.
    init(in namespace: NetworkNamespace) throws {
      let tap = try TapDevice.open(name: "tap0", namespace: namespace)
      try NetlinkSocket(in: namespace).setUp("tap0")
      try NetlinkSocket.createVethPair(
        VethEnd("wire0", in: namespace, isUp: true), VethEnd("wire1", in: namespace, isUp: true))
      func socket(_ device: String) throws -> PacketAttachment {
        PacketAttachment(try PacketSocket(device: device, namespace: namespace))
      }
      ports = [TapAttachment(tap), try socket("wire0")]
      feeders = [try socket("tap0"), try socket("wire1")]
    }
  }

  init(_ devices: Devices) {
    (ports, feeders) = (devices.ports, devices.feeders)
    var limits = SwitchLimits()
    limits.ports = 2
    network = Switch(limits: limits, seed: 1)
    feed = Self.makeFeed()
    batch = FrameBatch(capacity: Self.batchFrames)
    deliveries = DeliveryList(capacity: Self.batchFrames + 3, portCapacity: 2)
    let now = MonotonicClock.now()
    _ = network.apply(PipelineBenchmark.plan(PipelineScenario(), ports: 2), now: now)
    for port in 0..<2 { network.setAttached(PortIndex(port), true, now: now) }
  }

  private static func makeFeed() -> FrameBatch {
    let byteCount = PipelineTraffic.shortestFrameBytes
    var feed = FrameBatch(capacity: batchFrames, frameCapacityBytes: 64)
    for _ in 0..<batchFrames {
      let index = feed.appendZeroed(byteCount: byteCount, ingress: PortIndex(0))
      var frame = feed.mutableBytes(of: index)
      PipelineTraffic.write(0, 1, byteCount, into: &frame)
    }
    return feed
  }

  /// One batch in each direction. Returns how many frames went in by a port and out by the other.
  mutating func step() -> Int {
    var delivered = 0
    for port in 0..<2 {
      send(to: port)
      delivered += forward(from: port)
    }
    // What came out at the far ends is read, so that no queue is full.
    for feeder in feeders {
      while case .frames = feeder.receive(
        into: &batch, port: PortIndex(0), limit: Self.batchFrames)
      { batch.removeAll() }
    }
    return delivered
  }

  private mutating func send(to port: Int) {
    deliveries.removeAll()
    for index in 0..<feed.count {
      var bytes = feed.mutableBytes(of: index)
      bytes.setMACAddress(PipelineTraffic.address(1 - port), at: 0)
      bytes.setMACAddress(PipelineTraffic.address(port), at: 6)
      deliveries.append(
        frame: UInt16(truncatingIfNeeded: index), to: PortIndex(port), tag: .none)
    }
    _ = feeders[port].transmit(feed, &deliveries, port: PortIndex(port))
    deliveries.removeAll()
  }

  private mutating func forward(from port: Int) -> Int {
    var frames = 0
    batch.removeAll()
    while case .frames = ports[port].receive(
      into: &batch, port: PortIndex(port), limit: Self.batchFrames)
    {
      let done = network.process(batch, from: 0, into: &deliveries, now: MonotonicClock.now())
      precondition(done == batch.count, "the list holds a batch")
      for place in 0..<deliveries.touchedCount {
        let egress = deliveries.touchedPort(place)
        frames += deliveries.count
        let result = ports[egress.index].transmit(batch, &deliveries, port: egress)
        frames -= result.failures
      }
      deliveries.removeAll()
      batch.removeAll()
    }
    return frames
  }
}
