// The verdict of a flow: found again within its second, void as soon as anything changes, and never that of
// another flow.
//
// Whether a frame was answered from the cache shows in what it did not cost: the rules of its port were not
// asked. So port 2 of these switches has rules that protocol and ports alone cannot settle.

import Base
import Dataplane
import FrameMemory
import Tables
import Testing
import Wire

/// VM ports 2 to 5 in VLAN 7: the flow goes from 2 to 3, and 4 may have what others may not.
func flowing(
  from sender: (inout PortPlan) -> Void = { _ in }, cachedFlows: Int = 1_024,
  rules: [FilterRule] = [.udpTo80, FilterRule(.drop)]
) -> TestNetwork {
  var limits = SwitchLimits()
  limits.ports = 64
  limits.macEntries = 1_024
  limits.flows = 16_384
  limits.cachedFlows = cachedFlows
  limits.shaperBytes = 1 << 20
  let learner = vm(vlan: 7) {
    $0.learnsMACs = true
    $0.allowsForgedTransmits = true
  }
  let net = TestNetwork(
    vms: [vm(vlan: 7, sender), learner, learner, vm(vlan: 7)], limits: limits, shapes: [.oneFrame])
  net.ruleSets = [rules]
  net.ports[2].ingressRules = 1
  net.apply(revision: 2)
  return net
}

/// UDP from port 5000 to 80, or with the first bytes behind the IP header as said.
func flowFrame(
  from source: MACAddress = mac(2), to destination: MACAddress = mac(3),
  protocol: IPProtocol = .udp, sourcePort: UInt16 = 5_000, port: UInt16 = 80,
  payloadBytes: Int = 26
) -> [UInt8] {
  let header = IPv4Header(
    source: IPv4Address(10, 0, 0, 1), destination: IPv4Address(10, 0, 0, 2),
    protocol: `protocol`, payloadBytes: payloadBytes)
  var packet = [UInt8](repeating: 0, count: 20 + payloadBytes)
  packet.withMutableRawSpan {
    header.emit(into: &$0)
    $0.setBig16(sourcePort, at: 20)
    $0.setBig16(port, at: 22)
  }
  return frame(from: source, to: destination, etherType: 0x0800, payloadBytes: 0) + packet
}

extension FilterRule {
  /// Lets UDP from 10.0.0.1:5000 to 10.0.0.2:80 at port 3 pass, unless it is a fragment.
  static var udpTo80: FilterRule {
    var rule = FilterRule(.allow)
    rule.destinationMAC = MACMatch(mac(3))
    rule.protocol = .udp
    rule.source = IPPrefix(.v4(IPv4Address(10, 0, 0, 1)), length: 32)
    rule.destination = IPPrefix(.v4(IPv4Address(10, 0, 0, 2)), length: 32)
    rule.sourcePorts = [5_000...5_000]
    rule.destinationPorts = [80...80]
    rule.fragment = false
    return rule
  }

  /// Matches no frame here, and must be asked to say so.
  static var ofNobody: FilterRule {
    var rule = FilterRule(.drop)
    rule.source = IPPrefix(.v4(IPv4Address(192, 0, 2, 0)), length: 24)
    return rule
  }
}

extension TrafficShape {
  /// 8 kbit/s, and a burst of one frame of the flow.
  static var oneFrame: TrafficShape {
    TrafficShape(averageBitsPerSecond: 8_000, peakBitsPerSecond: 8_000, burstBytes: 60)
  }
}

extension TestNetwork {
  /// How often the rules of any port were asked.
  var asked: UInt64 {
    let (hits, misses) = network.flowCounts
    return hits + misses
  }

  /// Sends a frame and says whether any rules were asked about it.
  func asks(_ bytes: [UInt8] = flowFrame(), at port: Int = 2) -> Bool {
    let before = asked
    _ = send(bytes, at: port)
    return asked > before
  }

  /// Sends the flow from port 2 until the cache answers.
  func beginFlow(to destination: MACAddress = mac(3), reaching port: Int = 3) {
    let bytes = flowFrame(to: destination)
    #expect(send(bytes, at: 2) == [Sent(port)])
    let before = asked
    #expect(send(bytes, at: 2) == [Sent(port)])
    #expect(asked == before, "the cache answers")
  }
}

@Suite struct VerdictCacheTests {
  private static let nobody: Set<Sent> = []

  // MARK: - Within the second

  @Test func theRulesAreAskedOnceInASecond() {
    let net = flowing()
    let asks = (0..<4).map { _ in net.asks() }
    #expect(asks == [true, false, false, false])
    net.advance(milliseconds: 999)
    #expect(!net.asks())
    net.advance(milliseconds: 1)
    #expect(net.asks())
    #expect(!net.asks())
    #expect(net.counters(of: 3).egress.packetsUnicast == 7)
  }

  /// Interleaved flows in a cache of one set find nothing: what they count is what is counted without one.
  @Test func countersAndTracesAreThoseWithoutIt() {
    var asked: [UInt64] = []
    var counted: [[PortCounters]] = []
    var traces: [[TraceEvent]] = []
    for cachedFlows in [1_024, 2] {
      let net = flowing(cachedFlows: cachedFlows, rules: [.ofNobody])
      net.ports[3].egressRules = 1
      net.apply(revision: 3)
      var tracer = RecordingTracer()
      for round in 0..<30 {
        let bytes = flowFrame(to: mac(3 + round % 3), port: UInt16(round % 15), payloadBytes: 30)
        _ = net.send(bytes, at: 2, tracer: &tracer)
        let (sums, count) = (net.sums, UInt64(round + 1))
        #expect(sums.holds && sums.received == count && sums.delivered == count, "\(sums)")
      }
      asked.append(net.asked)
      counted.append(net.ports.indices.map { net.counters(of: $0) })
      traces.append(tracer.events)
    }
    // Each of 15 flows once, and at port 3 each frame.
    #expect(asked == [15 + 10, 30 + 10])
    #expect(counted[0] == counted[1])
    #expect(traces[0] == traces[1])
  }

