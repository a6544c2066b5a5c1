// MAC learning: the addresses behind a guest that bridges, how many of them, and where frames go whose
// address nobody knows.

import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

private let wire = Place.wire("host1", "vmnic0")

private func learning(_ keys: String, flooding: Bool = true) -> String {
  "policy: { security: { forgedTransmits: true }, macLearning: { enabled: true, "
    + "allowUnicastFlooding: \(flooding), \(keys) } }"
}

extension PolicyTests {
  /// Row 17: a guest with a bridge and three machines behind it; a fourth over the limit.
  @Test(arguments: ["drop", "allow"])
  func addressesBehindAGuestAreLearntUpToTheLimit(_ limitPolicy: String) throws {
    // A frame of the guest's own address needs no learning; its bridge has that address.
    let text = network(
      groups: [
        "{ name: nested, vlan: 10, \(learning("limit: 3, limitPolicy: \(limitPolicy)")) }",
        "{ name: web, vlan: 10 }",
      ], vms: [vm("a", "nested"), vm("b", "web")])
    try withRig(text) { rig in
      try rig.bridgeInside("a")
      for number in 1...3 {
        let name = "inner\(number)"
        try rig.plugInside("a", name, address: "10.0.0.10\(number)")
        #expect(eventually { rig.reaches(name, "10.0.0.2") }, "\(name)")
        // And from outside, without the machine saying anything first.
        #expect(rig.reaches("b", "10.0.0.10\(number)"), "\(name)")
      }
      let learned = try rig.macs("host1").filter { $0.type == .learned }
      #expect(learned.count == 3)
      #expect(Set(learned.map(\.vm)) == ["a"])
      #expect(try rig.drops("host1", "a", "macLimit") == 0)
      try rig.plugInside("a", "inner4", address: "10.0.0.104")
      let isAllowed = limitPolicy == "allow"
      // Its request is answered to an address that is not learned, which this port is flooded with.
      #expect(rig.reaches("inner4", "10.0.0.2", seconds: "0.5") == isAllowed)
      #expect((try rig.drops("host1", "a", "macLimit") > 0) == !isAllowed)
      #expect(try rig.macs("host1").count { $0.type == .learned } == 3)
      try rig.expectConservation("host1")
    }
  }

  /// Row 17: a learned address is somebody's, so that its frames do not leave the host.
  @Test func aLearnedAddressIsDeliveredLocally() throws {
    let text = network(
      groups: ["{ name: nested, vlan: 10, \(learning("limit: 8")) }", "{ name: web, vlan: 10 }"],
      vms: [vm("a", "nested"), vm("b", "web"), vm("c", "nested")])
    try withRig(text) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), wire])
      // Unknown yet: flooded to ports that learn, and out.
      let toStranger = TestFrame(to: stranger(1), from: mac("b"))
      try watch.expect(toStranger, from: .at("b"), arrives: [.at("a"): 1, .at("c"): 1, wire: 1])
      try watch.expect(
        TestFrame(to: mac("b"), from: stranger(1)), from: .at("a"), arrives: [.at("b"): 1])
      try watch.expect(toStranger, from: .at("b"), arrives: [.at("a"): 1])
      let entry = try #require(try rig.macs("host1").first { $0.mac == stranger(1) })
      #expect(entry.type == .learned && entry.vm == "a")
      // It moves: whoever sends from it has it.
      try watch.expect(
        TestFrame(to: mac("b"), from: stranger(1)), from: .at("c"), arrives: [.at("b"): 1])
      try watch.expect(toStranger, from: .at("b"), arrives: [.at("c"): 1])
      try rig.expectConservation("host1")
    }
  }

  /// Row 18: unknown unicast reaches ports that learn and flood, in their VLAN, from both sides.
  @Test func unknownUnicastFloodsOnlyWhereAskedFor() throws {
    let text = network(
      groups: [
        "{ name: flooded, vlan: 10, \(learning("limit: 8")) }",
        "{ name: learning, vlan: 10, \(learning("limit: 8", flooding: false)) }",
        "{ name: plain, vlan: 10 }", "{ name: other, vlan: 20, \(learning("limit: 8")) }",
      ], vms: [vm("a", "flooded"), vm("b", "learning"), vm("c", "plain"), vm("d", "other")])
    try withRig(text) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), .at("d"), wire])
      try watch.expect(
        TestFrame(to: stranger(1), from: mac("c")), from: .at("c"),
        arrives: [.at("a"): 1, wire: 1])
      try watch.expect(
        TestFrame(to: stranger(1), from: stranger(2), tags: [.vlan(10)]), from: wire,
        arrives: [.at("a"): 1])
      try watch.expect(
        TestFrame(to: stranger(1), from: stranger(2), tags: [.vlan(30)]), from: wire, arrives: [:])
      try rig.expectConservation("host1")
    }
  }
}

extension Rig {
  /// Makes the VM a bridge of its own, as a guest that runs VMs or containers.
  func bridgeInside(_ vm: String) throws {
    let socket = try NetlinkSocket(in: namespace(vm))
    try run(["ip", "address", "flush", "dev", "eth0"], in: namespace(vm))
    try socket.createBridge("br0")
    try socket.setMaster("br0", of: "eth0")
  }

  /// Plugs a machine of its own namespace into a VM's bridge.
  func plugInside(_ vm: String, _ name: String, address: String) throws {
    let machine = try addNode(name, hasIPv6: false)
    try NetlinkSocket.createVethPair(
      VethEnd("eth0", in: machine, isUp: true), VethEnd(name, in: namespace(vm), isUp: true))
    try NetlinkSocket(in: namespace(vm)).setMaster("br0", of: .name(name))
    try run(["ip", "address", "add", "\(address)/24", "dev", "eth0"], in: machine)
  }
}
