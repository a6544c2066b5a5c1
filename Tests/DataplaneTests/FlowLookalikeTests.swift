// Frames that are like those of a flow whose verdict is known, but for one thing that matters, and are not
// taken for it. See VerdictCacheTests.

import Base
import Dataplane
import FrameMemory
import Tables
import Testing
import Wire

@Suite struct FlowLookalikeTests {
  private static let nobody: Set<Sent> = []

  /// What the rules see that another flow, or none, has.
  enum Lookalike: CaseIterable {
    case firstFragment, laterFragment, options, tooShortForPorts, cutOff, version, ipv6, tcp
    case source, destination, sourcePort, destinationPort, receiver

    fileprivate var bytes: [UInt8] {
      var bytes = flowFrame()
      switch self {
      case .firstFragment: bytes[20] |= 0x20
      case .laterFragment: bytes[21] = 1
      // What stood at the place of the ports is an option.
      case .options: bytes[14] = 0x46
      case .tooShortForPorts: (bytes[16], bytes[17]) = (0, 23)
      case .cutOff: bytes.removeLast(bytes.count - 37)
      case .version: bytes[14] = 0x55
      case .ipv6: (bytes[12], bytes[13]) = (0x86, 0xDD)
      case .tcp: bytes[23] = 6
      case .source: bytes[29] ^= 1
      case .destination: bytes[33] ^= 1
      case .sourcePort: bytes[35] ^= 1
      case .destinationPort: bytes[37] ^= 1
      case .receiver: bytes[5] ^= 7
      }
      return bytes
    }
  }

  @Test(arguments: Lookalike.allCases) func theRulesAreAsked(about lookalike: Lookalike) {
    let net = flowing()
    net.beginFlow()
    for count in 1...2 {
      #expect(net.send(lookalike.bytes, at: 2) == Self.nobody)
      #expect(net.drops(.ingressFilter, at: 2) == UInt64(count))
      #expect(net.send(flowFrame(), at: 2) == [Sent(3)])
    }
  }

  /// Class, number, "don't fragment", life, checksum, and what is behind the ports.
  @Test(arguments: [15, 18, 19, 20, 22, 24, 25, 38, 50]) func otherBytesDoNotMatter(offset: Int) {
    let net = flowing()
    net.beginFlow()
    var bytes = flowFrame()
    bytes[offset] ^= 0x40
    let before = net.asked
    #expect(net.send(bytes, at: 2) == [Sent(3)])
    #expect(net.asked == before)
  }

  @Test func theSamePacketAtAnotherPortIsForged() {
    let net = flowing()
    net.beginFlow()
    #expect(net.send(flowFrame(), at: 5) == Self.nobody)
    #expect(net.drops(.forgedTransmit, at: 5) == 1)
    // At a port that may, it is judged by that port's rules, and leaves in its VLAN.
    net.ports[5].allowsForgedTransmits = true
    net.ports[5].vlan = 8
    net.apply(revision: 3)
    net.beginFlow()
    #expect(net.send(flowFrame(), at: 5) == [Sent(0, VLANTag(vlan: 8))])
  }

  @Test func anotherSourceIsForged() {
    let net = flowing()
    net.beginFlow()
    #expect(net.send(flowFrame(from: mac(9)), at: 2) == Self.nobody)
    #expect(net.drops(.forgedTransmit, at: 2) == 1)
  }

  @Test func aTagIsJudged() {
    let net = flowing()
    net.beginFlow()
    #expect(net.send(flowFrame(), at: 2, tag: VLANTag(vlan: 7)) == Self.nobody)
    #expect(net.drops(.vlanMismatch, at: 2) == 1)
    #expect(net.send(flowFrame(), at: 2, tag: VLANTag(vlan: 0)) == [Sent(3)])
  }

  @Test func aFrameThatIsTooLongIsDropped() {
    let net = flowing()
    net.beginFlow()
    let longest = flowFrame() + [UInt8](repeating: 0, count: 1_514 - 60)
    #expect(net.send(longest, at: 2) == [Sent(3)])
    #expect(net.send(longest + [0], at: 2) == Self.nobody)
    #expect(net.drops(.oversize, at: 2) == 1)
  }

