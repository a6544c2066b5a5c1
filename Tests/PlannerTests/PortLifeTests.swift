// How ports come and go: the numbers of port groups, claims, conflicts, disconnected nics.

import Base
import Dataplane
import FrameMemory
import Model
import Planner
import Testing

@Suite struct PortLifeTests {
  private var web = "{ name: web, vlan: 10 }"

  private func nics(_ range: Range<Int>, _ group: String = "web") -> [String] {
    range.map { "\(group)\($0): { portgroup: \(group) }" }
  }

  private func counts(_ planned: PlannedSwitch) -> [[Int?]] {
    planned.portgroups.map { [$0.numPorts, $0.usedPorts] }
  }

  private func id(_ planned: PlannedSwitch, _ vm: String) throws -> UInt32 {
    try planned.port(vm).id
  }

  // MARK: - Static

  @Test func anElasticPortGroupGrowsByEightAndShrinks() throws {
    var planning = Planning()
    func plan(_ count: Int) throws -> PlannedSwitch {
      try planning.plan(topology(nics: nics(0..<count)))
    }
    #expect(try counts(plan(0)) == [[8, 0]])
    #expect(try counts(plan(8)) == [[8, 8]])
    let nine = try plan(9)
    #expect(counts(nine) == [[16, 9]])
    #expect(nine.ports.map(\.id) == Array(0..<9))
    #expect(try counts(plan(17)) == [[24, 17]])
    #expect(try counts(plan(8)) == [[8, 8]])
    #expect(try counts(plan(1)) == [[8, 1]])
  }

