// Ports as such: how many there are, whose they are, what one says for itself, and what it counts.

import Base
import HTTP
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

private let wire = Place.wire("host1", "vmnic0")

extension PolicyTests {
  /// Row 36: a port group of eight takes a ninth nic when it is elastic, and refuses it when it is not.
  @Test func anElasticPortGroupGrowsAndAFixedOneDoesNot() throws {
    func text(_ allocation: String, vms: Int) -> String {
      network(
        groups: ["{ name: web, vlan: 10, binding: static, allocation: \(allocation) }"],
        vms: "abcdefghi".prefix(vms).map { vm($0, "web") })
    }
    try withRig(text("elastic", vms: 8), isStarted: false) { rig in
      try rig.addNode("i")
      try rig.quieten("i")
      try rig.start()
      #expect(try rig.portgroup("web").numPorts == 8)
      let ids = try rig.ids()
      try rig.change(text("elastic", vms: 9), on: "host1")
      try rig.waitForPorts("host1")
      try rig.address("i")
      #expect(try rig.portgroup("web").numPorts == 16)
      #expect(try rig.ids().filter { $0.key != "i" } == ids, "nobody is renumbered")
      let watch = try Watch(rig, "abcdefghi".map { .at("\($0)") })
      try watch.expect(
        TestFrame(to: mac("i"), from: mac("a")), from: .at("a"), arrives: [.at("i"): 1])
      // Eight go when they are not needed, and those are not the ones in use.
      try rig.change(text("elastic", vms: 8), on: "host1")
      #expect(try rig.portgroup("web").numPorts == 8)
      #expect(try rig.ids() == ids)
      // The same with a fixed number: refused, and everything stays as it was.
      try rig.change(text("fixed", vms: 8), on: "host1")
      let revision = try rig.status("host1").revision
      try rig.write(text("fixed", vms: 9))
      let reply = try rig.reload("host1")
      #expect(reply.status == 422)
      #expect(String(decoding: reply.body, as: UTF8.self).contains("8 fixed ports"))
      #expect(try rig.status("host1").revision == revision)
      #expect(try rig.ids() == ids)
      try watch.expect(
        TestFrame(to: mac("b"), from: mac("a")), from: .at("a"), arrives: [.at("b"): 1])
    }
  }

