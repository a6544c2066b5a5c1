// Which uplink a port has: by its id, by its address, by an explicit order. What a physical switch has
// learned, by `bridge fdb`, is what counts.

import Base
import Linux
import Model
import Rig
import Testing
import Wire

extension PolicyTests {
  /// Row 27: the port id modulo the number of active uplinks, in the order of the list; and it stays.
  @Test func portIDsSpreadOverTheActiveUplinksAndStay() throws {
    let ids = [0, 1, 2, 3, 4, 5, 7, 9, 14]
    // Not the order of the switch.
    let order = ["vmnic2", "vmnic0", "vmnic1"]
    var network = TeamNetwork(
      "policy: loadbalance_srcid, activeUplinks: [uplink3, uplink1, uplink2]",
      guests: ids.map { .init(name: "p\($0)", keys: "port: { id: \($0) }") })
    let wanted = Dictionary(uniqueKeysWithValues: ids.map { ("p\($0)", order[$0 % 3]) })
    try withRig(network.text) { rig in
      try rig.expectLearned(wanted)
      // A VM more in the middle of the file moves nobody; nor does a new agent.
      network.guests.insert(.init(name: "late", keys: "port: { id: 8 }"), at: 3)
      try rig.addNode("late")
      try rig.quieten("late")
      try rig.change(network.text, on: "host1")
      #expect(try eventually { try rig.port("host1", "late").state == .up })
      try rig.expectLearned(wanted.merging(["late": order[2]]) { $1 })
      try rig.killAgent("host1")
      try rig.startAgent("host1")
      try rig.waitForPorts("host1")
      try rig.expectLearned(wanted.merging(["late": order[2]]) { $1 })
      // Of the ports of a failed uplink each goes to another; the others stay where they are.
      try rig.setCable("host1", order[0], isUp: false)
      let stay = wanted.filter { $0.value != order[0] }
      #expect(
        try eventually { try rig.port("host1", "p0").teamUplink != "uplink3" })
      try rig.expectLearned(stay)
      try rig.speak(["p0", "p3", "p9"])
      let moved = Set(try ["p0", "p3", "p9"].compactMap { try rig.learnedNIC($0) })
      #expect(moved.isSubset(of: [order[1], order[2]]) && moved.count == 2, "\(moved)")
      try rig.expectConservation("host1")
    }
  }

  /// Row 28: the last byte of the source address modulo the number of active uplinks, frame by frame.
  @Test func theSourceAddressChoosesTheUplinkFrameByFrame() throws {
    let bytes: [UInt8] = [0x00, 0x01, 0x02, 0x10, 0x7F, 0xFF]
    func guests(_ bytes: [UInt8]) -> [TeamNetwork.Guest] {
      bytes.map { byte in
        let text = String(UInt16(byte) + 0x100, radix: 16).dropFirst()
        return .init(name: "m\(text)", keys: "mac: \"00:50:56:01:00:\(text)\"")
      }
    }
    var network = TeamNetwork(
      "policy: loadbalance_srcmac, activeUplinks: [uplink1, uplink2, uplink3]",
      guests: guests(bytes))
    network.policy = ["security: { forgedTransmits: true }"]
    let wanted = Dictionary(
      uniqueKeysWithValues: zip(network.guests, bytes).map { ($0.name, "vmnic\($1 % 3)") })
    try withRig(network.text) { rig in
      try rig.expectLearned(wanted)
      // Away and plugged in again, in another place of the file: the same address, the same uplink.
      try rig.change(
        TeamNetwork(network.teaming, guests: guests([0x00, 0x02, 0x10])).text, on: "host1")
      #expect(try rig.ports("host1").count == 3)
      network.guests.reverse()
      try rig.change(network.text, on: "host1")
      try rig.waitForPorts("host1")
      try rig.expectLearned(wanted)
      // One VM, several source addresses: each frame goes where its own address says.
      let watch = try Watch(rig, network.wires)
      for last in UInt8(0x20)...0x25 {
        let source = MACAddress(rawValue: 0x02_0000_00BB00 + UInt64(last))
        try watch.expect(
          TestFrame(to: stranger, from: source), from: .at("m00"),
          arrives: [network.wires[Int(last) % 3]: 1])
      }
      try rig.expectConservation("host1")
    }
  }

  /// Row 31: the active uplinks in their order, then the standby ones; an unused one never.
  @Test func anExplicitOrderIsKeptAndAnUnusedUplinkNeverUsed() throws {
    var network = TeamNetwork(
      "policy: failover_explicit, activeUplinks: [uplink2], standbyUplinks: [uplink4, uplink1]",
      guests: [.init(name: "app"), .init(name: "other", portgroup: "plain")])
    network.nics = ["tor1", "tor1", "tor1", "tor1"]
    network.portgroups = [
      "{ name: plain, vlan: 10, policy: { teaming: { policy: failover_explicit, "
        + "activeUplinks: [uplink1] } } }"
    ]
    try withRig(network.text) { rig in
      let unused = network.wires[2]
      let watch = try Watch(rig, [unused])
      try rig.expectLearned(["app": "vmnic1", "other": "vmnic0"])
      try rig.setCable("host1", "vmnic1", isUp: false)
      try rig.expectLearned(["app": "vmnic3"])
      try rig.setCable("host1", "vmnic3", isUp: false)
      try rig.expectLearned(["app": "vmnic0"])
      try rig.setCable("host1", "vmnic0", isUp: false)
      // Nothing is left but the unused one: the frames are dropped.
      let before = try rig.drops("host1", "app", "uplinkDown")
      try rig.speak(["app"])
      #expect(try eventually { try rig.drops("host1", "app", "uplinkDown") > before })
      #expect(try rig.port("host1", "app").teamUplink == nil)
      // Back to the second choice, then to the first.
      try rig.setCable("host1", "vmnic3", isUp: true)
      try rig.expectLearned(["app": "vmnic3"])
      try rig.setCable("host1", "vmnic1", isUp: true)
      try rig.expectLearned(["app": "vmnic1"])
      #expect(try watch.frames(unused).isEmpty, "no frame ever on the unused uplink")
      try rig.expectConservation("host1")
    }
  }
}

/// An address that nobody has.
let stranger = MACAddress(rawValue: 0x02_0000_00AA01)
