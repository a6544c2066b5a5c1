// Every history of nics that come, go, move, are pulled and plugged in, and claim ports: what must hold
// after each step, worked out from the topology alone.

import Base
import Dataplane
import FrameMemory
import Model
import Planner
import Testing
import Wire

@Suite struct PortHistoryTests {
  private static let groups = ["grow", "fixed", "temporary"]

  private struct Nic {
    var name: String
    var group: String
    var isConnected = true
    var claim: UInt32?

    var hasPort: Bool { group != "temporary" || isConnected }
  }

  private struct Seen {
    var nic: Nic
    var id: UInt32
    var index: Int
  }

  private func topology(_ nics: [Nic], _ base: Topology) -> Topology {
    var topology = base
    for (number, nic) in nics.enumerated() {
      topology.vms.append(
        VirtualMachine(
          name: nic.name, host: "host1",
          nics: [
            .init(
              portgroup: nic.group, mac: MACAddress(rawValue: 0x0050_5600_0000 + UInt64(number)),
              isConnected: nic.isConnected, port: nic.claim.map { PortSettings(id: $0) })
          ]))
    }
    return topology
  }

  private func change(_ nics: inout [Nic], _ step: Int, _ random: inout SeededRandom) {
    for _ in 0...Int.random(in: 0..<3, using: &random) {
      let place = nics.isEmpty ? nil : Int.random(in: nics.indices, using: &random)
      switch (Int.random(in: 0..<10, using: &random), place) {
      case (0..<4, _), (_, nil):
        guard nics.count < 30 else { continue }
        let group = Self.groups.randomElement(using: &random)!
        nics.insert(
          Nic(name: "vm\(step)x\(random.next() % 1_000_000)", group: group),
          at: Int.random(in: 0...nics.count, using: &random))
      case (4, let place?), (5, let place?): nics.remove(at: place)
      case (6, let place?): nics[place].isConnected.toggle()
      case (7, let place?): nics[place].group = Self.groups.randomElement(using: &random)!
      case (8, let place?): nics[place].claim = UInt32.random(in: 0..<60, using: &random)
      case (_, let place?): nics[place].claim = nil
      }
    }
  }

  private func isConflict(_ nic: Nic, _ nics: [Nic]) -> Bool {
    guard let claim = nic.claim, nic.hasPort else { return false }
    return nics.first { $0.claim == claim && $0.hasPort }?.name != nic.name
  }

  private func check(_ planned: PlannedSwitch, _ nics: [Nic], _ words: Comment) throws {
    #expect(planned.ports.map(\.key.vm) == nics.filter(\.hasPort).map(\.name), words)
    #expect(planned.unplugged.map(\.vm) == nics.filter { !$0.hasPort }.map(\.name), words)
    #expect(Set(planned.ports.map(\.id)).count == planned.ports.count, words)
    #expect(Set(planned.ports.map(\.index)).count == planned.ports.count, words)
    for nic in nics where nic.hasPort {
      let port = try planned.port(nic.name)
      let isConflict = isConflict(nic, nics)
      #expect(port.isConflict == isConflict, words)
      #expect((port.id >= 0x8000_0000) == isConflict, words)
      #expect(port.isConnected == nic.isConnected, words)
      if let claim = nic.claim, !isConflict { #expect(port.id == claim, words) }
    }
    for group in planned.portgroups {
      let used = nics.count { $0.group == group.name && $0.hasPort && !isConflict($0, nics) }
      #expect(group.usedPorts == used, words)
      switch group.name {
      case "grow":
        var size = 2
        while size < used { size += 8 }
        #expect(group.numPorts == size, words)
      case "fixed": #expect(group.numPorts == 40, words)
      default: #expect(group.numPorts == nil, words)
      }
    }
  }

  /// Who stays as it was keeps its id and its index, unless somebody claims its number.
  private func checkStability(
    _ planned: PlannedSwitch, _ nics: [Nic], _ before: [Seen], _ words: Comment
  ) throws {
    for seen in before {
      guard let nic = nics.first(where: { $0.name == seen.nic.name }), nic.hasPort else { continue }
      let port = try planned.port(nic.name)
      #expect(port.index.index == seen.index, words)
      let isClaimed = nics.contains { $0.claim == seen.id && $0.name != nic.name && $0.hasPort }
      guard nic.group == seen.nic.group, nic.claim == seen.nic.claim, !isClaimed else { continue }
      let wasConflict = seen.id >= 0x8000_0000
      guard wasConflict == isConflict(nic, nics) else { continue }
      #expect(port.id == seen.id, words)
    }
  }

  @Test(arguments: 0..<24 as Range<UInt64>)
  func anyHistory(_ seed: UInt64) throws {
    let base = try parse(
      PlannerTests.topology(
        vms: [],
        portgroups: [
          "{ name: grow, numPorts: 2 }", "{ name: fixed, allocation: fixed, numPorts: 40 }",
          "{ name: temporary, binding: ephemeral }",
        ]))
    var random = SeededRandom(seed: seed)
    var planning = Planning()
    var nics: [Nic] = []
    var before: [Seen] = []
    for step in 0..<60 {
      change(&nics, step, &random)
      let words: Comment = "seed \(seed), step \(step)"
      let planned = try planning.plan(topology(nics, base))
      try check(planned, nics, words)
      try checkStability(planned, nics, before, words)
      before = try nics.filter(\.hasPort).map { nic in
        let port = try planned.port(nic.name)
        return Seen(nic: nic, id: port.id, index: port.index.index)
      }
      // What stays in the plan is what is in the list of ports.
      let count = planned.parts.ports.count { $0.kind == .vm }
      #expect(count == planned.ports.count, words)
    }
  }
}
