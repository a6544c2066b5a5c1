// The network of the tests of teams: host1 with a nic for each uplink, on physical switches that a test
// chooses, and far beyond them a VM on a host of its own.

import Base
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

/// A topology file in the making.
struct TeamNetwork {
  /// A VM of host1 in the port group `team`.
  struct Guest {
    var name: String
    /// More keys of its nic: `port: { id: 3 }`.
    var keys = ""
    var portgroup = "team"
  }

  /// The physical switch of each nic of host1, in the order of the uplinks.
  var nics = ["tor1", "tor1", "tor1"]
  /// The cable between tor1 and tor2, where there are both.
  var isJoined = true
  /// Lines of the switch: `uplinkUpDelay: 1000`.
  var settings: [String] = []
  /// What the port group says of its team, without braces.
  var teaming: String
  /// More of the port group's policy: `filter: [...]`.
  var policy: [String] = []
  var vlan = "10"
  /// More port groups, a line each.
  var portgroups: [String] = []
  var guests: [Guest]
  /// Where host2 is plugged in, with the VM `far` (10.0.10.99); nowhere when nil.
  var far: String?

  init(_ teaming: String, guests: [Guest] = [Guest(name: "app")]) {
    self.teaming = teaming
    self.guests = guests
  }

  var text: String {
    let switches = Set(nics + (far.map { [$0] } ?? [])).sorted()
    var lines = ["apiVersion: martlet/v1", "kind: Topology", "name: team", "physicalSwitches:"]
    for name in switches {
      let joins = isJoined && name == "tor1" && switches.contains("tor2") ? ", links: [tor2]" : ""
      lines.append("  - { name: \(name)\(joins) }")
    }
    let plugs = nics.enumerated().map { "vmnic\($0): \($1)" }.joined(separator: ", ")
    lines += ["hosts:", "  - { name: host1, nics: { \(plugs) } }"]
    if let far { lines.append("  - { name: host2, nics: { vmnic0: \(far) } }") }
    let names = nics.indices.map { "uplink\($0 + 1)" }.joined(separator: ", ")
    let uplinks = nics.indices.map { "uplink\($0 + 1): vmnic\($0)" }.joined(separator: ", ")
    lines += ["distributedSwitches:", "  - name: dvs1", "    uplinks: [\(names)]"]
    lines += settings.map { "    " + $0 }
    lines += ["    hosts:", "      - { name: host1, uplinks: { \(uplinks) } }"]
    if far != nil { lines.append("      - { name: host2, uplinks: { uplink1: vmnic0 } }") }
    lines += ["    portgroups:", "      - name: team", "        vlan: \(vlan)", "        policy:"]
    lines += policy.map { "          " + $0 }
    lines.append("          teaming: { \(teaming) }")
    lines += portgroups.map { "      - " + $0 }
    if far != nil { lines.append("      - { name: far, vlan: \(vlan) }") }
    lines.append("vms:")
    for (index, guest) in guests.enumerated() {
      let nic =
        "portgroup: \(guest.portgroup), addresses: [10.0.10.\(index + 1)/24]"
        + (guest.keys.isEmpty ? "" : ", \(guest.keys)")
      lines.append("  - { name: \(guest.name), host: host1, nics: [{ \(nic) }] }")
    }
    if far != nil {
      lines.append(
        "  - { name: far, host: host2, nics: [{ portgroup: far, addresses: [10.0.10.99/24] }] }")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The cables of host1 at their physical switches, in the order of the uplinks.
  var wires: [Place] { nics.indices.map { .wire("host1", "vmnic\($0)") } }
}

extension Rig {
  /// The address of a VM on host1, also of one that came with a change.
  func teamAddress(_ vm: String) throws -> MACAddress {
    try #require(try port("host1", vm).mac)
  }

  /// What host1 says of its uplinks, in order: "up down recovering".
  func uplinkStates() throws -> String {
    try uplinks("host1").map { "\($0.state)" }.joined(separator: " ")
  }

  /// What beacons say of them: "ok failed off".
  func beaconVerdicts() throws -> String {
    try uplinks("host1").map { $0.beacon.map { "\($0)" } ?? "-" }.joined(separator: " ")
  }

  /// Lets VMs send a broadcast each, so that the physical switches learn where they are.
  func speak(_ vms: [String]) throws {
    for vm in vms {
      let frame = TestFrame(from: try teamAddress(vm))
      try Injector(self, .at(vm)).send(frame.bytes(mark: newMark()))
    }
  }

  /// The nic of host1 behind which a physical switch has a VM's address now, by `bridge fdb`.
  func learnedNIC(_ vm: String) throws -> String? {
    let wanted = "\(try teamAddress(vm))"
    for cable in cables where cable.host == "host1" {
      let table = try run(
        ["bridge", "fdb", "show", "brport", cable.port], in: namespace(cable.physicalSwitch))
      let isThere = table.split(separator: "\n").contains {
        $0.hasPrefix(wanted) && !$0.contains("permanent")
      }
      if isThere { return cable.nic }
    }
    return nil
  }

  /// Lets VMs speak until the physical switches have each where it is said, by name of the nic.
  func expectLearned(
    _ wanted: [String: String], _ location: Testing.SourceLocation = #_sourceLocation
  ) throws {
    var found: [String: String] = [:]
    _ = try eventually {
      try speak(wanted.keys.sorted())
      for vm in wanted.keys { found[vm] = try learnedNIC(vm) }
      return found == wanted
    }
    #expect(found == wanted, sourceLocation: location)
  }

  /// A node that is plugged into a physical switch by itself, without a virtual switch: `eth0` there.
  func plugOutsider(_ name: String, on physicalSwitch: String, _ address: String) throws {
    let namespace = try addNode(name, hasIPv6: false)
    let far = self.namespace(physicalSwitch)
    try NetlinkSocket.createVethPair(
      VethEnd("eth0", in: namespace, isUp: true), VethEnd(name, in: far, isUp: true))
    try NetlinkSocket(in: far).setMaster(bridge, of: .name(name))
    try NetlinkSocket(in: namespace).addAddress(
      try #require(IPPrefix(address)), to: .name("eth0"))
  }
}
