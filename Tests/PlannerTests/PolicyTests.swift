// The policy of a port: who says what, what each field becomes, and what ports have in common.

import Base
import Dataplane
import FrameMemory
import Model
import Planner
import Tables
import Testing
import Wire

@Suite struct PolicyTests {
  private static let everything = "[block, vlan, security, macLearning, shaping, teaming, filter]"

  private func plan(
    _ nics: [String], _ portgroup: String = "{ name: web, vlan: 10 }", settings: [String] = []
  ) throws -> PlannedSwitch {
    var planning = Planning()
    return try planning.plan(
      topology(nics: nics, portgroups: [portgroup], settings: settings))
  }

  private func isolated(_ plan: PortPlan) -> PortPlan {
    var plan = plan
    plan.id = 0
    plan.mac = .zero
    plan.firstAddress = 0
    return plan
  }

  @Test func everySecurityFieldHasItsPlace() throws {
    let fields: [(key: String, path: KeyPath<PortPlan, Bool>)] = [
      ("allowPromiscuous", \.allowsPromiscuous), ("macChanges", \.acceptsMACChanges),
      ("forgedTransmits", \.allowsForgedTransmits), ("blockGuestBPDU", \.blocksBPDU),
      ("reversePathCheckPromiscuous", \.checksReversePathPromiscuous),
    ]
    for (key, path) in fields {
      let port = try plan(
        ["a: { portgroup: web }"], "{ name: web, policy: { security: { \(key): true } } }"
      ).portPlan("a")
      for (other, field) in fields { #expect(port[keyPath: field] == (other == key), "\(key)") }
      #expect(port[keyPath: path])
    }
  }

  @Test func eachFieldComesFromTheNearestLevel() throws {
    let planned = try plan(
      [
        "a: { portgroup: web }",
        "b: { portgroup: web, port: { policy: { security: { macChanges: false }, blocked: true } } }",
      ],
      "{ name: web, vlan: 10, allowOverride: \(Self.everything), "
        + "policy: { security: { macChanges: true } } }",
      settings: ["policy: { security: { allowPromiscuous: true, macChanges: false } }"])
    let (a, b) = (try planned.portPlan("a"), try planned.portPlan("b"))
    #expect(a.allowsPromiscuous && a.acceptsMACChanges && !a.isBlocked)
    #expect(b.allowsPromiscuous && !b.acceptsMACChanges && b.isBlocked)
    let policy = try planned.port("b").policy
    #expect(policy.blocked == Effective(true, from: .port))
    #expect(policy.security.macChanges == Effective(false, from: .port))
    #expect(policy.security.allowPromiscuous == Effective(true, from: .switch))
    #expect(try planned.port("a").policy == planned.portgroups[0].policy)
  }

  @Test(arguments: ["switch", "portgroup"])
  func blockedAboveThePort(_ level: String) throws {
    let planned = try plan(
      ["a: { portgroup: web }"],
      "{ name: web\(level == "portgroup" ? ", policy: { blocked: true }" : "") }",
      settings: level == "switch" ? ["policy: { blocked: true }"] : [])
    #expect(try planned.portPlan("a").isBlocked)
    let uplink = planned.parts.ports[planned.uplinks[0].index.index].isBlocked
    #expect(!uplink)
  }

  /// What a port group does not let its ports set does not count, even where nobody has validated it.
  @Test(arguments: PolicyOverride.allCases)
  func onlyWhatThePortGroupAllows(_ allowed: PolicyOverride) throws {
    var topology = try parse(
      topology(nics: ["a: { portgroup: web }", "b: { portgroup: web }"]))
    var policy = Policy(blocked: true, filter: [FilterRule(name: "x", action: .drop)])
    policy.security.forgedTransmits = true
    policy.macLearning.enabled = true
    policy.inShaping.enabled = true
    policy.outShaping.enabled = true
    policy.teaming.policy = .explicitOrder
    topology.vms[1].nics[0].port = PortSettings(vlan: .access(77), policy: policy)
    topology.distributedSwitches[0].portgroups[0].allowOverride = [allowed]
    var planning = Planning()
    let planned = try planning.plan(topology)
    let (usual, own) = (try planned.portPlan("a"), try planned.portPlan("b"))
    #expect(own.isBlocked == (allowed == .block))
    #expect((own.vlan == 77) == (allowed == .vlan))
    #expect(try planned.port("b").vlan == .access(allowed == .vlan ? 77 : 10))
    #expect(own.allowsForgedTransmits == (allowed == .security))
    #expect(own.learnsMACs == (allowed == .macLearning))
    #expect((own.ingressShape != 0) == (allowed == .shaping))
    #expect((own.egressShape != 0) == (allowed == .shaping))
    #expect((own.team != usual.team) == (allowed == .teaming))
    #expect((own.ingressRules != 0) == (allowed == .filter))
    #expect((own.egressRules != 0) == (allowed == .filter))
  }

  @Test func aPortMayHaveItsOwnVLAN() throws {
    let planned = try plan(
      [
        "a: { portgroup: web, port: { vlan: 0 } }",
        "b: { portgroup: web, port: { vlan: { trunk: [5-6] } } }", "c: { portgroup: web }",
      ], "{ name: web, vlan: 10, allowOverride: [vlan] }")
    #expect(try planned.portPlan("a").vlanMode == .none)
    let trunk = try planned.portPlan("b")
    #expect(trunk.vlanMode == .trunk)
    #expect(planned.parts.vlanSets[Int(trunk.vlanSet)] == VLANSet([5...6]))
    #expect(try planned.portPlan("c").vlan == 10)
    #expect(try planned.port("b").vlan == .trunk(VLANRanges([5...6])))
  }

  /// Ports that get a trunk of their own need a place for their VLANs in use, and count as trunks.
  @Test func trunksOfPortsCount() throws {
    var planning = Planning()
    planning.limits.trunkPorts = 1
    let trunk = "{ portgroup: web, port: { vlan: { trunk: [1-2] } } }"
    let groups = ["{ name: web, vlan: 10, allowOverride: [vlan] }"]
    _ = try planning.plan(topology(nics: ["a: \(trunk)"], portgroups: groups))
    #expect(throws: Failure.self) {
      try planning.plan(topology(nics: ["a: \(trunk)", "b: \(trunk)"], portgroups: groups))
    }
  }