  /// Row 37: a closed port lets nothing in and nothing out, a closed port group none of its ports.
  @Test func aBlockedPortIsSilentBothWaysUntilItIsOpened() throws {
    func text(_ port: String = "", _ group: String = "false") -> String {
      network(
        groups: [
          "{ name: web, vlan: 10, allowOverride: [block], policy: { blocked: \(group) } }",
          "{ name: lan, vlan: 10 }",
        ], vms: [vm("a", "web", on: "host1", port), vm("b", "web"), vm("c", "lan")])
    }
    try withRig(text()) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), wire])
      let (fromA, fromB) = (TestFrame(from: mac("a")), TestFrame(from: mac("b")))
      let fromC = TestFrame(from: mac("c"))
      func expectOpen() throws {
        try watch.expect(fromA, from: .at("a"), arrives: [.at("b"): 1, .at("c"): 1, wire: 1])
        try watch.expect(fromC, from: .at("c"), arrives: [.at("a"): 1, .at("b"): 1, wire: 1])
      }
      try expectOpen()
      try rig.change(text("port: { policy: { blocked: true } }"), on: "host1")
      #expect(try rig.port("host1", "a").state == .blocked)
      let before = try rig.drops("host1", "a", "portBlocked")
      try watch.expect(fromA, from: .at("a"), arrives: [:])
      try watch.expect(fromB, from: .at("b"), arrives: [.at("c"): 1, wire: 1])
      try watch.expect(
        TestFrame(to: mac("a"), from: mac("b")), from: .at("b"), arrives: [:])
      #expect(try rig.drops("host1", "a", "portBlocked") >= before + 2)
      try rig.change(text(), on: "host1")
      #expect(try rig.port("host1", "a").state == .up)
      try expectOpen()
      // The whole port group; a port may say that it is open all the same.
      try rig.change(text("", "true"), on: "host1")
      #expect(try rig.port("host1", "b").state == .blocked)
      try watch.expect(fromB, from: .at("b"), arrives: [:])
      try watch.expect(fromC, from: .at("c"), arrives: [wire: 1])
      try rig.change(text("port: { policy: { blocked: false } }", "true"), on: "host1")
      try watch.expect(fromC, from: .at("c"), arrives: [.at("a"): 1, wire: 1])
      try rig.change(text(), on: "host1")
      try expectOpen()
      try rig.expectConservation("host1")
    }
  }

  /// Row 38: a port says for itself what its port group lets it, until its nic is disconnected.
  @Test func aPortsOwnSettingsNeedLeaveAndGoWithTheNIC() throws {
    func text(_ allowed: String, _ more: String, keeps: Bool = false) -> String {
      let reset = keeps ? ", resetAtDisconnect: false" : ""
      return network(
        groups: [
          "{ name: web, vlan: 10, allowOverride: [\(allowed)]\(reset) }",
          "{ name: other, vlan: 20 }",
        ], vms: [vm("a", "web", on: "host1", more), vm("b", "web"), vm("c", "other")])
    }
    let settings = "port: { vlan: 20, policy: { security: { forgedTransmits: true } } }"
    let all = "vlan, security"
    try withRig(text("", "")) { rig in
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), wire])
      let forged = TestFrame(from: stranger(1))
      for allowed in ["", "vlan", "security"] {
        try rig.write(text(allowed, settings))
        let reply = try rig.reload("host1")
        #expect(reply.status == 422)
        let missing = allowed == "vlan" ? "`security`" : "`vlan`"
        let words = String(decoding: reply.body, as: UTF8.self)
        #expect(words.contains("does not let its ports set \(missing)"), "\(words)")
      }
      try watch.expect(forged, from: .at("a"), arrives: [:])
      try rig.change(text(all, settings), on: "host1")
      try watch.expect(forged, from: .at("a"), arrives: [.at("c"): 1, wire: 1])
      let policy = try #require(try rig.port("host1", "a").policy)
      #expect(policy.vlan.source == .port && policy.security.forgedTransmits.source == .port)
      #expect(policy.security.macChanges.source != .port)
      try watch.expect(forged, from: .at("b"), arrives: [:])
      // Unplugged it is silent; plugged in again it is as its port group says.
      try rig.martlet("port", "detach", "a/eth0")
      #expect(try !rig.isUp("host1", "a"))
      try watch.expect(TestFrame(from: mac("c")), from: .at("c"), arrives: [wire: 1])
      try rig.martlet("port", "attach", "a/eth0")
      #expect(try eventually { try rig.isUp("host1", "a") })
      let (fromA, fromC) = (TestFrame(from: mac("a")), TestFrame(from: mac("c")))
      try watch.expect(fromA, from: .at("a"), arrives: [.at("b"): 1, wire: 1])
      try watch.expect(forged, from: .at("a"), arrives: [:])
      // A port group can also keep them for the nic.
      try rig.change(text(all, settings, keeps: true), on: "host1")
      try rig.martlet("port", "detach", "a/eth0")
      try rig.martlet("port", "attach", "a/eth0")
      #expect(try eventually { try rig.isUp("host1", "a") })
      try watch.expect(fromC, from: .at("c"), arrives: [.at("a"): 1, wire: 1])
      try watch.expect(forged, from: .at("a"), arrives: [.at("c"): 1, wire: 1])
      try rig.expectConservation("host1")
    }
  }

  /// Row 49: two nics claim one port. The first has it; the second works, and is known as a conflict.
  @Test func aClaimOnATakenPortIsAConflict() throws {
    func text(_ second: Int) -> String {
      network(
        groups: ["{ name: web, vlan: 10 }"],
        vms: [
          vm("a", "web", on: "host1", "port: { id: 7 }"),
          vm("b", "web", on: "host1", "port: { id: \(second) }"), vm("c", "web"),
        ])
    }
    try withRig(text(7)) { rig in
      let (first, second) = (try rig.port("host1", "a"), try rig.port("host1", "b"))
      #expect(first.id == "7" && first.isConflict != true)
      #expect(second.id != "7" && second.isConflict == true)
      #expect(first.state == .up && second.state == .up)
      let watch = try Watch(rig, [.at("a"), .at("b"), .at("c"), wire])
      try watch.expect(
        TestFrame(from: mac("b")), from: .at("b"),
        arrives: [.at("a"): 1, .at("c"): 1, wire: 1])
      // Told apart again: the second has the port that it claims, and the conflict is over.
      try rig.change(text(5), on: "host1")
      #expect(try rig.port("host1", "a").id == "7")
      #expect(try rig.port("host1", "b").id == "5")
      #expect(try rig.port("host1", "b").isConflict != true)
      try watch.expect(
        TestFrame(from: mac("b")), from: .at("b"),
        arrives: [.at("a"): 1, .at("c"): 1, wire: 1])
    }
  }

  /// Row 46: every one of the sixteen counters, after traffic of known frames.
  @Test func everyCounterIsExact() throws {
    let text = network(
      groups: [
        "{ name: web, vlan: 10 }",
        "{ name: deaf, vlan: 10, policy: { filter: [{ name: out, direction: egress, "
          + "etherType: 0x88b6, action: drop }] } }",
      ], vms: [vm("a", "web"), vm("b", "deaf")])
    try withRig(text) { rig in
      try rig.listen(by: "b", group(1))
      let watch = try Watch(rig, [.at("a"), .at("b"), wire])
      // Announcements of the start leave by the uplink; its counters are taken as differences.
      try rig.waitForAnnouncements("uplink1")
      let before = (
        a: try rig.port("host1", "a").counters, b: try rig.port("host1", "b").counters,
        uplink: try rig.uplink("uplink1").counters
      )
      #expect(before.a == PortCounters() && before.b == PortCounters(), "nothing was said yet")
      try watch.expectAll(knownTraffic())

      var wanted = PortCounters()
      (wanted.packetsInUnicast, wanted.bytesInUnicast) = (7, 300 + 1_000 + 600 + 300)
      (wanted.packetsInMulticast, wanted.bytesInMulticast) = (2, 400)
      (wanted.packetsInBroadcast, wanted.bytesInBroadcast) = (1, 400)
      (wanted.packetsInDropped, wanted.packetsInException) = (2, 1)
      (wanted.packetsOutUnicast, wanted.bytesOutUnicast) = (1, 1_000)
      (wanted.packetsOutBroadcast, wanted.bytesOutBroadcast) = (1, 64)
      #expect(try rig.port("host1", "a").counters == wanted)
      #expect(try rig.port("host1", "a").drops == ["forgedTransmit": 2, "malformed": 1])

      wanted = PortCounters()
      (wanted.packetsOutUnicast, wanted.bytesOutUnicast) = (3, 300)
      (wanted.packetsOutMulticast, wanted.bytesOutMulticast) = (2, 400)
      (wanted.packetsOutBroadcast, wanted.bytesOutBroadcast) = (2, 400 + 64)
      wanted.packetsOutDropped = 1
      #expect(try rig.port("host1", "b").counters == wanted)
      #expect(try rig.port("host1", "b").drops == ["egressFilter": 1])

      // The tag of the wire is not counted, so that a frame has one size everywhere.
      wanted = before.uplink
      (wanted.packetsInUnicast, wanted.bytesInUnicast) = (1, 1_000)
      (wanted.packetsInBroadcast, wanted.bytesInBroadcast) = (1, 64)
      wanted.packetsOutMulticast += 2
      wanted.bytesOutMulticast += 400
      wanted.packetsOutBroadcast += 1
      wanted.bytesOutBroadcast += 400
      #expect(try rig.uplink("uplink1").counters == wanted)
      try rig.expectConservation("host1")
    }
  }
}