  @Test func flowsBeyondThePlacesGoTheirOwnWays() {
    let net = flowing(cachedFlows: 2, rules: [.ofNobody])
    for round in 0..<200 {
      let port = 3 + round / 3 % 3
      let bytes = flowFrame(to: mac(port), port: UInt16(round / 3 % 7))
      #expect(net.send(bytes, at: 2) == [Sent(port)])
    }
  }

  /// Where hardly any frame is one of a known flow, the cache rests for a while.
  @Test func lookingIsLeftForAWhileWhereItDoesNotPay() {
    let net = flowing(rules: [.ofNobody])
    for flow in 0..<4_096 {
      _ = net.send(flowFrame(sourcePort: UInt16(flow)), at: 2)
    }
    let asks = (0..<16_384).count { _ in net.asks() }
    #expect(asks == 16_384)
    #expect(net.asks())
    #expect(!net.asks())
  }

  /// A verdict has a short number of its second, which begins anew after 65,535 of them.
  @Test func aVerdictIsNotThatOfASecondLongAgo() {
    let net = flowing()
    net.beginFlow()
    net.batch.removeAll()
    // SAFETY: bytes have no padding.
    net.batch.append(
      copying: unsafe frame(from: mac(5), to: mac(4)).span.bytes, ingress: PortIndex(5))
    for _ in 0..<65_535 {
      net.now = net.now.advanced(byMilliseconds: 1_000)
      net.deliveries.removeAll()
      _ = net.network.process(net.batch, from: 0, into: &net.deliveries, now: net.now)
    }
    #expect(net.asks())
  }

  // MARK: - What makes a verdict void

  /// Changes of the plan, and what becomes of the flow then.
  enum PlanChange: CaseIterable {
    case senderBlocked, receiverBlocked, senderFenced, receiverFenced, ingressFilter, egressFilter
    case senderVLAN, receiverVLAN, smallerMTU, privateVLAN

    fileprivate func apply(to net: TestNetwork) {
      switch self {
      case .senderBlocked: net.ports[2].isBlocked = true
      case .receiverBlocked: net.ports[3].isBlocked = true
      case .senderFenced: net.ports[2].isFenced = true
      case .receiverFenced: net.ports[3].isFenced = true
      case .ingressFilter: net.ruleSets = [[FilterRule(.drop)]]
      case .egressFilter:
        net.ruleSets.append([FilterRule(.drop)])
        net.ports[3].egressRules = 2
      case .senderVLAN: net.ports[2].vlan = 8
      case .receiverVLAN: net.ports[3].vlan = 8
      case .smallerMTU: net.mtu = 45
      case .privateVLAN:
        net.privateVLANs = [
          PrivateVLAN(.promiscuous, vlan: 6, primary: 6),
          PrivateVLAN(.isolated, vlan: 7, primary: 6),
        ]
        for port in 2...5 { net.ports[port].primaryVLAN = 6 }
      }
      net.apply(revision: 3)
    }

    /// Why the flow does not arrive; nil when it leaves by the uplink.
    fileprivate var reason: (DropReason, port: Int)? {
      switch self {
      case .senderBlocked: (.portBlocked, 2)
      case .receiverBlocked: (.portBlocked, 3)
      case .senderFenced: (.portFenced, 2)
      case .receiverFenced: (.portFenced, 3)
      case .ingressFilter: (.ingressFilter, 2)
      case .egressFilter: (.egressFilter, 3)
      case .senderVLAN, .receiverVLAN: nil
      case .smallerMTU: (.oversize, 2)
      case .privateVLAN: (.pvlanIsolation, 3)
      }
    }
  }

  @Test(arguments: PlanChange.allCases) func aPlanCounts(change: PlanChange) {
    let net = flowing()
    net.beginFlow()
    change.apply(to: net)
    let sent = net.send(flowFrame(), at: 2)
    guard let (reason, port) = change.reason else {
      #expect(sent == [Sent(0, VLANTag(vlan: change == .senderVLAN ? 8 : 7))])
      return
    }
    #expect(sent == Self.nobody)
    #expect(net.drops(reason, at: port) == 1)
  }

  @Test(arguments: [2, 3]) func aShaperCounts(port: Int) {
    let net = flowing()
    net.beginFlow()
    if port == 2 { net.ports[2].ingressShape = 1 } else { net.ports[3].egressShape = 1 }
    net.apply(revision: 3)
    #expect(net.send(flowFrame(), at: 2) == [Sent(3)])
    #expect(net.send(flowFrame(), at: 2) == Self.nobody, "it waits")
    let before = net.asked
    #expect(net.send(flowFrame(), at: 2) == Self.nobody)
    #expect(net.asked == before, "what the rules said holds again")
    let sums = net.sums
    #expect(sums.queued == 2, "\(sums)")
  }

  @Test(arguments: [2, 3]) func anAttachmentCounts(port: Int) {
    let net = flowing()
    net.beginFlow()
    net.setAttached(port, false)
    #expect(net.send(flowFrame(), at: 2) == Self.nobody)
    #expect(net.drops(.portDown, at: port) == 1)
    net.setAttached(port, true)
    #expect(net.send(flowFrame(), at: 2) == [Sent(3)])
  }
}
