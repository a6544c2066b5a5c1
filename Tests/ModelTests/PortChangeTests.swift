// Changes of one port: what they make of a topology, and what forbids them.

import Base
import Model
import Testing
import Wire

@Suite struct PortChangeTests {
  private let nic = NICReference(vm: "web1", index: 0)

  /// Two hosts, a distributed switch with a port group that allows much and one that allows nothing.
  private func topology(_ edit: (inout PortGroup) -> Void = { _ in }) throws -> Topology {
    var web = PortGroup(name: "web", vlan: .access(10), allowOverride: Set(PolicyOverride.allCases))
    edit(&web)
    let uplinks = [UplinkBinding(uplink: "uplink1", nic: "vmnic0")]
    let topology = Topology(
      name: "small", physicalSwitches: [PhysicalSwitch(name: "tor1")],
      hosts: ["host1", "host2"].map {
        Host(name: $0, nics: [.init(name: "vmnic0", physicalSwitch: "tor1")])
      },
      distributedSwitches: [
        DistributedSwitch(
          name: "dvs1", uplinks: ["uplink1", "uplink2"],
          hosts: ["host1", "host2"].map { .init(host: $0, uplinks: uplinks) },
          portgroups: [web, PortGroup(name: "strict", allocation: .fixed, numPorts: 1)])
      ],
      vms: try (1...3).map { number in
        VirtualMachine(
          name: "web\(number)", host: "host\(number % 2 + 1)",
          nics: [
            .init(
              portgroup: number == 3 ? "strict" : "web",
              mac: try #require(MACAddress("00:50:56:00:00:0\(number)")))
          ])
      })
    #expect(topology.validationFailures() == [])
    return topology
  }

  private func node(_ text: String) -> ConfigNode {
    ConfigNode(.scalar(.init(text)), at: SourceLocation(file: "test", line: 1, column: 1))
  }

  /// The change that `name=value` words say.
  private func set(_ words: (String, String)...) throws -> PortChange {
    var values = PortSettings()
    var fields: [PortField] = []
    for (name, value) in words {
      let field = try #require(PortField.named(name).first)
      try field.read(node(value), into: &values)
      fields.append(field)
    }
    return .set(fields, values)
  }

  /// Why a change is refused, and what to do.
  private func refusal(_ topology: Topology, _ changes: PortChange...) -> Failure? {
    do throws(Failure) { _ = try topology.changing(nic, changes) } catch { return error }
    return nil
  }

  @Test func everyFieldOfAPolicyIsAField() throws {
    // The effective policy has every field there is; each leaf of its JSON is one.
    let policy = EffectivePolicy(switch: Policy(), portgroup: Policy(), uplinks: [])
    var names: Set<String> = []
    func walk(_ value: JSONValue, _ name: String) {
      guard case .object(let object) = value else { return }
      if object["source"] != nil { names.insert(name) }
      for member in object.members {
        walk(member.value, name.isEmpty ? member.key : "\(name).\(member.key)")
      }
    }
    walk(try JSONValue(encoding: policy), "")
    #expect(Set(PortField.all.map(\.name)) == names)
  }

  @Test func valuesAreWrittenAsInAFile() throws {
    for (name, value, told) in [
      ("vlan", "30", "30"), ("vlan", "0-99,200", "0-99,200"), ("vlan", "pvlan 101", "pvlan 101"),
      ("vlan", "4095", "0-4094"), ("blocked", "true", "true"),
      ("security.forgedTransmits", "false", "false"), ("macLearning.limit", "16", "16"),
      ("macLearning.limitPolicy", "allow", "allow"),
      ("inShaping.averageBandwidth", "10000000", "10M"), ("inShaping.peakBandwidth", "10M", "10M"),
      ("outShaping.averageBandwidth", "1000000001", "1000000001"),
      ("outShaping.burstSize", "1536KB", "1536KB"), ("inShaping.burstSize", "2048KB", "2MB"),
      ("teaming.policy", "loadbalance_ip", "loadbalance_ip"),
      ("teaming.activeUplinks", "uplink2,uplink1", "uplink2, uplink1"),
      ("teaming.failureDetection", "beaconProbing", "beaconProbing"),
    ] {
      var port = PortSettings()
      let field = try #require(PortField.named(name).first)
      try field.read(node(value), into: &port)
      #expect(field.text(of: port) == told)
      for other in PortField.all where other.name != name { #expect(other.text(of: port) == nil) }
    }
  }

  @Test(arguments: [
    ("vlan", "web"), ("vlan", "4096"), ("blocked", "maybe"), ("macLearning.limit", "0"),
    ("inShaping.peakBandwidth", "1Q"), ("teaming.policy", "luck"), ("filter", "none"),
  ])
  func aValueThatCannotBeIsRefused(_ name: String, _ value: String) throws {
    var port = PortSettings(vlan: .access(7))
    let field = try #require(PortField.named(name).first)
    #expect(throws: Failure.self) { try field.read(node(value), into: &port) }
    #expect(port == PortSettings(vlan: .access(7)))
  }

  @Test func aFamilyIsAllItsFields() {
    #expect(PortField.named("inShaping").count == 4)
    #expect(PortField.named("inShap").isEmpty)
    #expect(PortField.named("blocked").map(\.kind) == [.block])
  }

  @Test func settingsAreAddedAndDropped() throws {
    let old = try topology()
    let set = try old.changing(
      nic, [set(("vlan", "30"), ("security.macChanges", "true"))])
    #expect(set[nic]?.port?.vlan == .access(30))
    #expect(set[nic]?.port?.policy == Policy(security: SecurityPolicy(macChanges: true)))
    #expect(
      set.portChanges(of: nic, since: old) == [
        "vlan inherited -> 30", "security.macChanges inherited -> true",
      ])
    let more = try set.changing(nic, [self.set(("blocked", "true"))])
    #expect(more[nic]?.port?.vlan == .access(30), "what was set stays")
    let less = try more.changing(nic, [.reset(PortField.named("security")), .unblock])
    #expect(less[nic]?.port == PortSettings(vlan: .access(30)))
    #expect(try less.changing(nic, [.reset(PortField.all)]) == old)
    #expect(try old.changing(nic, []) == old)
  }

  @Test func whatThePortGroupDoesNotAllowIsRefused() throws {
    for kind in PolicyOverride.allCases {
      let topology = try topology { $0.allowOverride.remove(kind) }
      for field in PortField.all where field.kind == kind && field.name != "filter" {
        let values = [
          "vlan": "30", "blocked": "true", "macLearning.limit": "5", "limitPolicy": "allow",
          "Bandwidth": "200M", "burstSize": "1MB", "teaming.policy": "loadbalance_srcmac",
          "Uplinks": "uplink1", "failureDetection": "linkStatus", "Percent": "50", "Interval": "60",
        ]
        let value = values.first { field.name.hasSuffix($0.key) }?.value ?? "true"
        let failure = try refusal(topology, set((field.name, value)))
        #expect(
          failure?.description
            == "martlet: error: cannot set port web1/eth0: port group web does not let its ports set "
            + "`\(field.name)`; add `\(kind.rawValue)` to its `allowOverride` and apply the file, or "
            + "set it for the whole port group")
        #expect(refusal(topology, .reset([field])) == nil, "nothing is said")
      }
    }
    let topology = try topology { $0.allowOverride = [] }
    #expect(refusal(topology, .block)?.remedy.hasPrefix("add `block` to") == true)
    #expect(refusal(topology, .unblock) == nil, "nobody blocks it")
  }

