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
}
