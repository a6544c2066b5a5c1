// Filters: the qualifiers, the two directions, marks, sharing, and the way back to the declared rule.

import Base
import Dataplane
import FrameMemory
import Model
import Planner
import Tables
import Testing
import Wire

@Suite struct FilterTests {
  private func plan(_ rules: [String]) throws -> PlannedSwitch {
    var planning = Planning()
    let list = rules.joined(separator: ", ")
    let group = "{ name: web, vlan: { trunk: [0-4094] }, policy: { filter: [\(list)] } }"
    return try planning.plan(
      topology(nics: ["a: { portgroup: web }", "b: { portgroup: web }"], portgroups: [group]))
  }

  private func compiled(_ qualifiers: String) throws -> Tables.FilterRule {
    let rules = try plan(["{ name: x, \(qualifiers), action: drop }"]).rules("a", \.ingressRules)
    return try #require(rules.count == 1 ? rules[0] : nil)
  }

  @Test func everyQualifier() throws {
    var wanted = Tables.FilterRule(.drop)
    wanted.sourceMAC = .init(
      MACAddress("00:50:56:00:00:00")!, mask: MACAddress("ff:ff:ff:00:00:00")!)
    wanted.destinationMAC = .init(
      MACAddress("01:00:00:00:00:00")!, mask: MACAddress("01:00:00:00:00:00")!)
    wanted.etherType = .ipv4
    wanted.vlans = 5...9
    wanted.source = IPPrefix("10.0.0.0/8")
    wanted.destination = IPPrefix("10.1.2.3/32")
    wanted.protocol = .tcp
    wanted.sourcePorts = [1024...65535]
    wanted.destinationPorts = [23...23, 80...81]
    wanted.tcpFlags = .init([.syn], mask: [.syn, .ack])
    wanted.fragment = false
    #expect(
      try compiled(
        "sourceMAC: \"00:50:56:00:00:00/24\", destinationMAC: "
          + "\"01:00:00:00:00:00/01:00:00:00:00:00\", etherType: ipv4, vlan: 5-9, "
          + "source: 10.0.0.0/8, destination: 10.1.2.3/32, protocol: tcp, "
          + "sourcePorts: [1024-65535], destinationPorts: [23, 80-81], "
          + "tcpFlags: [syn, \"!ack\"], fragment: false") == wanted)
    #expect(try compiled("source: \"fd00::/8\"").source == IPPrefix("fd00::/8"))
    #expect(try compiled("vlan: 7").vlans == 7...7)
  }

  @Test func directionsInTheOrderOfTheList() throws {
    let planned = try plan([
      "{ name: in, direction: ingress, vlan: 1, action: drop }",
      "{ name: both, vlan: 2, action: allow }",
      "{ name: out, direction: egress, vlan: 3, action: drop }",
      "{ name: cos, vlan: 4, action: { tag: { cos: 5 } } }",
      "{ name: dscp, direction: egress, vlan: 5, action: { tag: { dscp: 46 } } }",
    ])
    let ingress = try planned.rules("a", \.ingressRules)
    #expect(ingress.map(\.vlans) == [1...1, 2...2, 4...4])
    #expect(ingress.map(\.action) == [.drop, .allow, .tag(cos: 5, dscp: nil)])
    let egress = try planned.rules("a", \.egressRules)
    #expect(egress.map(\.vlans) == [2...2, 3...3, 4...4, 5...5])
    #expect(egress.last?.action == .tag(cos: nil, dscp: 46))
    let port = try planned.port("a").index
    #expect(
      (0..<4).map { planned.rule($0, .ingress, at: port)?.name } == ["in", "both", "cos", nil])
    #expect(
      (0..<5).map { planned.rule($0, .egress, at: port)?.name }
        == ["both", "out", "cos", "dscp", nil])
  }

  @Test func aListForOneDirectionLeavesTheOtherOpen() throws {
    let port = try plan(["{ name: x, direction: egress, vlan: 1, action: drop }"]).portPlan("a")
    #expect(port.ingressRules == 0 && port.egressRules == 1)
    let none = try plan([]).portPlan("a")
    #expect(none.ingressRules == 0 && none.egressRules == 0)
  }

  /// One rule of a file may have more ranges than one of the tables: it becomes several, and a verdict
  /// finds its way back.
  @Test func manyPorts() throws {
    let ports = (0..<40).map { "\($0 * 10)" }.joined(separator: ", ")
    let planned = try plan([
      "{ name: first, vlan: 1, action: allow }",
      "{ name: many, protocol: udp, sourcePorts: [\(ports)], destinationPorts: [\(ports)], "
        + "action: drop }",
      "{ name: last, vlan: 2, action: drop }",
    ])
    let rules = try planned.rules("a", \.ingressRules)
    #expect(rules.count == 11)
    #expect(rules.allSatisfy { $0.sourcePorts.count <= 16 && $0.destinationPorts.count <= 16 })
    var pairs: Set<[UInt16]> = []
    for rule in rules[1...9] {
      for source in rule.sourcePorts {
        for destination in rule.destinationPorts {
          pairs.insert([source.lowerBound, destination.lowerBound])
        }
      }
    }
    #expect(pairs.count == 1600)
    let port = try planned.port("a").index
    #expect(planned.rule(0, .ingress, at: port)?.name == "first")
    #expect((1...9).allSatisfy { planned.rule($0, .ingress, at: port)?.name == "many" })
    #expect(planned.rule(10, .ingress, at: port)?.name == "last")
    // The plan takes them.
    let count = planned.makePlan().ports.count
    #expect(count > 0)
  }

  /// Frames have no tag on an access port, whatever VLAN the switch puts them in.
  @Test func vlanRulesAreForPortsWithTags() throws {
    var planning = Planning()
    let planned = try planning.plan(
      topology(
        nics: ["a: { portgroup: web }", "b: { portgroup: all }"],
        portgroups: ["{ name: web, vlan: 10 }", "{ name: all, vlan: { trunk: [0-99] } }"],
        settings: [
          "policy: { filter: [{ name: x, vlan: 10, action: drop }, "
            + "{ name: y, protocol: udp, action: drop }] }"
        ]))
    let (hidden, seen) = (
      try planned.rules("a", \.ingressRules), try planned.rules("b", \.ingressRules)
    )
    #expect(seen.map(\.vlans) == [10...10, nil])
    #expect(hidden.count == 2 && hidden[1] == seen[1])
    var frame = FlowKey()
    frame.vlan = 10
    let whereSeen = RuleSet(seen, seed: 1).match(frame)
    let whereHidden = RuleSet(hidden, seed: 1).match(frame)
    #expect(whereSeen.isDrop && !whereHidden.isDrop)
  }

  @Test func equalListsAreOne() throws {
    var planning = Planning()
    func list(_ name: String) -> String {
      "policy: { filter: [{ name: \(name), direction: ingress, protocol: tcp, "
        + "destinationPorts: [23], action: drop }] }"
    }
    let planned = try planning.plan(
      topology(
        nics: [
          "a: { portgroup: web }", "b: { portgroup: db }",
          "c: { portgroup: db, port: { \(list("z")) } }",
          "d: { portgroup: db, port: { policy: { filter: [] } } }",
        ],
        portgroups: [
          "{ name: web, \(list("x")) }",
          "{ name: db, allowOverride: [filter], \(list("y")) }",
        ]))
    #expect(planned.parts.ruleSets.count == 1)
    #expect(try planned.portPlan("d").ingressRules == 0)
    #expect(planned.rule(0, .ingress, at: try planned.port("b").index)?.name == "y")
    #expect(planned.rule(0, .ingress, at: try planned.port("c").index)?.name == "z")
    #expect(planned.rule(0, .ingress, at: try planned.port("d").index) == nil)
  }

  /// The list of the switch, of a port group, and of a port, each where it belongs.
  @Test func everyLevelHasItsOwnList() throws {
    func list(_ number: Int) -> String {
      "policy: { filter: [{ name: x, protocol: \(number), action: drop }] }"
    }
    var planning = Planning()
    let planned = try planning.plan(
      topology(
        nics: [
          "a: { portgroup: web }", "b: { portgroup: db }", "c: { portgroup: plain }",
          "d: { portgroup: plain, port: { \(list(4)) } }", "e: { portgroup: plain }",
        ],
        portgroups: [
          "{ name: web, \(list(2)) }", "{ name: db, \(list(3)) }",
          "{ name: plain, allowOverride: [filter] }",
        ], settings: [list(1)]))
    for way in [\PortPlan.ingressRules, \PortPlan.egressRules] {
      let numbers = try ["a", "b", "c", "d", "e"].map { vm in
        try planned.rules(vm, way).map { $0.protocol?.rawValue }
      }
      #expect(numbers == [[2], [3], [1], [4], [1]])
    }
    #expect(planned.parts.ruleSets.count == 4)
  }

  private func long(_ count: Int) throws -> Topology {
    var topology = try parse(topology(vms: (0..<200).map { "vm\($0)" }))
    topology.distributedSwitches[0].policy.filter = (0..<count).map { number in
      Model.FilterRule(
        name: "r\(number)", protocol: .tcp, destinationPorts: [FilterRange(UInt16(number))],
        action: .drop)
    }
    return topology
  }

  @Test func tenThousandRulesAreCompiledOnce() throws {
    var planning = Planning()
    let planned = try planning.plan(long(10_000))
    // Both directions are equal: one set for 200 ports.
    #expect(planned.parts.ruleSets.map(\.count) == [10_000])
    #expect(try planned.portPlan("vm199").egressRules == 1)
  }

  @Test func aListThatIsTooLong() throws {
    var planning = Planning()
    let before = try planning.plan(long(1)).numbers
    let failure = #expect(throws: Failure.self) { try planning.plan(long(10_001)) }
    #expect(failure?.what == "cannot plan switch dvs1")
    #expect(failure?.why == "a filter has 10001 rules; the most are 10000")
    #expect(try planning.plan(long(2)).numbers == before)
  }

  /// The number of a rule set has 15 bits in a flow's key.
  @Test func tooManyFilters() throws {
    let count = 32_768
    var planning = Planning()
    planning.limits.ports = count + 2
    var topology = try parse(topology(vms: ["a"]))
    topology.distributedSwitches[0].portgroups[0].allowOverride = [.filter]
    topology.vms = (0..<count).map { number in
      let rule = Model.FilterRule(
        name: "x", direction: .ingress,
        source: IPPrefix(.v4(IPv4Address(rawValue: UInt32(number))), length: 32),
        action: .drop)
      return VirtualMachine(
        name: "vm\(number)", host: "host1",
        nics: [
          .init(
            portgroup: "web", mac: MACAddress(rawValue: 0x0050_5600_0000 + UInt64(number)),
            port: PortSettings(policy: Policy(filter: [rule])))
        ])
    }
    let failure = #expect(throws: Failure.self) { try planning.plan(topology) }
    #expect(failure?.why == "its ports have more than 32767 different filters")
  }
}
