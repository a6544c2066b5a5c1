// The verdict of a flow is void as soon as a guest, or an address, is not what it was. See VerdictCacheTests.

import Base
import Dataplane
import FrameMemory
import Tables
import Testing
import Wire

/// Somebody behind a port that learns.
private let nested = MACAddress(rawValue: 0x0200_0000_0300)

extension TestNetwork {
  /// Lets `address` be seen at a port.
  fileprivate func see(_ address: MACAddress, at port: Int) {
    _ = send(frame(from: address, to: outsider), at: port)
  }

  fileprivate func setNIC(
    _ port: Int, _ address: MACAddress, isPromiscuous: Bool = false
  ) {
    let nic = GuestNIC(observed: address, isPromiscuous: isPromiscuous, isAllMulticast: false)
    network.setGuestNIC(PortIndex(port), nic, multicast: [])
  }
}

@Suite struct VerdictStateTests {
  private static let outside = Sent(0, VLANTag(vlan: 7))
  private static let nobody: Set<Sent> = []

  /// A flow to `nested` behind port 3, whatever address it has.
  private func flowingToNested() -> TestNetwork {
    let net = flowing(rules: [.ofNobody])
    net.see(nested, at: 3)
    net.beginFlow(to: nested)
    return net
  }

  // MARK: - Guests

  @Test func aReceiverWithAnotherAddressGetsNothing() {
    let net = flowing()
    net.beginFlow()
    net.setNIC(3, mac(9))
    #expect(net.send(flowFrame(), at: 2) == Self.nobody)
    #expect(net.drops(.macChange, at: 3) == 1)
    net.setNIC(3, mac(3))
    #expect(net.send(flowFrame(), at: 2) == [Sent(3)])
  }

  @Test func aSenderWithAnotherAddressForgesItsOldOne() {
    let net = flowing(from: { $0.acceptsMACChanges = true })
    net.setNIC(2, mac(2))
    net.beginFlow()
    net.setNIC(2, mac(9))
    #expect(net.send(flowFrame(), at: 2) == Self.nobody)
    #expect(net.drops(.forgedTransmit, at: 2) == 1)
  }

  @Test func aPromiscuousPortSeesTheNextFrame() {
    let net = flowing()
    net.ports[5].allowsPromiscuous = true
    net.apply(revision: 3)
    net.setNIC(5, mac(5))
    net.beginFlow()
    net.setNIC(5, mac(5), isPromiscuous: true)
    #expect(net.send(flowFrame(), at: 2) == [Sent(3), Sent(5)])
    net.setNIC(5, mac(5))
    #expect(net.send(flowFrame(), at: 2) == [Sent(3)])
  }

  // MARK: - Addresses

  @Test func anAddressThatMovesTakesItsFlowsAlong() {
    let net = flowingToNested()
    net.see(nested, at: 4)
    #expect(net.send(flowFrame(to: nested), at: 2) == [Sent(4)])
    net.see(nested, at: 3)
    #expect(net.send(flowFrame(to: nested), at: 2) == [Sent(3)])
  }

  @Test func theVerdictEndsWithinABatch() {
    let net = flowingToNested()
    net.batch.removeAll()
    net.deliveries.removeAll()
    let move = frame(from: nested, to: outsider)
    for (bytes, port) in [(flowFrame(to: nested), 2), (move, 4), (flowFrame(to: nested), 2)] {
      net.batch.append(copying: bytes.rawSpan, ingress: PortIndex(port))
    }
    let end = net.network.process(net.batch, from: 0, into: &net.deliveries, now: net.now)
    #expect(end == 3)
    #expect(net.sent() == [Sent(3), Self.outside, Sent(4)])
  }

  @Test func anAddressThatMovedOutIsLookedForOutside() {
    let net = flowingToNested()
    _ = net.send(bytes(of: .rarp(nested)), at: 0, tag: VLANTag(vlan: 7))
    #expect(net.send(flowFrame(to: nested), at: 2) == [Self.outside])
  }

  @Test(arguments: [3, nil]) func aFlushForgets(port: Int?) {
    let net = flowingToNested()
    let count = net.network.flushMACs(of: port.map { PortIndex($0) })
    #expect(count == 1)
    #expect(net.send(flowFrame(to: nested), at: 2) == [Self.outside])
  }

  @Test func theAddressOfASenderThatWasFlushedIsLearnedAgain() {
    let net = flowing(rules: [.ofNobody])
    net.ports[4].ingressRules = 1
    net.apply(revision: 3)
    let bytes = flowFrame(from: nested, to: mac(3))
    for _ in 0..<3 { #expect(net.send(bytes, at: 4) == [Sent(3)]) }
    _ = net.network.flushMACs(of: PortIndex(4))
    #expect(net.send(bytes, at: 4) == [Sent(3)])
    #expect(net.learned() == ["\(ModelAddress(mac: nested.rawValue, vlan: 7)) 4 false"])
  }

  /// Its flow alone keeps no receiver alive: 300 s after its last frame it is unknown.
  @Test func aSilentReceiverAges() {
    let net = flowingToNested()
    for _ in 0..<300 {
      net.advance(milliseconds: 1_000)
      #expect(net.send(flowFrame(to: nested), at: 2) == [Sent(3)])
      #expect(!net.asks(flowFrame(to: nested)))
    }
    net.advance(milliseconds: 1_000)
    #expect(net.send(flowFrame(to: nested), at: 2) == [Self.outside])
  }

  /// The flow of a learned sender refreshes its address in every second.
  @Test func aSenderDoesNotAge() {
    let net = flowing(rules: [.ofNobody])
    net.ports[4].ingressRules = 1
    net.apply(revision: 3)
    for _ in 0..<400 {
      net.advance(milliseconds: 1_000)
      for _ in 0..<3 { _ = net.send(flowFrame(from: nested, to: mac(3)), at: 4) }
      #expect(!net.asks(flowFrame(from: nested, to: mac(3)), at: 4))
    }
    #expect(net.send(flowFrame(to: nested), at: 2) == [Sent(4)])
  }
}
