// Beacon probing: uplinks whose physical switches are joined hear each other; one that is cut off upstream is
// left although its link is up.

import Base
import Dataplane
import FrameMemory
import Testing
import Wire

/// A network whose uplinks reach each other through physical switches that can be cut apart.
private final class Wires {
  let net: TestNetwork
  /// The island that each uplink is on: those with the same number hear each other.
  var islands: [Int]
  /// When each uplink was last seen to send a frame of VM port `vm`.
  private let vm: Int

  init(uplinkCount: Int, active: [UInt8]? = nil) {
    let members = active ?? (0..<uplinkCount).map { UInt8($0) }
    net = TestNetwork(
      vms: [DataplaneTests.vm(vlan: 7)],
      teams: [TeamPlan(policy: .explicitFailover, active: members, beaconDomain: 0)],
      uplinkCount: uplinkCount,
      beaconDomains: [
        BeaconDomain(members: members.reduce(0) { $0 | 1 << UInt32($1) }, vlan: 7)
      ])
    islands = Array(repeating: 0, count: uplinkCount)
    vm = uplinkCount
  }

  /// Lets time pass in small steps, and carries every beacon to the uplinks of its island.
  func run(milliseconds: Int) {
    for _ in 0..<milliseconds / 50 {
      net.advance(milliseconds: 50)
      carry()
    }
  }

  private func carry() {
    var beacons: [(uplink: Int, bytes: [UInt8], tag: VLANTag)] = []
    var isMore = true
    while isMore {
      net.batch.removeAll()
      net.deliveries.removeAll()
      isMore = net.network.produce(into: &net.batch, &net.deliveries, now: net.now)
      for one in net.sent() {
        guard let entry = net.deliveries.first(of: PortIndex(one.port)) else { continue }
        let frame = Int(net.deliveries[entry].frame)
        beacons.append((one.port, net.bytes(of: frame), one.tag))
      }
    }
    for beacon in beacons {
      for other in islands.indices
      where other != beacon.uplink && islands[other] == islands[beacon.uplink] {
        #expect(net.send(beacon.bytes, at: other, tag: beacon.tag) == [], "nobody gets a beacon")
      }
    }
  }

  /// Where a frame of the VM leaves.
  var outward: Set<Int> {
    Set(net.send(frame(from: mac(vm), to: outsider), at: vm).map(\.port))
  }
}

@Suite struct BeaconTests {
  @Test func everyUplinkSendsOneInTheVLANEachSecond() {
    let wires = Wires(uplinkCount: 3)
    wires.run(milliseconds: 10_000)
    for uplink in 0..<3 {
      let sent = wires.net.counters(of: uplink).egress.packetsBroadcast
      #expect(sent >= 9 && sent <= 11, "\(sent) beacons")
      #expect(wires.net.drops(.beacon, at: uplink) == 2 * sent)
    }
    #expect(wires.outward == [0])
  }

  @Test func theOneThatIsCutOffIsLeftWithinThreeAndAHalfSeconds() {
    let wires = Wires(uplinkCount: 3)
    wires.run(milliseconds: 5_000)
    wires.islands = [9, 0, 0]
    wires.run(milliseconds: 2_500)
    #expect(wires.outward == [0], "three in a row have to be missed")
    wires.run(milliseconds: 1_000)
    #expect(wires.outward == [1])
    #expect(wires.net.takeAnnouncements().contains(3), "its port is announced on the other uplink")
    #expect(wires.net.network.beaconVerdict(of: PortIndex(0))?.isGood == false)
    wires.islands = [0, 0, 0]
    wires.run(milliseconds: 2_000)
    #expect(wires.outward == [0], "heard again")
  }

  @Test func twoThatDoNotHearEachOtherSendEverything() {
    let wires = Wires(uplinkCount: 2)
    wires.run(milliseconds: 5_000)
    wires.islands = [1, 0]
    wires.run(milliseconds: 3_500)
    #expect(wires.outward == [0, 1])
    // And a broadcast is taken from either: which of the two works is not known.
    for uplink in [0, 1] {
      let arrived = wires.net.send(
        frame(from: outsider, to: .broadcast), at: uplink, tag: VLANTag(vlan: 7))
      #expect(arrived == [Sent(2)])
    }
    wires.islands = [0, 0]
    wires.run(milliseconds: 2_000)
    #expect(wires.outward == [0])
  }

  @Test func anUplinkWithoutALinkIsNotJudged() {
    let wires = Wires(uplinkCount: 3)
    wires.run(milliseconds: 5_000)
    wires.net.setLink(0, isUp: false)
    #expect(wires.outward == [1])
    wires.run(milliseconds: 10_000)
    #expect(wires.outward == [1])
    wires.net.setLink(0, isUp: true)
    wires.run(milliseconds: 200)
    #expect(wires.outward == [0], "after its delay it is good until it is proven bad")
  }

  @Test func beaconsOfOtherSwitchesAreConsumedAndProveNothing() {
    let wires = Wires(uplinkCount: 3)
    wires.run(milliseconds: 2_000)
    let foreign = Beacon(
      sourceMAC: outsider, identity: 77, position: 0, vlan: 7, sequence: 1)
    var bytes = [UInt8](repeating: 0, count: Beacon.frameBytes)
    var elements = bytes.mutableSpan
    // SAFETY: every bit pattern is a valid byte.
    var span = unsafe elements.mutableBytes
    foreign.emit(into: &span)
    #expect(wires.net.send(bytes, at: 1, tag: VLANTag(vlan: 7)) == [])
    #expect(wires.net.drops(.sourceIsLocal, at: 1) == 0)
    wires.islands = [9, 0, 0]
    for _ in 0..<40 {
      wires.run(milliseconds: 100)
      _ = wires.net.send(bytes, at: 1, tag: VLANTag(vlan: 7))
    }
    #expect(wires.outward == [1])
  }

  @Test func aPlanWithTheSameVLANKeepsWhatIsKnown() {
    let wires = Wires(uplinkCount: 3)
    wires.run(milliseconds: 5_000)
    wires.islands = [9, 0, 0]
    wires.run(milliseconds: 4_000)
    #expect(wires.outward == [1])
    wires.net.apply(revision: 2)
    #expect(wires.outward == [1], "an uplink that is known to be bad stays so")
  }
}