  @Test func unblockOvercomesAPortGroupThatBlocks() throws {
    let blocked = try topology { $0.policy.blocked = true }
    #expect(try blocked.changing(nic, [.unblock])[nic]?.port?.policy.blocked == false)
    let closed = try topology {
      $0.policy.blocked = true
      $0.allowOverride = []
    }
    #expect(refusal(closed, .unblock)?.why.contains("does not let its ports set `blocked`") == true)
  }

  @Test func detachForgetsSettingsWhereThePortGroupSaysSo() throws {
    for (isReset, binding) in [(true, PortBinding.static), (false, .static), (false, .ephemeral)] {
      let topology = try topology {
        $0.resetAtDisconnect = isReset
        $0.binding = binding
      }
      let detached = try topology.changing(nic, [set(("vlan", "30")), .detach])
      #expect(detached[nic]?.isConnected == false)
      let isKept = !isReset && binding == .static
      #expect((detached[nic]?.port != nil) == isKept)
      let attached = try detached.changing(nic, [.attach(portgroup: nil)])
      #expect(attached[nic]?.isConnected == true)
      #expect(attached[nic]?.port?.vlan == (isKept ? .access(30) : nil))
      let isRefused = try refusal(detached, set(("vlan", "31"))) != nil
      #expect(isRefused != isKept, "a setting that would not count")
    }
  }

  @Test func aClaimedPortOutlivesADetach() throws {
    var topology = try topology()
    topology.vms[0].nics[0].port = PortSettings(id: 7, vlan: .access(30))
    #expect(try topology.changing(nic, [.detach])[nic]?.port == PortSettings(id: 7))
  }

  @Test func anotherPortGroupIsAnotherPort() throws {
    let topology = try topology { $0.name = "web" }.changing(nic, [set(("vlan", "30"))])
    #expect(try topology.changing(nic, [.attach(portgroup: "web")]) == topology)
    let qualified = try topology.changing(nic, [.attach(portgroup: "dvs1/web")])
    #expect(qualified[nic]?.port == topology[nic]?.port, "the same by its other name")
    #expect(
      refusal(topology, .attach(portgroup: "strict"))?.description.hasPrefix(
        "martlet: error: cannot attach port web1/eth0: port group strict has 1 fixed ports") == true
    )
    #expect(refusal(topology, .attach(portgroup: "wbe"))?.remedy == "did you mean `web`?")
    var wide = topology
    wide.distributedSwitches[0].portgroups[1].numPorts = 2
    #expect(try wide.changing(nic, [.attach(portgroup: "strict")])[nic]?.port == nil)
  }

  @Test func whatContradictsIsRefused() throws {
    let topology = try topology()
    let peak = try refusal(
      topology, set(("inShaping.averageBandwidth", "200M"), ("inShaping.peakBandwidth", "100M")))
    #expect(peak?.what == "cannot set port web1/eth0" && peak?.location == nil)
    #expect(
      try refusal(topology, set(("teaming.activeUplinks", "uplink9")))?.why.contains("uplink9")
        == true)
    #expect(
      try refusal(topology, set(("vlan", "4095")))?.why == "a distributed switch has no VLAN 4095")
    #expect(try refusal(topology, set(("vlan", "0-4094"))) == nil)
  }

  @Test func nicsAreFoundByTheirNames() throws {
    let topology = try topology()
    #expect(topology.allNICs.map(\.description) == ["web1/eth0", "web2/eth0", "web3/eth0"])
    for name in ["web1/eth0", "web1", "00:50:56:00:00:01"] {
      #expect(topology.nics(named: name) == [nic])
    }
    for name in ["web", "web1/eth1", "", "/", "eth0"] {
      #expect(topology.nics(named: name).isEmpty)
    }
    #expect(topology[NICReference(vm: "web1", index: 1)] == nil)
    #expect(throws: Failure.self) {
      try topology.changing(NICReference(vm: "web9", index: 0), [.block])
    }
  }
}