  /// What was declared stays; only what was added goes.
  @Test func numPortsIsWhereItStarts() throws {
    var planning = Planning()
    let group = ["{ name: web, numPorts: 3 }"]
    #expect(try counts(planning.plan(topology(nics: nics(0..<1), portgroups: group))) == [[3, 1]])
    #expect(try counts(planning.plan(topology(nics: nics(0..<4), portgroups: group))) == [[11, 4]])
    let raised = ["{ name: web, numPorts: 20 }"]
    #expect(
      try counts(planning.plan(topology(nics: nics(0..<4), portgroups: raised))) == [[20, 4]])
    #expect(try counts(planning.plan(topology(nics: nics(0..<4), portgroups: group))) == [[11, 4]])
  }

  @Test func numbersBelongToThePortGroup() throws {
    var planning = Planning()
    let groups = ["{ name: web }", "{ name: db }"]
    let before = try planning.plan(
      topology(nics: nics(0..<2) + nics(0..<2, "db"), portgroups: groups))
    #expect(try id(before, "web1") == 1)
    #expect(try (8..<16).contains(id(before, "db0")) && (8..<16).contains(id(before, "db1")))
    // web gives a number back: the next of db does not get it, the next of web does.
    let after = try planning.plan(
      topology(nics: nics(1..<2) + nics(0..<3, "db"), portgroups: groups))
    #expect(try (8..<16).contains(id(after, "db2")))
    let again = try planning.plan(
      topology(nics: nics(1..<3) + nics(0..<3, "db"), portgroups: groups))
    #expect(try id(again, "web2") == 0)
    // A port group that is full goes on behind the others, and those keep theirs.
    let full = try planning.plan(
      topology(nics: nics(1..<11) + nics(0..<3, "db"), portgroups: groups))
    let ids = full.ports.filter { $0.portgroup == "web" }.map(\.id)
    #expect(ids.sorted() == [0, 1, 2, 3, 4, 5, 6, 7, 16, 17])
    #expect(try id(full, "db1") == id(before, "db1"))
  }

  /// One nic in each of many port groups: by port id they use all uplinks, not every eighth number.
  @Test func portGroupsBeginAtDifferentPlaces() throws {
    var planning = Planning()
    let planned = try planning.plan(
      topology(
        nics: (0..<8).map { "v\($0): { portgroup: g\($0) }" },
        portgroups: (0..<8).map { "{ name: g\($0) }" }))
    #expect(planned.ports.map { $0.id / 8 } == Array(0..<8))
    #expect(Set(planned.ports.map { $0.id % 8 }).count == 8)
  }

  @Test func aNicThatChangesItsPortGroupGetsAnotherPort() throws {
    var planning = Planning()
    let groups = ["{ name: web }", "{ name: db }"]
    let before = try planning.plan(topology(nics: ["a: { portgroup: web }"], portgroups: groups))
    let after = try planning.plan(topology(nics: ["a: { portgroup: db }"], portgroups: groups))
    #expect(try id(before, "a") == 0)
    #expect(try (8..<16).contains(id(after, "a")))
    // A port group that is only called otherwise keeps its ports.
    let renamed = try planning.plan(
      topology(nics: ["a: { portgroup: www }"], portgroups: ["{ name: web }", "{ name: www }"]))
    #expect(try id(renamed, "a") == id(after, "a"))
  }

  @Test func aFixedPortGroupIsFull() throws {
    let group = ["{ name: web, allocation: fixed, numPorts: 2 }"]
    var planning = Planning()
    let two = try planning.plan(topology(nics: nics(0..<2), portgroups: group))
    #expect(counts(two) == [[2, 2]])
    // Who writes a file is told so when it is read.
    #expect(throws: (any Error).self) {
      try parse(topology(nics: nics(0..<3), portgroups: group))
    }
    // Who does not ask is told so here.
    var third = try parse(topology(nics: nics(0..<2), portgroups: group))
    third.vms.append(third.vms[0])
    third.vms[2].name = "third"
    let failure = #expect(throws: Failure.self) { try planning.plan(third) }
    #expect(
      failure?.why
        == "port group web has 2 fixed ports, and no free one for nic eth0 of third")
    let after = try planning.plan(topology(nics: nics(1..<3), portgroups: group))
    #expect(after.ports.map(\.id) == [1, 0])
  }

  // MARK: - Disconnected

  @Test func aDisconnectedNicKeepsItsStaticPort() throws {
    var planning = Planning()
    let group = [
      "{ name: web, allowOverride: [block, vlan], RESET }".replacing(
        "RESET", with: "resetAtDisconnect: true")
    ]
    let own = "port: { vlan: 7, policy: { blocked: true } }"
    func plan(_ isConnected: Bool, reset: Bool) throws -> PlannedSwitch {
      let groups = group.map { $0.replacing("Disconnect: true", with: "Disconnect: \(reset)") }
      return try planning.plan(
        topology(
          nics: [
            "a: { portgroup: web, connected: \(isConnected), \(own) }", "b: { portgroup: web }",
          ], portgroups: groups))
    }
    let before = try plan(true, reset: true)
    #expect(try before.port("a").isConnected && before.portPlan("a").vlan == 7)
    let pulled = try plan(false, reset: true)
    let port = try pulled.port("a")
    #expect(try !port.isConnected && port.id == before.port("a").id)
    #expect(try port.index == before.port("a").index)
    #expect(counts(pulled) == [[8, 2]] && pulled.unplugged.isEmpty)
    // Its own settings are gone, or not, as its port group says.
    #expect(try pulled.portPlan("a").vlan == 0 && !pulled.portPlan("a").isBlocked)
    #expect(port.policy.blocked == Effective(false, from: .default))
    let kept = try plan(false, reset: false)
    #expect(try kept.portPlan("a").vlan == 7 && kept.portPlan("a").isBlocked)
    // Back again, in the same port.
    let back = try plan(true, reset: true)
    #expect(try back.port("a") == before.port("a"))
    #expect(try back.portPlan("a") == before.portPlan("a"))
  }

  @Test func anEphemeralPortGoesWithItsConnection() throws {
    var planning = Planning()
    let groups = ["{ name: web }", "{ name: tmp, binding: ephemeral }"]
    func plan(_ nics: [String]) throws -> PlannedSwitch {
      try planning.plan(topology(nics: nics, portgroups: groups))
    }
    let (a, b) = ("a: { portgroup: tmp }", "b: { portgroup: tmp }")
    let gone = "a: { portgroup: tmp, connected: false }"
    let both = try plan([a, b])
    #expect(counts(both) == [[8, 0], [nil, 2]])
    #expect(try [id(both, "a"), id(both, "b")] == [8, 9])
    #expect(both.ports.map(\.binding) == [.ephemeral, .ephemeral])
    let one = try plan([gone, b])
    #expect(one.ports.map(\.key.vm) == ["b"])
    #expect(one.unplugged == [PortKey(vm: "a", device: "eth0")])
    #expect(counts(one) == [[8, 0], [nil, 1]])
    let kind = one.parts.ports[try both.port("a").index.index].kind
    #expect(kind == .absent)
    // Somebody else comes first.
    let other = try plan([gone, b, "c: { portgroup: tmp }"])
    #expect(try id(other, "c") == 8)
    let again = try plan([a, b, "c: { portgroup: tmp }"])
    #expect(try [id(again, "a"), id(again, "b"), id(again, "c")] == [10, 9, 8])
  }

  @Test func whatAGuestsSocketIs() throws {
    var planning = Planning()
    let planned = try planning.plan(
      topology(nics: [
        "a: { portgroup: web, qmp: /run/a.qmp, qmpNic: net0, vhostUser: { queues: 2 } }",
        "b: { portgroup: web }",
      ]))
    #expect(try planned.port("a").qmp == "/run/a.qmp" && planned.port("a").qmpNic == "net0")
    #expect(try planned.port("a").vhostUser == VhostUserSocket(queues: 2))
    #expect(try planned.port("b").vhostUser == nil)
    #expect(try planned.port("b").qmp == nil)
  }

  // MARK: - Claims

  private func claim(_ name: String, _ id: Int, _ more: String = "") -> String {
    "\(name): { portgroup: web\(more), port: { id: \(id) } }"
  }

  @Test func aNicGetsThePortThatItClaims() throws {
    var planning = Planning()
    let planned = try planning.plan(
      topology(nics: ["a: { portgroup: web }", claim("b", 0), claim("c", 999_999)]))
    #expect(planned.ports.map(\.id) == [1, 0, 999_999])
    #expect(planned.ports.allSatisfy { !$0.isConflict })
    // They are of the port group's eight.
    #expect(counts(planned) == [[8, 3]])
    // Without the claim it stays where it is.
    let after = try planning.plan(
      topology(nics: ["a: { portgroup: web }", "b: { portgroup: web }", "c: { portgroup: web }"]))
    #expect(after.ports.map(\.id) == [1, 0, 999_999])
  }

  /// The number was given out; who claims it has the better right.
  @Test func aClaimMovesWhoDidNotClaim() throws {
    var planning = Planning()
    _ = try planning.plan(topology(nics: ["a: { portgroup: web }", "b: { portgroup: web }"]))
    let planned = try planning.plan(
      topology(nics: ["a: { portgroup: web }", "b: { portgroup: web }", claim("c", 0)]))
    #expect(planned.ports.map(\.id) == [2, 1, 0])
  }

  @Test func aClaimInAnotherPortGroupsNumbers() throws {
    var planning = Planning()
    let groups = ["{ name: web }", "{ name: db }"]
    _ = try planning.plan(topology(nics: ["d: { portgroup: db }"], portgroups: groups))
    let planned = try planning.plan(
      topology(nics: [claim("a", 10)] + nics(0..<8, "db"), portgroups: groups))
    #expect(try id(planned, "a") == 10)
    #expect(counts(planned) == [[8, 1], [8, 8]])
    #expect(Set(planned.ports.map(\.id)).count == 9)
  }

  @Test func theSecondClaimIsAConflict() throws {
    var planning = Planning()
    let file = topology(
      nics: [
        claim("a", 5), claim("b", 5), "c: { portgroup: web }", claim("d", 5), claim("e", 6),
      ])
    let planned = try planning.plan(file)
    #expect(planned.ports.map(\.id) == [5, 0x8000_0000, 0, 0x8000_0001, 6])
    #expect(planned.ports.map(\.isConflict) == [false, true, false, true, false])
    #expect(counts(planned) == [[8, 3]])
    #expect(try planned.portPlan("b").kind == .vm && planned.portPlan("b").vlan == 10)
    // The owner goes: the next in the file owns it, the other stays what it is.
    let after = try planning.plan(
      topology(nics: [claim("b", 5), "c: { portgroup: web }", claim("d", 5), claim("e", 6)]))
    #expect(after.ports.map(\.id) == [5, 0, 0x8000_0001, 6])
    #expect(after.ports.map(\.isConflict) == [false, false, true, false])
    // It claims no longer: an ordinary port.
    let last = try planning.plan(topology(nics: [claim("b", 5), "d: { portgroup: web }"]))
    #expect(last.ports.map(\.isConflict) == [false, false])
    #expect(try id(last, "d") < 8)
  }

  @Test func aDisconnectedClaimHoldsItsPort() throws {
    var planning = Planning()
    let planned = try planning.plan(
      topology(nics: [claim("a", 5, ", connected: false"), claim("b", 5)]))
    #expect(planned.ports.map(\.isConflict) == [false, true])
    let ephemeral = try planning.plan(
      topology(
        nics: [claim("a", 5, ", connected: false"), claim("b", 5)],
        portgroups: ["{ name: web, binding: ephemeral }"]))
    #expect(ephemeral.ports.map(\.id) == [5] && !ephemeral.ports[0].isConflict)
  }

  /// A claim is on one switch, and of standard switches of one name every host has its own.
  @Test func claimsOnStandardSwitchesOfTwoHosts() throws {
    let text = """
      apiVersion: martlet/v1
      kind: Topology
      name: test
      hosts: [{ name: host1 }, { name: host2 }]
      standardSwitches:
        - { host: host1, name: s, portgroups: [{ name: web, allocation: fixed, numPorts: 1 }] }
        - { host: host2, name: s, portgroups: [{ name: web, allocation: fixed, numPorts: 1 }] }
      vms:
        - { name: a, host: host1, nics: [{ portgroup: web, port: { id: 3 } }] }
        - { name: b, host: host2, nics: [{ portgroup: web, port: { id: 3 } }] }

      """
    for (host, vm) in [("host1", "a"), ("host2", "b")] {
      var planning = Planning()
      let planned = try planning.plan(text, switch: "s", host: host)
      #expect(try id(planned, vm) == 3)
      #expect(try !planned.port(vm).isConflict)
    }
  }
}
