// What a guest may try against its neighbours, the switch and the wire.

import Base
import Dataplane
import FrameMemory
import Testing
import Wire

@Suite struct GuestHarmTests {
  // MARK: - Into another VLAN

  @Test(arguments: [0x8100, 0x88A8] as [UInt16])
  func aSecondTagDoesNotHopIntoAnotherVLAN(inner: UInt16) {
    let net = TestNetwork(
      vms: [vm(vlan: 10), vm(), trunk(), vm(vlan: 20)], vlanSets: [VLANSet([0...9])])
    let hop = frame(from: mac(2), to: .broadcast, etherType: inner)
    let isRefused: Set<Sent> = []
    #expect(net.send(hop, at: 2, tag: VLANTag(vlan: 10)) == isRefused, "a tag of its own VLAN")
    #expect(net.send(hop, at: 2, tag: VLANTag(vlan: 0)) == isRefused)
    #expect(net.send(hop, at: 2) == isRefused)
    #expect(net.drops(.vlanMismatch, at: 2) == 3)
    let none = frame(from: mac(3), to: .broadcast, etherType: inner)
    #expect(net.send(none, at: 3) == isRefused, "the second tag would be the one on the wire")
    let nested = frame(from: mac(4), to: .broadcast, etherType: inner)
    #expect(net.send(nested, at: 4, tag: VLANTag(vlan: 9)) == [Sent(0, VLANTag(vlan: 9))])
    #expect(net.send(nested, at: 4, tag: VLANTag(vlan: 10)) == isRefused)
    #expect(net.send(nested, at: 4, tag: VLANTag(vlan: 0)).isEmpty == (inner == 0x8100))
  }

  // MARK: - Control protocols

  @Test(arguments: [0x0180_C200_0000, 0x0100_0CCC_CCCD] as [UInt64])
  func spanningTreeOfAGuestIsFilteredWhereThePolicySaysSo(address: UInt64) {
    let net = TestNetwork(vms: [vm { $0.blocksBPDU = true }, vm()])
    let bpdu = MACAddress(rawValue: address)
    #expect(net.send(frame(from: mac(2), to: bpdu), at: 2) == [])
    #expect(net.drops(.bpduFiltered, at: 2) == 1)
    #expect(net.send(frame(from: mac(3), to: bpdu), at: 3) == [Sent(2), Sent(0)])
    let similar = MACAddress(rawValue: address ^ 0x40)
    #expect(net.send(frame(from: mac(2), to: similar), at: 2) == [Sent(3), Sent(0)])
  }

  /// IEEE 802.3, annex 31B: it would stop the physical switch, and with it everybody on the uplink.
  @Test(arguments: [0x0180_C200_0001, 0x0200_0000_0001] as [UInt64])
  func aPauseFrameOfAGuestDoesNotLeave(address: UInt64) {
    let net = TestNetwork(vms: [vm(), vm()])
    let pause = frame(
      from: mac(2), to: MACAddress(rawValue: address), etherType: 0x8808)
    #expect(net.send(pause, at: 2) == [])
    #expect(net.drops(.reservedAddress, at: 2) == 1)
  }

  @Test func aBeaconOfAGuestProvesNothing() {
    let net = TestNetwork(vms: [vm(vlan: 7) { $0.allowsForgedTransmits = true }, vm(vlan: 7)])
    func beacon(identity: UInt64) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: Beacon.frameBytes)
      let beacon = Beacon(
        sourceMAC: net.ports[0].mac, identity: identity, position: 0, vlan: 7, sequence: 9)
      bytes.withMutableRawSpan { _ = beacon.emit(into: &$0) }
      return bytes
    }
    #expect(net.send(beacon(identity: 0), at: 2) == [])
    #expect(net.drops(.beacon, at: 2) == 1)
    // A nested switch has an identity of its own.
    #expect(net.send(beacon(identity: 1), at: 2) == [Sent(3), Sent(0, VLANTag(vlan: 7))])
  }

  // MARK: - Addresses

  /// Each change costs a pass over the MAC table, a choice of the uplink and announcements.
  @Test func aGuestIsSeenToChangeItsAddressOnceASecondAtMost() {
    let net = TestNetwork(vms: [vm(vlan: 7) { $0.acceptsMACChanges = true }])
    let others = [mac(40), mac(41)]
    func change(to address: MACAddress) {
      for _ in 0..<5 { _ = net.send(frame(from: address, to: outsider), at: 2) }
    }
    change(to: others[0])
    #expect(net.address(of: 2) == others[0])
    #expect(net.takeAnnouncements() == [2])
    for _ in 0..<9 {
      net.advance(milliseconds: 100)
      change(to: others[1])
      change(to: others[0])
    }
    #expect(net.takeAnnouncements() == [])
    net.advance(milliseconds: 100)
    change(to: others[1])
    #expect(net.address(of: 2) == others[1])
  }

  @Test func aGuestThatComesBackStartsWithItsDeclaredAddress() {
    let net = TestNetwork(vms: [vm(vlan: 7), vm(vlan: 7)])
    for _ in 0..<3 { _ = net.send(frame(from: mac(40), to: outsider), at: 2) }
    #expect(net.isReceiveDisabled(2))
    net.setAttached(2, false)
    net.setAttached(2, true)
    #expect(net.send(frame(from: mac(3), to: mac(2)), at: 3) == [Sent(2)])
  }

  @Test func whatTheKernelDroppedIsCountedWhateverTheNumber() {
    let net = TestNetwork(vms: [vm(vlan: 7)])
    net.network.recordReceiveDrops(1 << 40, at: PortIndex(0), reason: .noBuffer)
    #expect(net.drops(.noBuffer, at: 0) == 1 << 40 && net.sums.holds)
  }
}