/// Frames of every kind between a, b and the wire, of sizes that tell them apart in a sum.
private func knownTraffic() -> [Expected] {
  func frame(_ to: MACAddress, _ bytes: Int, from source: MACAddress = mac("a")) -> TestFrame {
    var frame = TestFrame(to: to, from: source)
    frame.byteCount = bytes
    return frame
  }
  func fromOutside(_ to: MACAddress, _ bytes: Int) -> TestFrame {
    var frame = frame(to, bytes, from: stranger(1))
    frame.tags = [.vlan(10)]
    return frame
  }
  var filtered = frame(mac("b"), 300)
  filtered.etherType = 0x88B6
  let (a, b) = (Place.at("a"), Place.at("b"))
  var script: [Expected] = []
  script += Array(repeating: (a, frame(mac("b"), 100), [b: 1]), count: 3)
  script += Array(repeating: (a, frame(group(1), 200), [b: 1, wire: 1]), count: 2)
  script.append((a, frame(.broadcast, 400), [b: 1, wire: 1]))
  // Dropped on the way in: forged. Not valid at all: from a group. On the way out: filtered.
  script += Array(repeating: (a, frame(mac("b"), 500, from: stranger(5)), [:]), count: 2)
  script.append((a, frame(mac("b"), 600, from: group(9)), [:]))
  script.append((a, filtered, [:]))
  script.append((wire, fromOutside(mac("a"), 1_000), [a: 1]))
  script.append((wire, fromOutside(.broadcast, 64), [a: 1, b: 1]))
  return script
}

extension Rig {
  /// Runs the program as a person does, for the agent of host1.
  fileprivate func martlet(_ words: String...) throws {
    let place = ["--socket", socketPath("host1")]
    let report = try ChildProcess.run(.init([martletProgram] + words + place))
    #expect(report.ending.isSuccess, "\(words): \(report.errors)")
  }

  fileprivate func portgroup(_ name: String) throws -> PortGroupStatus {
    let all = try client("host1").request(
      .get, HTTPTarget(segments: ["v1", "portgroups"]), as: [PortGroupStatus].self)
    return try #require(all.first { $0.name == name })
  }

  /// The port id of each VM.
  fileprivate func ids() throws -> [String: String] {
    Dictionary(
      try ports("host1").map { ($0.vm ?? "", $0.id) }, uniquingKeysWith: { first, _ in first })
  }

  fileprivate func listen(by vm: String, _ address: MACAddress) throws {
    try run(["ip", "maddress", "add", "\(address)", "dev", "eth0"], in: namespace(vm))
    #expect(
      try eventually { try port("host1", vm).multicastAddresses?.contains(address) == true })
  }

  /// Waits until the switch has announced its ports five times: then it is silent.
  fileprivate func waitForAnnouncements(_ name: String) throws {
    let count = topology.vms.count
    let isOver = try eventually {
      try uplink(name).counters.packetsOutBroadcast >= UInt64(5 * 2 * count)
    }
    #expect(isOver, "\(count) VMs are announced by RARP and ARP, five times each")
  }
}
