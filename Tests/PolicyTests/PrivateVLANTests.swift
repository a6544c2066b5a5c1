// Private VLANs: who may talk to whom under one primary, and which tag is on the wire.
//
//   from \ to      promiscuous   community A   community B   isolated
//   promiscuous    yes           yes           yes           yes
//   community A    yes           yes           no            no
//   isolated       yes           no            no            no
//
// A plain bridge that does not look at tags joins the hosts: one table for all VLANs, as a physical switch
// that knows about private VLANs keeps for a primary and its secondaries.

import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

/// What a port is in the private VLAN.
private enum Kind: CaseIterable {
  case promiscuous, communityA, communityB, isolated

  var group: String {
    switch self {
    case .promiscuous: "gate"
    case .communityA: "red"
    case .communityB: "blue"
    case .isolated: "alone"
    }
  }

  /// The tag that its frames have on a wire: a promiscuous port speaks in the primary.
  var tag: UInt16 {
    switch self {
    case .promiscuous: 100
    case .communityA: 102
    case .communityB: 103
    case .isolated: 101
    }
  }

  func mayTalk(to other: Kind) -> Bool {
    switch (self, other) {
    case (.promiscuous, _), (_, .promiscuous): true
    case (.communityA, .communityA), (.communityB, .communityB): true
    default: false
    }
  }
}

/// Two of each kind on host1 (a, b promiscuous, then c d, e f, g h), and one of each on host2 (i to l);
/// m and n are in other VLANs on host1.
private let privateVLANs = network(
  hosts: 2,
  settings: [
    "privateVlans:", "  - { primary: 100, secondary: 100, type: promiscuous }",
    "  - { primary: 100, secondary: 101, type: isolated }",
    "  - { primary: 100, secondary: 102, type: community }",
    "  - { primary: 100, secondary: 103, type: community }",
  ],
  groups: Kind.allCases.map {
    "{ name: \($0.group), vlan: { pvlan: \($0.tag) } }"
  } + ["{ name: ten, vlan: 10 }"],
  vms: local.map { vm($0, $1.group) } + remote.map { vm($0, $1.group, on: "host2") }
    + [vm("m", "ten")])

private let local: [(Character, Kind)] = zip(
  "abcdefgh", Kind.allCases.flatMap { [$0, $0] }
).map { ($0, $1) }
private let remote: [(Character, Kind)] = zip("ijkl", Kind.allCases).map { ($0, $1) }
private let wires: [Place] = [.wire("host1", "vmnic0"), .wire("host2", "vmnic0")]

extension PolicyTests {
  /// Row 21: broadcast and unicast between every two kinds, on one host and across two.
  @Test func privateVLANsKeepPortsApart() throws {
    try withRig(privateVLANs) { rig in
      let all = local + remote
      let watch = try Watch(rig, all.map { .at("\($0.0)") } + [.at("m")] + wires)
      for (sender, kind) in local where "aceg".contains(sender) {
        // Who hears a broadcast is who may be talked to; host2 hears it by the wire.
        let audience = all.filter { $0.0 != sender && kind.mayTalk(to: $0.1) }
        var wanted: [Place: Int] = [wires[0]: 1]
        for (letter, _) in audience { wanted[.at("\(letter)")] = 1 }
        let seen = try watch.expect(
          TestFrame(from: mac(sender)), from: .at("\(sender)"), arrives: wanted)
        #expect(seen[wires[0]]?.first?.tags == [.vlan(kind.tag)], "\(kind)")
        for (letter, _) in audience {
          #expect(seen[.at("\(letter)")]?.first?.tags == [], "\(letter): one tag, and that is off")
        }
      }
      try rig.expectConservation("host1")
      try rig.expectConservation("host2")
    }
  }

  /// Row 21: unicast to every kind, from the wire with every tag too.
  @Test func privateVLANsKeepUnicastApart() throws {
    try withRig(privateVLANs) { rig in
      let all = local + remote
      let watch = try Watch(rig, all.map { .at("\($0.0)") } + [.at("m")] + wires)
      // All pairs at once: what arrives where is told apart by the mark.
      var frames: [Expected] = []
      for (sender, kind) in local where "aceg".contains(sender) {
        for (receiver, other) in local + remote where receiver != sender {
          var wanted: [Place: Int] = [:]
          let isRemote = remote.contains { $0.0 == receiver }
          if kind.mayTalk(to: other) { wanted[.at("\(receiver)")] = 1 }
          // The other host judges what it gets; this one lets it go.
          if isRemote { wanted[wires[0]] = 1 }
          frames.append(
            (.at("\(sender)"), TestFrame(to: mac(receiver), from: mac(sender)), wanted))
        }
      }
      // Somebody outside, in each VLAN of the private one.
      for kind in Kind.allCases {
        for (receiver, other) in local where "aceg".contains(receiver) {
          let wanted: [Place: Int] = kind.mayTalk(to: other) ? [.at("\(receiver)"): 1] : [:]
          frames.append(
            (
              wires[0],
              TestFrame(to: mac(receiver), from: stranger(1), tags: [.vlan(kind.tag)]), wanted
            ))
        }
      }
      try watch.expectAll(frames)
      #expect(try rig.ports("host1").contains { $0.drops["pvlanIsolation"] ?? 0 > 0 })
      #expect(try rig.ports("host2").contains { $0.drops["pvlanIsolation"] ?? 0 > 0 })
      // The kernels agree: isolated machines reach the gate on the other host, not each other.
      #expect(eventually { rig.reaches("g", "10.0.0.9") })
      #expect(eventually { rig.reaches("c", "10.0.0.10") })
      #expect(!rig.reaches("g", "10.0.0.8", seconds: "0.2"))
      #expect(!rig.reaches("g", "10.0.0.12", seconds: "0.2"))
      try rig.expectConservation("host1")
      try rig.expectConservation("host2")
    }
  }

  /// Row 21: a physical switch that knows private VLANs, with a router outside at a promiscuous port.
  @Test(.enabled(if: hasPrograms("ovs-vswitchd", "ovsdb-server"), "needs Open vSwitch"))
  func aRouterOutsideReachesEveryKind() throws {
    try withRig(privateVLANs) { rig in
      let physical = try OpenVSwitch(rig, insteadOf: "tor1")
      defer { physical.stop() }
      try physical.plug("router", "10.0.0.254", vlan: nil)
      let ports = ["host1", "host2"].map { rig.cable($0, "vmnic0").port }
      // What comes from a host in any VLAN of the private one reaches the router and the other host; what
      // the router says is in the primary.
      var flows = ["in_port=router,actions=mod_vlan_vid:100,\(ports[0]),\(ports[1])"]
      for (port, other) in [(ports[0], ports[1]), (ports[1], ports[0])] {
        for kind in Kind.allCases {
          flows.append(
            "in_port=\(port),dl_vlan=\(kind.tag),actions=\(other),strip_vlan,router")
        }
      }
      try physical.setFlows(flows)
      for (letter, _) in local + remote where "acegijkl".contains(letter) {
        let address = try #require(rig.address4(of: "\(letter)"))
        #expect(eventually { rig.reaches("router", "\(address)") }, "\(letter)")
        #expect(rig.reaches("\(letter)", "10.0.0.254"), "\(letter)")
      }
      #expect(rig.reaches("c", "10.0.0.10"), "community A on the other host")
      #expect(!rig.reaches("c", "10.0.0.11", seconds: "0.1"), "community B there")
      #expect(!rig.reaches("g", "10.0.0.12", seconds: "0.1"), "isolated there")
      try rig.expectConservation("host1")
      try rig.expectConservation("host2")
    }
  }
}