  @Test func segmentsAreMeasured() {
    func offload(segmentBytes: UInt16) -> Offload {
      Offload(
        flags: Offload.needsChecksumFlag, segmentation: .udp, headerBytes: 42,
        segmentBytes: segmentBytes, checksumStart: 34, checksumOffset: 6)
    }
    let net = flowing()
    net.beginFlow()
    let bytes = flowFrame() + [UInt8](repeating: 0, count: 3_000)
    #expect(net.send(bytes, at: 2, offload: offload(segmentBytes: 1_472)) == [Sent(3)])
    #expect(net.send(bytes, at: 2, offload: offload(segmentBytes: 1_473)) == Self.nobody)
    #expect(net.drops(.oversize, at: 2) == 1)
    // However short: without a length of its segments it is none.
    #expect(net.send(flowFrame(), at: 2, offload: offload(segmentBytes: 0)) == Self.nobody)
    #expect(net.drops(.malformed, at: 2) == 1)
  }

  // MARK: - Verdicts that are not one for all frames of a flow

  private static func tcp(_ flags: TCP.Flags) -> [UInt8] {
    var bytes = flowFrame(protocol: .tcp)
    bytes[47] = flags.rawValue
    return bytes
  }

  private static var noSYN: FilterRule {
    var rule = FilterRule(.drop)
    rule.tcpFlags = FilterRule.FlagsMatch(.syn, mask: .syn)
    return rule
  }

  @Test func rulesThatAskForFlagsSeeEachFrame() {
    let net = flowing(rules: [Self.noSYN])
    for _ in 0..<3 { #expect(net.send(Self.tcp(.ack), at: 2) == [Sent(3)]) }
    #expect(net.send(Self.tcp(.syn), at: 2) == Self.nobody)
    #expect(net.drops(.ingressFilter, at: 2) == 1)
    // Nor are they asked in vain about what has none.
    #expect(net.send(flowFrame(), at: 2) == [Sent(3)])
  }

  /// The cache knows what the sender's rules say, not the receiver's.
  @Test func theReceiversRulesSeeEachFrame() {
    let net = flowing(rules: [.ofNobody])
    net.ruleSets.append([Self.noSYN])
    net.ports[3].egressRules = 2
    net.apply(revision: 3)
    for _ in 0..<3 { #expect(net.send(Self.tcp(.ack), at: 2) == [Sent(3)]) }
    #expect(net.send(Self.tcp(.syn), at: 2) == Self.nobody)
    #expect(net.drops(.egressFilter, at: 3) == 1)
  }

  @Test func aDropIsNotRemembered() {
    let net = flowing(rules: [FilterRule(.drop)])
    for count in 1...3 {
      #expect(net.send(flowFrame(), at: 2) == Self.nobody)
      #expect(net.drops(.ingressFilter, at: 2) == UInt64(count))
    }
  }

  @Test(arguments: [(5, nil), (nil, 46), (5, 46)] as [(UInt8?, UInt8?)])
  func eachFrameOfAFlowIsMarked(cos: UInt8?, dscp: UInt8?) {
    let net = flowing(rules: [FilterRule(.tag(cos: cos, dscp: dscp))])
    (net.ports[3].vlanMode, net.ports[3].vlan) = (.trunk, 0)
    net.apply(revision: 3)
    // A trunk's own address is in no VLAN; what it has learned is.
    let nested = MACAddress(rawValue: 0x0200_0000_0300)
    _ = net.send(frame(from: nested, to: outsider), at: 3, tag: VLANTag(vlan: 7))
    for _ in 0..<3 {
      _ = net.send(flowFrame(to: nested), at: 2)
      var delivery = ModelDelivery(port: 3, dscp: dscp)
      delivery.vlan = 7
      delivery.priority = (cos ?? 0) << 1
      #expect(net.handed() == [delivery])
    }
  }
}
