// What is declared about a port group, and what the data plane reads of it.

import Base
import ConfigFile
import Dataplane
import FrameMemory
import Model
import Planner
import Testing
import Wire

@Suite struct CompileTests {
  private func plan(_ portgroup: String, host: String = "host1") throws -> PlannedSwitch {
    var planning = Planning()
    return try planning.plan(
      topology(vms: ["a@\(host)"], portgroups: [portgroup]), host: host)
  }

  @Test func uplinkNamesBecomePositionsAndSlotsWithoutANICAreLeftOut() throws {
    let group =
      "{ name: web, vlan: 10, policy: { teaming: { policy: failover_explicit, "
      + "activeUplinks: [uplink3, uplink2], standbyUplinks: [uplink1], failback: false } } }"
    let here = try plan(group)
    // host1 has uplink1 and uplink3: positions 0 and 1.
    #expect(here.uplinks.map(\.name) == ["uplink1", "uplink3"])
    #expect(here.uplinks.map(\.nic) == ["vmnic0", "vmnic1"])
    #expect(here.uplinks.map(\.role) == [.standby, .active])
    #expect(
      try here.team("a")
        == TeamPlan(policy: .explicitFailover, active: [1], standby: [0], failsBack: false))
    let there = try plan(group, host: "host2")
    let alone = TeamPlan(policy: .explicitFailover, active: [0], failsBack: false)
    #expect(try there.team("a") == alone)
  }

  @Test func withoutATeamingPolicyEveryUplinkIsActive() throws {
    let planned = try plan("{ name: web, vlan: 10 }")
    #expect(try planned.team("a") == TeamPlan(policy: .originatingPortID, active: [0, 1]))
    #expect(planned.uplinks.map(\.role) == [.active, .active])
  }

  @Test func aTeamWithoutUplinks() throws {
    let group =
      "{ name: web, policy: { teaming: { activeUplinks: [], standbyUplinks: [uplink2] } } }"
    let planned = try plan(group)
    #expect(try planned.team("a").isEmpty)
    #expect(planned.uplinks.map(\.role) == [.unused, .unused])
  }

  @Test func vlans() throws {
    let none = try plan("{ name: web, vlan: 0 }").portPlan("a")
    #expect(none.vlanMode == .none && none.vlan == 0)
    let access = try plan("{ name: web, vlan: 4094 }").portPlan("a")
    #expect(access.vlanMode == .access && access.vlan == 4094)
    let planned = try plan("{ name: web, vlan: { trunk: [0, 20-29, 4094] } }")
    let trunk = try planned.portPlan("a")
    #expect(trunk.vlanMode == .trunk && trunk.vlan == 0)
    let set = planned.makePlan().vlanSets[Int(trunk.vlanSet)]
    #expect(set == VLANSet([0...0, 20...29, 4094...4094]))
    let uplink = planned.makePlan().ports[planned.uplinks[0].index.index]
    #expect(uplink.kind == .uplink && uplink.vlanMode == .trunk)
    #expect(planned.parts.vlanSets[Int(uplink.vlanSet)] == .all)
  }

  @Test func securityAndLearning() throws {
    let strict = try plan("{ name: web, vlan: 10 }").portPlan("a")
    #expect(!strict.allowsForgedTransmits && !strict.learnsMACs && !strict.floodsUnknown)
    #expect(strict.notifiesSwitches && !strict.isBlocked && !strict.isFenced)
    let loose = try plan(
      "{ name: web, vlan: 10, policy: { security: { forgedTransmits: true }, "
        + "macLearning: { enabled: true, allowUnicastFlooding: true, limit: 7, limitPolicy: allow }, "
        + "teaming: { notifySwitches: false } } }"
    ).portPlan("a")
    #expect(loose.allowsForgedTransmits && loose.learnsMACs && loose.floodsUnknown)
    #expect(loose.macLimit == 7 && loose.forwardsBeyondLimit && !loose.notifiesSwitches)
  }

  /// Flooding without learning would be promiscuity by another name.
  @Test func floodingNeedsLearning() throws {
    let planned = try? plan(
      "{ name: web, vlan: 10, policy: { macLearning: { enabled: false, allowUnicastFlooding: true } } }"
    )
    #expect(try planned?.portPlan("a").floodsUnknown != true)
  }

  @Test func addressesBelongToTheirPorts() throws {
    var planning = Planning()
    let text = topology(vms: ["a"]).replacing(
      "  - { name: a, host: host1, nics: [{ portgroup: web }] }",
      with: """
          - name: a
            host: host1
            nics:
              - { portgroup: web, addresses: [10.0.0.1/24] }
              - { portgroup: web, mac: "00:50:56:00:00:02", addresses: ["fd00::2/64", 10.0.0.2/24] }
        """)
    let planned = try planning.plan(text)
    let second = try planned.portPlan("a", "eth1")
    #expect(second.mac == MACAddress("00:50:56:00:00:02"))
    #expect(second.firstAddress == 1 && second.addressCount == 2)
    let all = planned.makePlan()
    let addresses = all.addresses.indices.map { all.addresses[$0] }
    #expect(addresses == ["10.0.0.1", "fd00::2", "10.0.0.2"].compactMap { IPAddress($0) })
  }

  @Test func theMTUIsTheSwitchs() throws {
    var planning = Planning()
    let planned = try planning.plan(topology(vms: ["a"], mtu: 9000))
    #expect(planned.makePlan().mtu == 9000)
    #expect(planned.makePlan().revision == planned.revision)
  }

  // MARK: - Limits

  private func limited(_ change: (inout SwitchLimits) -> Void) -> Planning {
    var planning = Planning()
    change(&planning.limits)
    return planning
  }

  @Test func tooManyPorts() throws {
    var planning = limited { $0.ports = 4 }
    #expect(try planning.plan(topology(vms: ["a", "b"])).ports.count == 2)
    let failure = #expect(throws: Failure.self) {
      try planning.plan(topology(vms: ["a", "b", "c"]))
    }
    #expect(failure?.why == "it needs 5 ports on host host1; a switch has 4")
    #expect(failure?.location?.file == "test.yaml")
    // The planner is as it was.
    #expect(try planning.plan(topology(vms: ["b", "a"])).numbers == ["a": [2, 0], "b": [3, 1]])
  }

  @Test func tooManyTrunks() throws {
    var planning = limited { $0.trunkPorts = 1 }
    let group = ["{ name: web, vlan: { trunk: [1-9] } }"]
    _ = try planning.plan(topology(vms: ["a"], portgroups: group))
    let failure = #expect(throws: Failure.self) {
      try planning.plan(topology(vms: ["a", "b"], portgroups: group))
    }
    #expect(failure?.why.contains("limit of 1") == true)
    // A trunk that goes makes room.
    _ = try planning.plan(topology(vms: ["b"], portgroups: group))
  }

  @Test func tooManyUplinks() throws {
    let names = (1...33).map { "vmnic\($0)" }
    let wide = StandardSwitch(
      host: "host1", name: "wide", uplinks: names,
      portgroups: [PortGroup(name: "web", vlan: .none)])
    let topology = Topology(
      name: "test", physicalSwitches: [PhysicalSwitch(name: "tor1")],
      hosts: [
        Host(name: "host1", nics: names.map { Host.NIC(name: $0, physicalSwitch: "tor1") })
      ], standardSwitches: [wide])
    var planning = Planning()
    let failure = #expect(throws: Failure.self) { try planning.plan(topology, switch: "wide") }
    #expect(failure?.why == "it has 33 uplinks; a team has at most 32")
  }

  // MARK: - Files

  @Test(arguments: [
    "quickstart", "teaming", "standard-switch", "trunk", "security", "multicast", "private-vlans",
    "mac-learning", "ports", "shaping", "beacon", "nic-load", "filters", "vhost-user",
  ])
  func shippedTopologies(_ name: String) throws {
    let topology = try TopologyFile.load(path: "Topologies/\(name).yaml")
    var portCount = 0
    for host in topology.hosts {
      var planning = Planning()
      for hostSwitch in topology.switches(onHost: host.name) {
        let planned = try planning.plan(topology, switch: hostSwitch.name, host: host.name)
        let plan = planned.makePlan()
        #expect(planned.uplinks.count == hostSwitch.uplinks.count)
        let kinds = plan.ports.indices.map { plan.ports[$0].kind }
        #expect(kinds.count { $0 == .vm } == planned.ports.count)
        #expect(kinds.count { $0 == .uplink } == planned.uplinks.count)
        let ids = plan.ports.indices.map { plan.ports[$0].id }
        #expect(Set(ids).count == ids.count)
        for port in planned.ports {
          let mac = plan.ports[port.index.index].mac
          #expect(mac == port.mac && !mac.isMulticast)
          let team = plan.teams[Int(plan.ports[port.index.index].team)]
          #expect(team.isEmpty == hostSwitch.uplinks.isEmpty)
        }
        portCount += planned.ports.count
      }
    }
    #expect(portCount == topology.vms.map(\.nics.count).reduce(0, +))
  }
}