  @Test func shapes() throws {
    let planned = try plan(
      [
        "a: { portgroup: web }", "b: { portgroup: web }",
        "c: { portgroup: web, port: { policy: { inShaping: { averageBandwidth: 1M } } } }",
        "d: { portgroup: web, port: { policy: { inShaping: { enabled: false } } } }",
      ],
      "{ name: web, allowOverride: [shaping], policy: { inShaping: { enabled: true, "
        + "averageBandwidth: 10M, peakBandwidth: 20M, burstSize: 64KB }, "
        + "outShaping: { enabled: true, averageBandwidth: 10M, peakBandwidth: 20M, burstSize: 64KB } } }"
    )
    let group = TrafficShape(
      averageBitsPerSecond: 10_000_000, peakBitsPerSecond: 20_000_000, burstBytes: 65_536)
    #expect(try planned.shape("a", \.ingressShape) == group)
    #expect(try planned.shape("b", \.egressShape) == group)
    var own = group
    own.averageBitsPerSecond = 1_000_000
    #expect(try planned.shape("c", \.ingressShape) == own)
    #expect(try planned.shape("d", \.ingressShape) == nil)
    // Six shaped directions, two shapes.
    #expect(planned.parts.shapes == [group, own])
  }

  @Test func aShapeThatIsOffIsNone() throws {
    let port = try plan(
      ["a: { portgroup: web }"],
      "{ name: web, policy: { inShaping: { averageBandwidth: 10M } } }"
    ).portPlan("a")
    #expect(port.ingressShape == 0 && port.egressShape == 0)
  }

  /// The peak is never below the average, or a full bucket would never empty.
  @Test func thePeakIsAtLeastTheAverage() throws {
    let planned = try plan(
      ["a: { portgroup: web }"],
      "{ name: web, policy: { outShaping: { enabled: true, averageBandwidth: 1G } } }")
    let shape = try #require(try planned.shape("a", \.egressShape))
    #expect(shape.averageBitsPerSecond == 1_000_000_000)
    #expect(shape.peakBitsPerSecond == 1_000_000_000 && shape.burstBytes == 104_857_600)
  }

  @Test func portsOfAPortGroupShareWhatItSays() throws {
    let planned = try plan(
      (0..<50).map { "vm\($0): { portgroup: web }" },
      "{ name: web, vlan: { trunk: [1-9] }, policy: { filter: [{ name: x, protocol: tcp, "
        + "destinationPorts: [23], action: drop }], inShaping: { enabled: true } } }")
    #expect(planned.parts.teams.count == 1 && planned.parts.ruleSets.count == 1)
    #expect(planned.parts.shapes.count == 1 && planned.parts.vlanSets.count == 2)
    let first = isolated(try planned.portPlan("vm0"))
    for vm in 1..<50 {
      var other = isolated(try planned.portPlan("vm\(vm)"))
      other.trunkSlot = first.trunkSlot
      #expect(other == first)
    }
  }

  /// The parts of a port are those that it would have in a port group that says all that by itself.
  @Test func sayingItOnThePortOrOnThePortGroupIsTheSame() throws {
    let policy =
      "{ blocked: true, security: { macChanges: true, forgedTransmits: true }, macLearning: "
      + "{ enabled: true, limit: 3 }, outShaping: { enabled: true, averageBandwidth: 8M }, filter: "
      + "[{ name: x, direction: egress, sourceMAC: \"00:50:56:00:00:00/24\", action: drop }], "
      + "teaming: { policy: loadbalance_srcmac, notifySwitches: false } }"
    let onGroup = try plan(
      ["a: { portgroup: web }"], "{ name: web, vlan: 7, policy: \(policy) }")
    let onPort = try plan(
      ["a: { portgroup: web, port: { vlan: 7, policy: \(policy) } }"],
      "{ name: web, vlan: 10, allowOverride: \(Self.everything) }")
    #expect(try onGroup.portPlan("a") == onPort.portPlan("a"))
    #expect(onGroup.parts.ruleSets == onPort.parts.ruleSets)
    #expect(onGroup.parts.shapes == onPort.parts.shapes)
    #expect(onGroup.parts.teams == onPort.parts.teams)
  }
}
