// Tags: none, the switch's, the guest's; and what does not belong.

import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

private let wire = Place.wire("host1", "vmnic0")

/// a without VLAN, b in 10, c with the tags 105-125 and none, d in 105, e with the tags 0 and 1-4094.
private let mixed = network(
  groups: [
    "{ name: none, vlan: 0 }", "{ name: ten, vlan: 10 }",
    "{ name: trunk, vlan: { trunk: [0, 105-125] } }", "{ name: inner, vlan: 105 }",
    "{ name: tagged, vlan: { trunk: [105-125] } }",
  ],
  vms: [
    vm("a", "none"), vm("b", "ten"), vm("c", "trunk"), vm("d", "inner"), vm("e", "tagged"),
  ])
private let everyone: [Place] = [.at("a"), .at("b"), .at("c"), .at("d"), .at("e"), wire]

extension PolicyTests {
  /// Row 19: external, virtual-switch and guest tagging, as the wire shows it.
  @Test func tagsOnTheWireAreNoneTheSwitchsOrTheGuests() throws {
    try withRig(mixed) { rig in
      let watch = try Watch(rig, everyone)
      func tags(_ seen: [Place: [SeenFrame]], _ place: Place) -> [TestTag]? {
        seen[place]?.first?.tags
      }
      // External: untagged both ways; the trunk that takes untagged frames has it, too.
      var seen = try watch.expect(
        TestFrame(from: mac("a")), from: .at("a"), arrives: [wire: 1, .at("c"): 1])
      #expect(tags(seen, wire) == [] && tags(seen, .at("c")) == [])
      try watch.expect(
        TestFrame(to: mac("a"), from: stranger(1)), from: wire, arrives: [.at("a"): 1])
      // By the switch: put on outside, taken off inside.
      seen = try watch.expect(TestFrame(from: mac("b")), from: .at("b"), arrives: [wire: 1])
      #expect(tags(seen, wire) == [.vlan(10)])
      seen = try watch.expect(
        TestFrame(to: mac("b"), from: stranger(1), tags: [.vlan(10, priority: 5)]), from: wire,
        arrives: [.at("b"): 1])
      #expect(tags(seen, .at("b")) == [])
      // By the guest: kept, with its priority; a neighbour in the VLAN gets it without.
      seen = try watch.expect(
        TestFrame(from: mac("c"), tags: [.vlan(105, priority: 3)]), from: .at("c"),
        arrives: [wire: 1, .at("d"): 1, .at("e"): 1])
      #expect(tags(seen, wire) == [.vlan(105, priority: 3)])
      #expect(tags(seen, .at("d")) == [])
      #expect(tags(seen, .at("e")) == [.vlan(105, priority: 3)])
      try rig.expectConservation("host1")
    }
  }

  /// Row 19: a port of one VLAN takes no tags from its guest, but a priority.
  @Test func tagsOfAGuestThatMayNotTag() throws {
    try withRig(mixed) { rig in
      let watch = try Watch(rig, everyone)
      for (letter, id) in [("a", 10), ("b", 10), ("b", 20)] as [(Character, UInt16)] {
        let before = try rig.drops("host1", "\(letter)", "vlanMismatch")
        try watch.expect(
          TestFrame(from: mac(letter), tags: [.vlan(id)]), from: .at("\(letter)"), arrives: [:])
        #expect(try rig.drops("host1", "\(letter)", "vlanMismatch") == before + 1)
      }
      // VLAN 0 is a priority and no VLAN.
      let prioritised = try watch.expect(
        TestFrame(from: mac("b"), tags: [.vlan(0, priority: 6)]), from: .at("b"),
        arrives: [wire: 1])
      #expect(prioritised[wire]?.first?.tags.map { $0.controlInformation & 0xFFF } == [10])
      // Behind a priority tag hides no other: taken off, it would be the tag that counts.
      for letter in ["a", "b"] as [Character] {
        let before = try rig.drops("host1", "\(letter)", "vlanMismatch")
        let hopping = TestFrame(from: mac(letter), tags: [.vlan(0, priority: 6), .vlan(20)])
        try watch.expect(hopping, from: .at("\(letter)"), arrives: [:])
        #expect(try rig.drops("host1", "\(letter)", "vlanMismatch") == before + 1)
      }
      try rig.expectConservation("host1")
    }
  }

