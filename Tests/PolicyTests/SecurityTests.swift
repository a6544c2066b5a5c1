// What a guest may send and see: forged sources, changed addresses, promiscuous mode, spanning tree.

import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

private let wire = Place.wire("host1", "vmnic0")

extension PolicyTests {
  /// Row 23: a source that is not the port's address goes nowhere.
  @Test func aForgedSourceIsDroppedAndCounted() throws {
    let text = network(
      groups: [
        "{ name: strict, vlan: 10 }",
        "{ name: loose, vlan: 10, policy: { security: { forgedTransmits: true } } }",
      ], vms: [vm("a", "strict"), vm("b", "strict"), vm("c", "loose")])
    try withRig(text) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), wire])
      let everywhere = TestFrame(from: stranger(1))
      try watch.expect(everywhere, from: .at("a"), arrives: [:])
      #expect(try rig.drops("host1", "a", "forgedTransmit") == 1)
      // A neighbour's address is as forged as a stranger's.
      try watch.expect(
        TestFrame(to: mac("b"), from: mac("c")), from: .at("a"), arrives: [:])
      #expect(try rig.drops("host1", "a", "forgedTransmit") == 2)
      #expect(try rig.port("host1", "a").counters.packetsInDropped == 2)
      try watch.expect(
        everywhere, from: .at("c"), arrives: [.at("a"): 1, .at("b"): 1, wire: 1])
      #expect(try rig.drops("host1", "c", "forgedTransmit") == 0)
      try rig.expectConservation("host1")
    }
  }

  /// Row 22: while the guest has an address of its own choice it gets nothing, and is not told.
  @Test func aChangedAddressStopsReceivingUntilItIsTakenBack() throws {
    let text = network(
      groups: [
        "{ name: strict, vlan: 10 }",
        "{ name: free, vlan: 10, policy: { security: { macChanges: true } } }",
      ], vms: [vm("a", "strict"), vm("b", "strict"), vm("c", "free")])
    try withRig(text) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), wire])
      let toAll = TestFrame(from: mac("b"))
      try rig.setAddress(of: "a", to: stranger(1))
      #expect(try eventually { try rig.port("host1", "a").effectiveMAC == stranger(1) })
      try watch.expect(
        TestFrame(to: mac("a"), from: mac("b")), from: .at("b"), arrives: [:])
      try watch.expect(toAll, from: .at("b"), arrives: [.at("c"): 1, wire: 1])
      #expect(try rig.drops("host1", "a", "macChange") == 2)
      // The other policy: sources are judged by the address that the switch knows.
      try watch.expect(TestFrame(from: stranger(1)), from: .at("a"), arrives: [:])
      #expect(try rig.drops("host1", "a", "forgedTransmit") == 1)
      try rig.setAddress(of: "a", to: mac("a"))
      #expect(try eventually { try rig.port("host1", "a").effectiveMAC == mac("a") })
      try watch.expect(
        TestFrame(to: mac("a"), from: mac("b")), from: .at("b"), arrives: [.at("a"): 1])
      #expect(eventually { rig.reaches("b", "10.0.0.1") })
      // Where the policy accepts it, the port has the new address and no longer the old one.
      try rig.setAddress(of: "c", to: stranger(2))
      #expect(try eventually { try rig.macs("host1").contains { $0.mac == stranger(2) } })
      try watch.expect(
        TestFrame(to: stranger(2), from: mac("b")), from: .at("b"), arrives: [.at("c"): 1])
      try watch.expect(
        TestFrame(to: mac("c"), from: mac("b")), from: .at("b"), arrives: [wire: 1])
      try watch.expect(
        TestFrame(to: mac("b"), from: stranger(2)), from: .at("c"), arrives: [.at("b"): 1])
      #expect(try rig.drops("host1", "c", "macChange") == 0)
      try rig.expectConservation("host1")
    }
  }

  /// Row 24: with the policy's leave and the guest's wish a port sees its VLAN, and only that.
  @Test func promiscuousModeNeedsLeaveAndWish() throws {
    let text = network(
      groups: [
        "{ name: web, vlan: 10 }", "{ name: db, vlan: 20 }",
        "{ name: spy, vlan: 10, policy: { security: { allowPromiscuous: true } } }",
        "{ name: all, vlan: { trunk: [0-4094] }, policy: { security: { allowPromiscuous: true } } }",
      ],
      vms: [
        vm("a", "web"), vm("b", "web"), vm("c", "db"), vm("d", "db"), vm("s", "spy"),
        vm("t", "all"), vm("u", "web"),
      ])
    try withRig(text) { rig in
      let places = "abcdstu".map { Place.at("\($0)") } + [wire]
      let watch = try Watch(rig, places)
      let inTen = TestFrame(to: mac("b"), from: mac("a"))
      let inTwenty = TestFrame(to: mac("d"), from: mac("c"))
      let byWire = TestFrame(to: stranger(1), from: stranger(2), tags: [.vlan(10)])
      try watch.expect(inTen, from: .at("a"), arrives: [.at("b"): 1])
      for name in ["s", "t", "u"] {
        try rig.run(["ip", "link", "set", "eth0", "promisc", "on"], in: rig.namespace(name))
      }
      #expect(
        try eventually {
          try ["s", "t"].allSatisfy { try rig.port("host1", $0).promiscuous == true }
        })
      var seen = try watch.expect(
        inTen, from: .at("a"), arrives: [.at("b"): 1, .at("s"): 1, .at("t"): 1])
      #expect(seen[.at("s")]?.first?.tags == [])
      #expect(seen[.at("t")]?.first?.tags == [.vlan(10)])
      seen = try watch.expect(inTwenty, from: .at("c"), arrives: [.at("d"): 1, .at("t"): 1])
      #expect(seen[.at("t")]?.first?.tags == [.vlan(20)])
      try watch.expect(byWire, from: wire, arrives: [.at("s"): 1, .at("t"): 1])
      // Its own frames do not come back, and the wish is taken back.
      try watch.expect(
        TestFrame(to: mac("b"), from: mac("s")), from: .at("s"),
        arrives: [.at("b"): 1, .at("t"): 1])
      try rig.run(["ip", "link", "set", "eth0", "promisc", "off"], in: rig.namespace("s"))
      #expect(try eventually { try rig.port("host1", "s").promiscuous == false })
      try watch.expect(inTen, from: .at("a"), arrives: [.at("b"): 1, .at("t"): 1])
      try rig.expectConservation("host1")
    }
  }

  /// Row 13: with two uplinks on one network a promiscuous port sees reflections, unless it is told to
  /// check the way back.
  @Test(arguments: [false, true])
  func duplicatesAtPromiscuousPortsGoWithTheFlag(_ isChecked: Bool) throws {
    let text = network(
      uplinks: 2, settings: [uplink1First],
      groups: [
        "{ name: web, vlan: 10 }",
        "{ name: spy, vlan: 10, policy: { security: { allowPromiscuous: true, "
          + "reversePathCheckPromiscuous: \(isChecked) } } }",
      ], vms: [vm("a", "web"), vm("b", "web"), vm("s", "spy")])
    try withRig(text) { rig in
      try rig.run(["ip", "link", "set", "eth0", "promisc", "on"], in: rig.namespace("s"))
      #expect(try eventually { try rig.port("host1", "s").promiscuous == true })
      let second = Place.wire("host1", "vmnic1")
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("s"), wire, second])
      // tor1 and tor2 are linked, so that each broadcast comes back by the other uplink.
      let copies = isChecked ? 1 : 2
      try watch.expect(
        TestFrame(from: mac("a")), from: .at("a"),
        arrives: [.at("b"): 1, .at("s"): copies, wire: 1])
      try watch.expect(
        TestFrame(from: mac("s")), from: .at("s"),
        arrives: [.at("a"): 1, .at("b"): 1, .at("s"): copies - 1, wire: 1])
      // And a stranger's, which comes in by both.
      let frame = TestFrame(from: stranger(1), tags: [.vlan(10)])
      try watch.expect(frame, from: wire, arrives: [.at("a"): 1, .at("b"): 1, .at("s"): 1])
      try watch.expect(frame, from: second, arrives: [.at("s"): copies - 1])
      try rig.expectConservation("host1")
    }
  }

  /// Row 14: spanning tree of guests stops where it is told to; that of the network never comes in.
  @Test func spanningTreeStaysOutside() throws {
    let text = network(
      groups: [
        "{ name: web, vlan: 0 }",
        "{ name: quiet, vlan: 0, policy: { security: { blockGuestBPDU: true } } }",
      ], vms: [vm("a", "web"), vm("b", "quiet")])
    try withRig(text) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), wire])
      let before = try rig.uplink("uplink1").drops["bpduFiltered"] ?? 0
      let perVLAN = MACAddress(rawValue: 0x0100_0CCC_CCCD)
      for destination in [MACAddress(rawValue: 0x0180_C200_0000), perVLAN] {
        try watch.expect(
          .bpdu(to: destination, from: mac("a")), from: .at("a"), arrives: [wire: 1])
        try watch.expect(.bpdu(to: destination, from: mac("b")), from: .at("b"), arrives: [:])
      }
      #expect(try rig.drops("host1", "b", "bpduFiltered") == 2)
      #expect(try rig.drops("host1", "a", "bpduFiltered") == 0)
      // What is not spanning tree passes.
      try watch.expect(TestFrame(from: mac("b")), from: .at("b"), arrives: [.at("a"): 1, wire: 1])
      let fromOutside = TestFrame.bpdu(to: .init(rawValue: 0x0180_C200_0000), from: stranger(1))
      try watch.expect(fromOutside, from: wire, arrives: [:])
      #expect(try rig.uplink("uplink1").drops["bpduFiltered"] == before + 1)
      // A real one: the bridge that stands for the physical switch begins to speak it.
      let tor = rig.namespace("tor1")
      try rig.run(["ip", "link", "set", "br0", "type", "bridge", "stp_state", "1"], in: tor)
      #expect(
        try eventually {
          try rig.uplink("uplink1").drops["bpduFiltered"] ?? 0 > before + 1
        })
      let reserved = try watch.frames(.at("a")) + watch.frames(.at("b"))
      #expect(!reserved.contains { Array($0.prefix(6)) == [0x01, 0x80, 0xC2, 0, 0, 0] })
      try rig.expectConservation("host1")
    }
  }
}

extension TestFrame {
  /// A configuration message of a bridge (IEEE 802.1D-2004, 9.3.1), with a mark behind it.
  fileprivate static func bpdu(to destination: MACAddress, from source: MACAddress) -> TestFrame {
    var frame = TestFrame(to: destination, from: source)
    frame.etherType = 38
    frame.head = [0x42, 0x42, 0x03] + Array(repeating: 0, count: 35)
    frame.byteCount = 64
    return frame
  }
}

extension Rig {
  /// Sets the address of a VM's device, as the guest's administrator does.
  fileprivate func setAddress(of vm: String, to address: MACAddress) throws {
    try run(["ip", "link", "set", "eth0", "address", "\(address)"], in: namespace(vm))
  }
}
