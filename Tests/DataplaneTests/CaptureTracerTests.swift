// What a capture sees: the points that a frame passes, with the tag and the mark that it has there.

import Base
import Dataplane
import FrameMemory
import Tables
import Testing
import Wire

/// What an entry says, without the frame's number.
private struct Seen: Hashable, CustomStringConvertible {
  var point: CapturePoint
  var port: Int
  var tag: VLANTag
  var reason: DropReason?

  init(
    _ point: CapturePoint, _ port: Int, _ tag: VLANTag = .none, because reason: DropReason? = nil
  ) {
    self.point = point
    self.port = port
    self.tag = tag
    self.reason = reason
  }

  var description: String {
    "\(point.name) at \(port) \(tag) \(reason.map { $0.name } ?? "")"
  }
}

extension TestNetwork {
  /// Sends frames as one batch, and says what a capture notes of it.
  fileprivate func captured(
    _ frames: [(bytes: [UInt8], port: Int, tag: VLANTag)], _ tracer: inout CaptureTracer,
    from start: Int = 0
  ) -> [CaptureEntry] {
    batch.removeAll()
    deliveries.removeAll()
    for frame in frames {
      // SAFETY: bytes have no padding.
      batch.append(
        copying: unsafe frame.bytes.span.bytes, ingress: PortIndex(frame.port), tag: frame.tag)
    }
    let end = network.process(
      batch, from: start, into: &deliveries, now: now, capture: &tracer)
    #expect(end == frames.count)
    return (0..<tracer.count).map { tracer[$0] }
  }

  fileprivate func seen(
    _ bytes: [UInt8], at port: Int, tag: VLANTag = .none, _ points: CapturePoints = .all
  ) -> [Seen] {
    var tracer = tracer(points)
    return captured([(bytes, port, tag)], &tracer).map { Seen($0) }
  }

  fileprivate func tracer(_ points: CapturePoints = .all, capacity: Int = 64) -> CaptureTracer {
    var tracer = CaptureTracer(portCapacity: network.limits.ports, capacity: capacity)
    for port in ports.indices { tracer.want(points, at: PortIndex(port)) }
    return tracer
  }
}

extension Seen {
  fileprivate init(_ entry: CaptureEntry) {
    self.init(entry.point, entry.port.index, entry.tag, because: entry.reason)
  }
}

extension CapturePoints {
  fileprivate static let all = CapturePoints(CapturePoint.allCases.map { CapturePoints($0) })
}

@Suite struct CaptureTracerTests {
  @Test func aFrameIsSeenAtEachPoint() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10), trunk()], vlanSets: [.all])
    #expect(
      net.seen(frame(from: mac(2), to: mac(3)), at: 2)
        == [Seen(.vnicIn, 2), Seen(.portIn, 2), Seen(.portOut, 3)])
    // A trunk sees the tag, an access port does not, and an uplink is passed without a point between.
    #expect(
      Set(net.seen(frame(from: mac(2), to: .broadcast), at: 2))
        == [
          Seen(.vnicIn, 2), Seen(.portIn, 2), Seen(.portOut, 3),
          Seen(.portOut, 4, VLANTag(vlan: 10)),
        ])
    let tag = VLANTag(vlan: 10, priority: 3)
    #expect(
      net.seen(frame(from: outsider, to: mac(3)), at: 0, tag: tag)
        == [Seen(.uplinkIn, 0, tag), Seen(.portOut, 3)])
    #expect(
      net.seen(frame(from: mac(4), to: mac(3)), at: 4, tag: tag)
        == [Seen(.vnicIn, 4, tag), Seen(.portIn, 4, tag), Seen(.portOut, 3)])
  }

  @Test func aDropIsSeenWithItsReason() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10) { $0.isBlocked = true }])
    #expect(
      net.seen(frame(from: outsider, to: mac(3)), at: 2)
        == [Seen(.vnicIn, 2), Seen(.drop, 2, because: .forgedTransmit)])
    #expect(
      net.seen(
        frame(from: mac(2), to: mac(3)), at: 2, [CapturePoints(.portOut), CapturePoints(.drop)])
        == [Seen(.portOut, 3), Seen(.drop, 3, because: .portBlocked)])
    // As the guest sent it, not as it would be elsewhere.
    let tag = VLANTag(vlan: 20)
    #expect(
      net.seen(frame(from: mac(2), to: mac(3)), at: 2, tag: tag, CapturePoints(.drop))
        == [Seen(.drop, 2, tag, because: .vlanMismatch)])
  }

  @Test func framesAreNumberedWithinTheBatch() {
    let net = TestNetwork(vms: [vm(), vm()])
    let frames = (0..<4).map { _ in
      (bytes: frame(from: mac(2), to: mac(3)), port: 2, tag: VLANTag.none)
    }
    var tracer = net.tracer(CapturePoints(.vnicIn))
    #expect(net.captured(frames, &tracer).map(\.frame) == [0, 1, 2, 3])
    #expect(net.captured(frames, &tracer, from: 2).map(\.frame) == [2, 3])
  }

  @Test func onlyWhatIsWantedIsNoted() {
    let net = TestNetwork(vms: [vm(), vm(), vm()])
    var tracer = CaptureTracer(portCapacity: net.network.limits.ports)
    tracer.want(CapturePoints(.portOut), at: PortIndex(4))
    let broadcast = [(bytes: frame(from: mac(2), to: .broadcast), port: 2, tag: VLANTag.none)]
    #expect(net.captured(broadcast, &tracer).map { Seen($0) } == [Seen(.portOut, 4)])
    #expect(tracer.overflowCount == 0)
  }

  @Test func whatDoesNotFitIsCounted() {
    let net = TestNetwork(vms: [vm(), vm(), vm()])
    var tracer = net.tracer(capacity: 2)
    let broadcast = [(bytes: frame(from: mac(2), to: .broadcast), port: 2, tag: VLANTag.none)]
    #expect(net.captured(broadcast, &tracer).count == 2)
    #expect(tracer.overflowCount == 2)
    #expect(net.captured(broadcast, &tracer).count == 2)
    #expect(tracer.overflowCount == 4)
  }

  /// The tag of an entry follows the plan in force.
  @Test func aChangedPlanIsNoticed() {
    let net = TestNetwork(vms: [vm(vlan: 10), vm(vlan: 10)], vlanSets: [.all])
    var tracer = net.tracer(CapturePoints(.portOut))
    let frames = [(bytes: frame(from: mac(2), to: mac(3)), port: 2, tag: VLANTag.none)]
    #expect(net.captured(frames, &tracer).map { Seen($0) } == [Seen(.portOut, 3)])
    net.ports[3].vlanMode = .trunk
    net.ports[3].vlan = 0
    net.ports[3].vlanSet = 1
    net.apply(revision: 2)
    #expect(
      net.captured(frames, &tracer).map { Seen($0) } == [Seen(.portOut, 3, VLANTag(vlan: 10))])
  }

  @Test func announcementsAreSeenWhereTheyAreDropped() {
    let net = TestNetwork(vms: [vm(vlan: 10)])
    net.ports[0].isBlocked = true
    net.apply(revision: 2)
    var tracer = net.tracer()
    var cursor = AnnouncementCursor()
    net.batch.removeAll()
    net.deliveries.removeAll()
    net.network.announce(
      PortIndex(2), into: &net.batch, &net.deliveries, &cursor, capture: &tracer)
    #expect(
      (0..<tracer.count).map { Seen(tracer[$0]) }
        == [Seen(.drop, 0, VLANTag(vlan: 10), because: .portBlocked)])
  }
}
