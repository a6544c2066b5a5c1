// Topologies made in code: what a host sees of them, their validation, and derived addresses.

import Base
import Model
import Testing
import Wire

@Suite struct TopologyTests {
  private static let sample = Topology(
    name: "sample", physicalSwitches: [PhysicalSwitch(name: "tor1")],
    hosts: [
      Host(
        name: "host1",
        nics: ["vmnic0", "vmnic1"].map { Host.NIC(name: $0, physicalSwitch: "tor1") }),
      Host(name: "host2"),
    ],
    distributedSwitches: [
      DistributedSwitch(
        name: "dvs1", uplinks: ["uplink1", "uplink2"],
        hosts: [
          .init(host: "host2"),
          .init(host: "host1", uplinks: [UplinkBinding(uplink: "uplink2", nic: "vmnic0")]),
        ], portgroups: [PortGroup(name: "web", vlan: .access(10)), PortGroup(name: "lab")])
    ],
    standardSwitches: [
      StandardSwitch(
        host: "host1", name: "vSwitch0", uplinks: ["vmnic1"],
        portgroups: [PortGroup(name: "lab", vlan: .trunk(.all))])
    ],
    vms: [
      VirtualMachine(
        name: "web1", host: "host1",
        nics: [.init(portgroup: "web", mac: MACAddress(rawValue: 0x0050_5600_0001))])
    ])

  @Test func aHostSeesItsSwitches() {
    let switches = Self.sample.switches(onHost: "host1")
    #expect(switches.map(\.name) == ["dvs1", "vSwitch0"])
    #expect(switches.map(\.kind) == [.distributed, .standard])
    #expect(switches[0].uplinks == [UplinkBinding(uplink: "uplink2", nic: "vmnic0")])
    #expect(switches[0].uplinkNames == ["uplink1", "uplink2"])
    #expect(switches[1].uplinks == [UplinkBinding(uplink: "vmnic1", nic: "vmnic1")])
    #expect(Self.sample.switches(onHost: "host2").map(\.uplinks) == [[]])
    #expect(Self.sample.switches(onHost: "host3").isEmpty)
    let policy = switches[0].effectivePolicy(of: switches[0].portgroups[0])
    #expect(policy.teaming.activeUplinks.value == ["uplink1", "uplink2"])
  }

  @Test func aPortGroupIsFoundByName() {
    let switches = Self.sample.switches(onHost: "host1")
    #expect(switches.portgroups(named: "web").map(\.qualifiedName) == ["dvs1/web"])
    #expect(switches.portgroups(named: "lab").count == 2)
    #expect(switches.portgroups(named: "vSwitch0/lab").map(\.portgroup.vlan) == [.trunk(.all)])
    #expect(switches.portgroups(named: "none/lab").isEmpty)
    let vm = Self.sample.vms[0]
    #expect(Self.sample.portgroup(of: vm.nics[0], of: vm)?.qualifiedName == "dvs1/web")
  }

  @Test func validationNeedsNoFile() {
    var topology = Self.sample
    #expect(topology.validationFailures() == [])
    topology.vms[0].nics.append(.init(portgroup: "webb", mac: .broadcast))
    topology.standardSwitches[0].mtu = 9001
    topology.hosts[1].name = "web1"
    let failures = topology.validationFailures()
    #expect(failures.allSatisfy { $0.location == nil && !$0.remedy.isEmpty })
    #expect(
      failures.map { "\($0.what): \($0.why)" } == [
        "VM web1: the name `web1` is already taken by host web1",
        "host host2 of distributed switch dvs1: unknown host `host2`",
        "standard switch vSwitch0: `mtu` is 9001, which is out of range",
        "nic 2 of VM web1: ff:ff:ff:ff:ff:ff is a multicast address: the lowest bit of its first "
          + "octet is set",
        "nic 2 of VM web1: unknown port group `webb`",
      ])
  }

  @Test func placeAndCommentsAreNoChange() {
    var moved = Self.sample
    moved.origin = Origin(
      ConfigNode(.mapping([]), at: SourceLocation(file: "f", line: 7, column: 1)))
    #expect(moved == Self.sample)
    #expect(moved.hashValue == Self.sample.hashValue)
    #expect(moved.origin.location(of: "name")?.line == 7)
  }
}

@Suite struct TopologyDecoderTests {
  /// A tree as a parser would make it, with every node on a line of its own.
  private func node(_ value: JSONValue, line: inout Int) -> ConfigNode {
    line += 1
    let location = SourceLocation(file: "f", line: line, column: 1)
    switch value {
    case .array(let values):
      return ConfigNode(.sequence(values.map { node($0, line: &line) }), at: location)
    case .object(let object):
      let entries = object.members.map { member in
        ConfigNode.Entry(
          key: member.key, keyLocation: location, value: node(member.value, line: &line))
      }
      return ConfigNode(.mapping(entries), at: location)
    case .string(let text): return ConfigNode(.scalar(.init(text)), at: location)
    default: return ConfigNode(.scalar(.init(value.description)), at: location)
    }
  }

  private func decode(name: String, macs: [String?]) throws -> [MACAddress] {
    var line = 0
    let vms = macs.enumerated().map { index, mac -> JSONValue in
      var nic: JSONObject = ["portgroup": "net"]
      nic["mac"] = mac.map { .string($0) }
      return ["name": .string("vm\(index)"), "host": "host1", "nics": [.object(nic)]]
    }
    let root: JSONValue = [
      "apiVersion": "martlet/v1", "kind": "Topology", "name": .string(name),
      "hosts": [["name": "host1"]],
      "standardSwitches": [["host": "host1", "name": "vs", "portgroups": [["name": "net"]]]],
      "vms": .array(vms),
    ]
    return try TopologyDecoder.decode(node(root, line: &line)).vms.map { $0.nics[0].mac }
  }

  @Test func derivesStableAddresses() throws {
    let macs = try decode(name: "lab", macs: [nil, nil, nil])
    #expect(Set(macs).count == 3)
    #expect(macs.allSatisfy { $0.rawValue >> 22 == 0x0050_5600_0000 >> 22 })
    #expect(try decode(name: "lab", macs: [nil, nil, nil]) == macs)
    // Other VMs do not move an address; another topology does.
    #expect(try decode(name: "lab", macs: [nil, "02:00:00:00:00:01", nil])[2] == macs[2])
    #expect(try decode(name: "lab2", macs: [nil, nil, nil]) != macs)
  }

  @Test func derivedAddressesAvoidDeclaredOnes() throws {
    let wanted = try decode(name: "lab", macs: [nil, nil])
    let macs = try decode(name: "lab", macs: [nil, wanted[0].description])
    #expect(macs[1] == wanted[0])
    let low = (wanted[0].rawValue & 0x3F_FFFF + 1) & 0x3F_FFFF
    #expect(macs[0].rawValue == 0x0050_5600_0000 | low)
  }

  @Test func boundsWhatAFileMayDeclare() throws {
    var line = 0
    let hosts = (1...300).map { index -> JSONValue in ["name": .string("host\(index)")] }
    let root: JSONValue = [
      "apiVersion": "martlet/v1", "kind": "Topology", "name": "many", "hosts": .array(hosts),
    ]
    let tree = node(root, line: &line)
    let error = #expect(throws: ConfigErrors.self) { try TopologyDecoder.decode(tree) }
    #expect(error?.failures.map(\.why) == ["`hosts` has 300 elements"])
    #expect(error?.failures.map(\.remedy) == ["keep at most 256"])
  }
}
