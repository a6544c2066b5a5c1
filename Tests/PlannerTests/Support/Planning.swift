// What these tests share: a file's text in, plans out.

import Base
import ConfigFile
import Dataplane
import FrameMemory
import Model
import Planner
import Tables
import Testing
import Wire

/// Compiles the switches of a host again and again, as an agent does.
struct Planning {
  private var planners: [String: SwitchPlanner] = [:]
  private(set) var directories: [String: PortDirectory] = [:]
  private var revision: UInt64 = 0
  var limits = SwitchLimits()
  var random: UInt64 = 0

  /// Compiles one switch on one host.
  mutating func plan(_ topology: Topology, switch name: String = "dvs1", host: String = "host1")
    throws -> PlannedSwitch
  {
    revision += 1
    let hostSwitch = try #require(topology.switches(onHost: host).first { $0.name == name })
    directories[name, default: PortDirectory()].update(for: topology, switch: hostSwitch)
    var planner = planners["\(host)/\(name)"] ?? SwitchPlanner(limits: limits, random: random)
    defer { planners["\(host)/\(name)"] = planner }
    return try planner.plan(
      hostSwitch, in: topology, directory: directories[name]!, revision: revision)
  }

  mutating func plan(_ text: String, switch name: String = "dvs1", host: String = "host1") throws
    -> PlannedSwitch
  {
    try plan(
      TopologyFile.parse(text: text, file: "test.yaml"), switch: name, host: host)
  }
}

extension PlannedSwitch {
  func port(_ vm: String, _ device: String = "eth0") throws -> PlannedPort {
    try #require(ports.first { $0.key == PortKey(vm: vm, device: device) })
  }

  /// The flat plan of a VM's port.
  func portPlan(_ vm: String, _ device: String = "eth0") throws -> PortPlan {
    parts.ports[try port(vm, device).index.index]
  }

  /// The team of a VM's port group.
  func team(_ vm: String) throws -> TeamPlan {
    parts.teams[Int(try portPlan(vm).team)]
  }

  /// Index and id of each VM's port.
  var numbers: [String: [Int]] {
    Dictionary(uniqueKeysWithValues: ports.map { ($0.key.vm, [$0.index.index, Int($0.id)]) })
  }
}

/// A switch over two uplinks, with VMs on host1 (and, with a `@`, on another host).
func topology(vms: [String], portgroups: [String] = ["{ name: web, vlan: 10 }"], mtu: Int = 1500)
  -> String
{
  let groups = portgroups.map { "      - \($0)" }.joined(separator: "\n")
  let machines = vms.map { text in
    let words = text.split(separator: "@")
    return "  - { name: \(words[0]), host: \(words.count > 1 ? words[1] : "host1"), "
      + "nics: [{ portgroup: web }] }"
  }
  return """
    apiVersion: martlet/v1
    kind: Topology
    name: test
    physicalSwitches:
      - { name: tor1 }
    hosts:
      - { name: host1, nics: { vmnic0: tor1, vmnic1: tor1 } }
      - { name: host2, nics: { vmnic5: tor1 } }
    distributedSwitches:
      - name: dvs1
        mtu: \(mtu)
        uplinks: [uplink1, uplink2, uplink3]
        hosts:
          - { name: host1, uplinks: { uplink1: vmnic0, uplink3: vmnic1 } }
          - { name: host2, uplinks: { uplink2: vmnic5 } }
        portgroups:
    \(groups.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))
    vms:
    \(machines.joined(separator: "\n"))

    """
}

/// The same switch with nics that say something for themselves: `"a: { portgroup: web, … }"`, or with a
/// host as in `"a@host2: …"`. `settings` are further lines of the switch.
func topology(
  nics: [String], portgroups: [String] = ["{ name: web, vlan: 10 }"], settings: [String] = []
) -> String {
  let names = nics.map { String($0.prefix { $0 != ":" }) }
  var text = topology(vms: names, portgroups: portgroups)
  for (name, nic) in zip(names, nics) {
    let words = name.split(separator: "@")
    let line = "name: \(words[0]), host: \(words.count > 1 ? words[1] : "host1"), nics: ["
    text = text.replacing(
      line + "{ portgroup: web }]", with: line + nic.dropFirst(name.count + 2) + "]")
  }
  let lines = settings.map { "    \($0)\n" }.joined()
  return text.replacing("    mtu: 1500\n", with: "    mtu: 1500\n" + lines)
}

extension PlannedSwitch {
  /// The rules of a VM's port in one direction.
  func rules(_ vm: String, _ way: KeyPath<PortPlan, UInt16>) throws -> [Tables.FilterRule] {
    let number = Int(try portPlan(vm)[keyPath: way])
    return number == 0 ? [] : parts.ruleSets[number - 1]
  }

  func shape(_ vm: String, _ way: KeyPath<PortPlan, UInt16>) throws -> TrafficShape? {
    let number = Int(try portPlan(vm)[keyPath: way])
    return number == 0 ? nil : parts.shapes[number - 1]
  }
}

func parse(_ text: String) throws -> Topology {
  try TopologyFile.parse(text: text, file: "test.yaml")
}
