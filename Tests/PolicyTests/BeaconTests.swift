// Row 32: beacon probing. What fails here is the cable between two physical switches: every nic of the
// host keeps its link, and only the beacons can tell.

import Base
import Linux
import Model
import Rig
import Testing
import Wire

/// A beacon on a wire, as far as a stranger can read it: its EtherType and its VLAN.
private func beaconTimes(_ watch: Watch, _ place: Place, vlan: UInt16) throws -> [UInt64] {
  try watch.timedFrames(place).filter { frame in
    let bytes = frame.bytes
    return bytes.count >= 18 && bytes[12] == 0x81 && bytes[13] == 0x00
      && (UInt16(bytes[14]) << 8 | UInt16(bytes[15])) & 0xFFF == vlan
      && bytes[16] == 0x89 && bytes[17] == 0x22 && bytes[0..<6].allSatisfy { $0 == 0xFF }
  }.map(\.microseconds)
}

/// Waits until beacons have gone to and fro so often that an uplink counts as known.
private func expectProbing(_ watch: Watch, _ place: Place) throws {
  #expect(try eventually { try beaconTimes(watch, place, vlan: 10).count >= 4 })
  #expect(try watch.rig.beaconVerdicts().hasPrefix("ok ok"))
}

extension PolicyTests {
  @Test func anUplinkThatIsCutOffUpstreamIsLeftWithItsLinkUp() throws {
    var network = TeamNetwork(
      "policy: failover_explicit, activeUplinks: [uplink1], standbyUplinks: [uplink2, uplink3], "
        + "failureDetection: beaconProbing")
    network.nics = ["tor1", "tor2", "tor2", "tor2"]
    network.far = "tor2"
    try withRig(network.text) { rig in
      try rig.expectLearned(["app": "vmnic0"])
      #expect(eventually { rig.reaches("app", "10.0.10.99") })
      let watch = try Watch(rig, network.wires, filter: "ether broadcast")
      try expectProbing(watch, network.wires[1])
      let sender = try rig.startStream(to: "10.0.10.99", rate: 1_000)
      // A thousand frames a second go nowhere until another uplink takes over.
      try rig.setJoint("tor1", "tor2", isUp: false)
      sender.arrives()
      let seconds = Double(sender.receiver.report.longestGapNanoseconds) / 1e9
      // Nor before its three misses: one lost beacon is no fault.
      #expect((2...3.5).contains(seconds), "\(seconds) s")
      let address = try rig.teamAddress("app")
      #expect(try rig.learned(behind: "host1", "vmnic1").contains(address))
      #expect(try rig.uplinkStates() == "up up up up", "every link is up")
      #expect(try rig.beaconVerdicts() == "failed ok ok off")
      // Every member asks once a second in the VLAN of the port group, the unused one never.
      for (number, wire) in network.wires.enumerated() {
        let times = try beaconTimes(watch, wire, vlan: 10)
        #expect(times.isEmpty == (number == 3), "\(times.count) beacons by uplink \(number + 1)")
        for (early, late) in zip(times, times.dropFirst()) {
          #expect((500_000...1_500_000).contains(late - early), "\(late - early) us between two")
        }
      }
      // Mended: the first choice is used again, and no frame has come twice in all this.
      try rig.setJoint("tor1", "tor2", isUp: true)
      #expect(try eventually { try rig.port("host1", "app").teamUplink == "uplink1" })
      try rig.expectLearned(["app": "vmnic0"])
      #expect(sender.stop().duplicated == 0)
      try rig.expectConservation("host1")
    }
  }

  @Test func twoUplinksThatDoNotHearEachOtherBothCarryEveryFrame() throws {
    var network = TeamNetwork(
      "policy: failover_explicit, activeUplinks: [uplink1], standbyUplinks: [uplink2], "
        + "failureDetection: beaconProbing")
    network.nics = ["tor1", "tor2"]
    network.far = "tor2"
    try withRig(network.text) { rig in
      try rig.expectLearned(["app": "vmnic0"])
      let watch = try Watch(rig, [.at("app")] + network.wires)
      try expectProbing(watch, network.wires[1])
      let peer = try #require(try rig.port("host2", "far").mac)
      let frame = TestFrame(to: peer, from: try rig.teamAddress("app"))
      let (near, far) = (network.wires[0], network.wires[1])
      try watch.expect(frame, from: .at("app"), arrives: [near: 1])
      try rig.setJoint("tor1", "tor2", isUp: false)
      #expect(try eventually { try rig.beaconVerdicts() == "shotgun shotgun" })
      // Each frame by both; the far VM is behind one of them, and hears it once.
      try watch.expect(frame, from: .at("app"), arrives: [near: 1, far: 1])
      var broadcast = frame
      broadcast.destination = .broadcast
      try watch.expect(broadcast, from: .at("app"), arrives: [near: 1, far: 1])
      #expect(eventually { rig.reaches("app", "10.0.10.99") })
      // What comes in by either counts.
      var reply = TestFrame(to: frame.source, from: stranger, tags: [.vlan(10)])
      try watch.expect(reply, from: near, arrives: [.at("app"): 1])
      reply.destination = .broadcast
      try watch.expect(reply, from: far, arrives: [.at("app"): 1])
      // They hear each other again: one of them, as before.
      try rig.setJoint("tor1", "tor2", isUp: true)
      #expect(try eventually { try rig.beaconVerdicts() == "ok ok" })
      try watch.expect(frame, from: .at("app"), arrives: [near: 1])
      try rig.expectConservation("host1")
    }
  }
}
