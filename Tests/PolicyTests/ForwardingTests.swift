// Where frames go that no local port owns, and what comes in from outside.

import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

/// Two nics on two physical switches; a and b in VLAN 10, c in VLAN 20.
private func twoUplinks(areLinked: Bool = true) -> String {
  network(
    uplinks: 2, areLinked: areLinked, settings: [uplink1First],
    groups: ["{ name: web, vlan: 10 }", "{ name: db, vlan: 20 }"],
    vms: [vm("a", "web"), vm("b", "web"), vm("c", "db")])
}

private let first = Place.wire("host1", "vmnic0")
private let second = Place.wire("host1", "vmnic1")

extension PolicyTests {
  /// Row 9: the switch is told who owns an address; an unknown one leaves by the uplink only.
  @Test func anUnownedAddressLeavesByOneUplinkOnly() throws {
    try withRig(twoUplinks()) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), first, second])
      let seen = try watch.expect(
        TestFrame(to: stranger(1), from: mac("a")), from: .at("a"), arrives: [first: 1])
      #expect(seen[first]?.first?.tags == [.vlan(10)])
      // What a neighbour owns never leaves the host; in another VLAN it is somebody else's.
      try watch.expect(
        TestFrame(to: mac("b"), from: mac("a")), from: .at("a"), arrives: [.at("b"): 1])
      try watch.expect(
        TestFrame(to: mac("c"), from: mac("a")), from: .at("a"), arrives: [first: 1])
      #expect(try rig.learned(behind: "host1", "vmnic0").contains(mac("a")))
      try rig.expectConservation("host1")
    }
  }

  /// Row 10: nothing is flooded to VMs.
  @Test func unknownUnicastFromAnUplinkReachesNobody() throws {
    try withRig(twoUplinks()) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), first, second])
      let before = try rig.uplink("uplink1").drops["unknownUnicast"] ?? 0
      try watch.expect(
        TestFrame(to: stranger(1), from: stranger(2), tags: [.vlan(10)]), from: first, arrives: [:])
      #expect(try rig.uplink("uplink1").drops["unknownUnicast"] == before + 1)
      // The same way is open for what is known.
      let known = TestFrame(to: mac("a"), from: stranger(2), tags: [.vlan(10)])
      let seen = try watch.expect(known, from: first, arrives: [.at("a"): 1])
      #expect(seen[.at("a")]?.first?.tags == [])
      try rig.expectConservation("host1")
    }
  }

  /// Row 11: a switch without spanning tree closes no loop.
  @Test func nothingGoesFromAnUplinkToAnUplink() throws {
    // Not linked, so that what goes wrong is a frame and no storm.
    try withRig(twoUplinks(areLinked: false)) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), first, second])
      for destination in [MACAddress.broadcast, group(1), stranger(1)] {
        let frame = TestFrame(to: destination, from: stranger(2), tags: [.vlan(10)])
        let isForAll = destination.isBroadcast
        try watch.expect(
          frame, from: first, arrives: isForAll ? [.at("a"): 1, .at("b"): 1] : [:])
      }
      try rig.expectConservation("host1")
    }
  }

  /// Row 12: what left by one uplink and comes back by the other reaches nobody.
  @Test func aBroadcastThatComesBackIsNotSeenTwice() throws {
    try withRig(twoUplinks()) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), first, second])
      // tor1 and tor2 are linked: tor2 sends the broadcast back by vmnic1.
      try watch.expect(
        TestFrame(from: mac("a")), from: .at("a"), arrives: [.at("b"): 1, first: 1])
      #expect(try rig.uplink("uplink2").drops["sourceIsLocal"] ?? 0 > 0)
      // A stranger's broadcast comes in by both, and counts by the port's own uplink only.
      let frame = TestFrame(from: stranger(2), tags: [.vlan(10)])
      try watch.expect(frame, from: second, arrives: [:])
      #expect(try rig.uplink("uplink2").drops["reversePath"] ?? 0 > 0)
      try watch.expect(frame, from: first, arrives: [.at("a"): 1, .at("b"): 1])
      try rig.expectConservation("host1")
    }
  }

  /// Row 48: up to the MTU whole, above it dropped and counted; never cut.
  @Test func framesOverTheMTUAreDroppedAndCounted() throws {
    let text = network(
      settings: ["mtu: 9000"], groups: ["{ name: web, vlan: 10 }"],
      vms: [vm("a", "web"), vm("b", "web")])
    try withRig(text) { rig in
      // The wire takes more than the switch, and the guest, too.
      let wire = rig.cable("host1", "vmnic0")
      for (device, node) in [(wire.port, wire.physicalSwitch), ("br0", wire.physicalSwitch)] {
        try rig.run(
          ["ip", "link", "set", device, "mtu", "9200"], in: rig.namespace(node))
      }
      try rig.run(["ip", "link", "set", "eth0", "mtu", "9200"], in: rig.namespace("a"))
      let watch = try Watch(rig, [.at("b"), first])
      for (payload, passes) in [(9_000, true), (9_001, false)] {
        var frame = TestFrame(to: mac("b"), from: mac("a"))
        frame.byteCount = payload + 14
        let seen = try watch.expect(
          frame, from: .at("a"), arrives: [.at("b"): passes ? 1 : 0])
        if passes { #expect(seen[.at("b")]?.first?.byteCount == 9_014) }
        frame.destination = stranger(1)
        try watch.expect(frame, from: .at("a"), arrives: [first: passes ? 1 : 0])
      }
      #expect(try rig.drops("host1", "a", "oversize") == 2)
      #expect(try rig.port("host1", "a").counters.packetsInDropped == 2)
      // The kernel agrees, with the largest packet that may not be cut.
      #expect(rig.reaches("b", "10.0.0.1", bytes: 9_000 - 28))
      try rig.expectConservation("host1")
    }
  }
}

extension Rig {
  /// An uplink of host1.
  func uplink(_ name: String, on host: String = "host1") throws -> UplinkStatus {
    try #require(try uplinks(host).first { $0.name == name })
  }
}
