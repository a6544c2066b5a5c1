// Teams of port groups and ports, and where they probe with beacons.

import Base
import Dataplane
import FrameMemory
import Model
import Planner
import Testing
import Wire

@Suite struct TeamTests {
  private func plan(_ portgroups: [String], settings: [String] = [], host: String = "host1")
    throws -> PlannedSwitch
  {
    var planning = Planning()
    // One VM on each host in each port group; port groups are named pg0, pg1, …
    let nics = portgroups.indices.flatMap { index in
      ["host1", "host2"].map { "v\(index)\($0)@\($0): { portgroup: pg\(index) }" }
    }
    let groups = portgroups.enumerated().map { "{ name: pg\($0.offset), \($0.element) }" }
    return try planning.plan(
      topology(nics: nics, portgroups: groups, settings: settings), host: host)
  }

  private func team(_ words: String) -> String { "policy: { teaming: { \(words) } }" }

  @Test(arguments: [
    ("loadbalance_srcid", TeamPlan.Policy.originatingPortID),
    ("loadbalance_srcmac", .sourceMAC), ("loadbalance_ip", .ipHash),
    ("loadbalance_loadbased", .physicalLoad), ("failover_explicit", .explicitFailover),
  ])
  func policies(_ word: String, _ policy: TeamPlan.Policy) throws {
    let planned = try plan([team("policy: \(word)")])
    #expect(planned.parts.teams == [TeamPlan(policy: policy, active: [0, 1])])
  }

  @Test func equalTeamsAreOne() throws {
    let planned = try plan([
      "vlan: 1", "vlan: 2", team("activeUplinks: [uplink1, uplink3]"),
      // On this host the same, as uplink2 has no nic here.
      team("activeUplinks: [uplink1, uplink2, uplink3]"), team("failback: false"),
    ])
    #expect(
      planned.parts.teams == [
        TeamPlan(policy: .originatingPortID, active: [0, 1]),
        TeamPlan(policy: .originatingPortID, active: [0, 1], failsBack: false),
      ])
  }

  @Test func loadThresholdAndInterval() throws {
    let planned = try plan([
      team("policy: loadbalance_loadbased, loadThresholdPercent: 60, loadInterval: 45"),
      team("policy: loadbalance_loadbased, loadInterval: 40"),
      // Says nothing: it does not balance.
      team("loadInterval: 10, loadThresholdPercent: 11"),
    ])
    #expect(planned.parts.teams.map(\.loadThresholdPercent) == [60, 75, 75])
    #expect(planned.parts.loadIntervalSeconds == 40)
    #expect(try plan(["vlan: 1"]).parts.loadIntervalSeconds == 30)
    // The one that is said is the shortest there is, also above the usual one.
    let slow = try plan([team("policy: loadbalance_loadbased, loadInterval: 90")])
    #expect(slow.parts.loadIntervalSeconds == 90)
  }

  // MARK: - Beacons

  private static let probing = "policy: { teaming: { failureDetection: beaconProbing } }"

  @Test func aDomainForEachVLANThatIsProbed() throws {
    let planned = try plan(
      [
        "vlan: 30, \(Self.probing)", "\(Self.probing)",
        "vlan: { trunk: [7-9, 20] }, \(Self.probing)",
        "vlan: { trunk: [0-9] }, \(Self.probing)", "vlan: { pvlan: 101 }, \(Self.probing)",
        "vlan: { pvlan: 100 }, \(Self.probing)", "vlan: 40",
      ],
      settings: [
        "privateVlans: [{ primary: 100, secondary: 100, type: promiscuous }, "
          + "{ primary: 100, secondary: 101, type: isolated }]"
      ])
    #expect(
      planned.parts.beaconDomains
        == [0, 7, 30, 100].map { BeaconDomain(members: 0b11, vlan: $0) })
    let domains = try (0..<7).map { try planned.team("v\($0)host1").beaconDomain }
    #expect(domains == [2, 0, 1, 0, 3, 3, nil])
    // uplink2 alone has a nic on host2: there is nothing to compare it with.
    let alone = try plan(["vlan: 30, \(Self.probing)"], host: "host2")
    #expect(alone.parts.beaconDomains.isEmpty)
    #expect(alone.parts.teams == [TeamPlan(policy: .originatingPortID, active: [0])])
  }

  @Test func teamsOfAVLANProbeTogether() throws {
    let planned = try plan([
      "vlan: 5, policy: { teaming: { failureDetection: beaconProbing, "
        + "activeUplinks: [uplink1], standbyUplinks: [uplink2] } }",
      "vlan: 5, policy: { teaming: { failureDetection: beaconProbing, "
        + "activeUplinks: [uplink2, uplink3] } }",
      "vlan: 6, policy: { teaming: { failureDetection: beaconProbing, "
        + "activeUplinks: [uplink1], standbyUplinks: [uplink3] } }",
    ])
    // Of each of the first two teams one uplink is here; together they can compare.
    #expect(
      planned.parts.beaconDomains
        == [BeaconDomain(members: 0b11, vlan: 5), BeaconDomain(members: 0b11, vlan: 6)])
    #expect(
      planned.parts.teams == [
        TeamPlan(policy: .originatingPortID, active: [0], beaconDomain: 0),
        TeamPlan(policy: .originatingPortID, active: [1], beaconDomain: 0),
        TeamPlan(policy: .originatingPortID, active: [0], standby: [1], beaconDomain: 1),
      ])
  }

  /// A VLAN without a VM on this host needs no beacons.
  @Test func aPortGroupWithoutPortsProbesNothing() throws {
    var planning = Planning()
    let groups = ["{ name: web }", "{ name: db, vlan: 9, \(Self.probing) }"]
    let planned = try planning.plan(topology(nics: ["a: { portgroup: web }"], portgroups: groups))
    #expect(planned.parts.beaconDomains.isEmpty && planned.parts.teams.count == 1)
  }

  @Test func tooManyDomains() throws {
    let groups = (1...64).map { "vlan: \($0), \(Self.probing)" }
    #expect(try plan(groups).parts.beaconDomains.count == 64)
    let failure = #expect(throws: Failure.self) { try plan(groups + ["vlan: 65, \(Self.probing)"]) }
    #expect(failure?.what == "cannot plan switch dvs1")
    #expect(
      failure?.why
        == "its teams on host host1 probe with beacons in 65 VLANs; a switch probes in 64")
    // A VLAN more, or a port group more?
    #expect(try plan(groups + ["vlan: 64, \(Self.probing)"]).parts.beaconDomains.count == 64)
  }

  // MARK: - Roles

  @Test func aPortsOwnTeamCountsForTheRole() throws {
    var planning = Planning()
    let group =
      "{ name: web, allowOverride: [teaming], policy: { teaming: { activeUplinks: [uplink1] } } }"
    let nic = "a: { portgroup: web, port: { policy: { teaming: { activeUplinks: [uplink3] } } } }"
    let usual = try planning.plan(topology(nics: ["a: { portgroup: web }"], portgroups: [group]))
    #expect(usual.uplinks.map(\.role) == [.active, .unused])
    let own = try planning.plan(topology(nics: [nic], portgroups: [group]))
    #expect(own.uplinks.map(\.role) == [.active, .active])
    #expect(try own.team("a") == TeamPlan(policy: .originatingPortID, active: [1]))
  }
}