  /// Row 19: a trunk carries a second tag inside the first, whatever it says.
  @Test func aTrunkCarriesDoubleTaggedFrames() throws {
    try withRig(mixed) { rig in
      let watch = try Watch(rig, everyone)
      let inner = TestTag.vlan(20, priority: 1)
      var seen = try watch.expect(
        TestFrame(from: mac("c"), tags: [.vlan(105), inner]), from: .at("c"),
        arrives: [wire: 1, .at("d"): 1, .at("e"): 1])
      #expect(seen[wire]?.first?.tags == [.vlan(105), inner])
      #expect(seen[.at("d")]?.first?.tags == [inner], "the switch takes off its own tag only")
      seen = try watch.expect(
        TestFrame(to: mac("c"), from: stranger(1), tags: [.vlan(110), inner]), from: wire,
        arrives: [.at("c"): 1])
      #expect(seen[.at("c")]?.first?.tags == [.vlan(110), inner])
      try rig.expectConservation("host1")
    }
  }

  /// Row 20: a trunk's ranges hold both ways; 0 stands for untagged frames.
  @Test func aTrunkTakesOnlyItsRanges() throws {
    try withRig(mixed) { rig in
      let watch = try Watch(rig, everyone)
      for (id, passes) in [(104, false), (105, true), (125, true), (126, false)]
        as [(UInt16, Bool)]
      {
        let before = try rig.drops("host1", "c", "vlanMismatch")
        let insiders: [Place: Int] =
          id == 105 ? [.at("d"): 1, .at("e"): 1] : [.at("e"): 1]
        try watch.expect(
          TestFrame(from: mac("c"), tags: [.vlan(id)]), from: .at("c"),
          arrives: passes ? insiders.merging([wire: 1]) { $1 } : [:])
        #expect(try rig.drops("host1", "c", "vlanMismatch") == before + (passes ? 0 : 1))
        let back = TestFrame(from: stranger(1), tags: [.vlan(id)])
        try watch.expect(
          back, from: wire, arrives: passes ? insiders.merging([.at("c"): 1]) { $1 } : [:])
      }
      let untagged: [Place: Int] = [.at("a"): 1, wire: 1]
      try watch.expect(TestFrame(from: mac("c")), from: .at("c"), arrives: untagged)
      try watch.expect(TestFrame(from: mac("e")), from: .at("e"), arrives: [:])
      #expect(try rig.drops("host1", "e", "vlanMismatch") == 1)
      try rig.expectConservation("host1")
    }
  }

  /// Row 19: a physical switch that knows VLANs takes the tags for what they say.
  @Test(.enabled(if: hasPrograms("ovs-vswitchd", "ovsdb-server"), "needs Open vSwitch"))
  func aSwitchWithVLANsUnderstandsTheTags() throws {
    try withRig(mixed) { rig in
      let physical = try OpenVSwitch(rig, insteadOf: "tor1")
      defer { physical.stop() }
      try physical.plug("native", "10.0.0.100", vlan: nil)
      try physical.plug("access10", "10.0.0.110", vlan: 10)
      try physical.plug("access105", "10.0.0.205", vlan: 105)
      // Each machine reaches the VM of its VLAN and no other.
      let own = [("native", "10.0.0.1"), ("access10", "10.0.0.2"), ("access105", "10.0.0.4")]
      for (machine, address) in own {
        #expect(eventually { rig.reaches(machine, address) }, "\(machine) and \(address)")
        for (_, other) in own where other != address {
          #expect(!rig.reaches(machine, other, seconds: "0.1"), "\(machine) and \(other)")
        }
      }
      try rig.expectConservation("host1")
    }
  }
}
