// Frames that an uplink refuses because its link has just failed: they go out by the next one.

import Base
import Dataplane
import FrameMemory
import Testing
import Wire

@Suite struct RedirectTests {
  /// VM port 2 in VLAN 7 behind uplinks 0 and 1.
  private func network() -> TestNetwork { TestNetwork(vms: [vm(vlan: 7)]) }

  /// Redirects the frame that was sent last.
  private func redirect(_ net: TestNetwork, from uplink: Int) -> Bool {
    net.deliveries.removeAll()
    net.deliveries.append(frame: 0, to: PortIndex(uplink), tag: VLANTag(vlan: 7))
    let delivery = net.deliveries[0]
    net.deliveries.removeAll()
    return net.network.redirect(
      0, in: net.batch, delivery, from: PortIndex(uplink), into: &net.deliveries)
  }

  @Test func goesOutByTheUplinkThatThePortHasNow() {
    let net = network()
    #expect(net.send(frame(from: mac(2), to: outsider), at: 2) == [Sent(0, VLANTag(vlan: 7))])
    net.setLink(0, isUp: false)
    #expect(redirect(net, from: 0))
    #expect(net.sent() == [Sent(1, VLANTag(vlan: 7))])
    #expect(net.counters(of: 0).egress.packets == 0)
    #expect(net.counters(of: 0).egress.bytesUnicast == 0)
    #expect(net.counters(of: 1).egress.packetsUnicast == 1)
    #expect(net.sums.delivered == 1 && net.sums.dropped == 0 && net.sums.holds)
  }

  @Test func isLeftToItsFailureWhenThereIsNoOtherUplink() {
    let net = network()
    _ = net.send(frame(from: mac(2), to: outsider), at: 2)
    // The link is up: the refusal has another reason, and the same uplink would refuse again.
    #expect(!redirect(net, from: 0))
    net.setLink(0, isUp: false)
    net.setLink(1, isUp: false)
    #expect(!redirect(net, from: 0))
    #expect(net.sent().isEmpty && net.sums.delivered == 1)
    net.network.recordFailure(of: 0, in: net.batch, at: PortIndex(0), reason: .uplinkDown)
    #expect(net.sums.dropped == 1 && net.sums.holds)
  }

  @Test func anUplinkThatDoesNotCarryTheVLANDropsIt() {
    let net = network()
    _ = net.send(frame(from: mac(2), to: outsider), at: 2)
    net.vlanSets.append(VLANSet([1...6]))
    net.ports[1].vlanSet = UInt16(net.vlanSets.count - 1)
    net.apply(revision: 2)
    net.setLink(0, isUp: false)
    #expect(redirect(net, from: 0))
    #expect(net.sent().isEmpty)
    #expect(net.drops(.vlanMismatch, at: 1) == 1 && net.sums.holds)
  }
}
