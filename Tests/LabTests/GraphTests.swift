// Drawings: they hold everything that the topology declares, nothing overlaps, and the tools that
// read such files accept them.

import Base
import ConfigFile
import Lab
import Linux
import Model
import Testing
import Wire

private let drawn = ["quickstart", "teaming", "standard-switch", "trunk"]

/// A topology of so many hosts, with VMs on most of them.
private func topology(hostCount: Int, physicalCount: Int) throws -> Topology {
  var text = "apiVersion: martlet/v1\nkind: Topology\nname: many\nphysicalSwitches:\n"
  for index in 1...physicalCount {
    text += "  - { name: tor\(index)\(index > 1 ? ", links: [tor1]" : "") }\n"
  }
  text += "hosts:\n"
  for index in 0..<hostCount {
    let (first, second) = (index % physicalCount + 1, (index + 1) % physicalCount + 1)
    text += "  - { name: host\(index), nics: { a: tor\(first), b: tor\(second), c: tor1 } }\n"
  }
  text += "distributedSwitches:\n  - name: dvs\n    uplinks: [up1, up2]\n    hosts:\n"
  for index in 0..<hostCount {
    text += "      - { name: host\(index), uplinks: { up1: a, up2: b } }\n"
  }
  text += "    portgroups:\n      - { name: web, vlan: 10 }\n"
  text +=
    "      - { name: \(String(repeating: "long", count: 20)), vlan: { trunk: [0-99, 200] } }\n"
  text += "vms:\n"
  for index in 0..<hostCount {
    for number in 0..<(index * 3) {
      text += "  - { name: vm\(index)-\(number), host: host\(index), nics: [{ portgroup: web }] }\n"
    }
  }
  text += "  - { name: last, host: host0, nics: [{ portgroup: web, addresses: [10.0.0.1/8] }] }\n"
  return try TopologyFile.parse(text: text, file: "many.yaml")
}

@Suite("drawings of topologies")
struct GraphTests {
  @Test("hold every node, port group and address", arguments: drawn)
  func holdsEverything(_ name: String) throws {
    let topology = try TopologyFile.load(path: "\(topologies)/\(name).yaml")
    for text in [LabGraph.svg(topology), LabGraph.dot(topology)] {
      for node in topology.hosts.map(\.name) + topology.vms.map(\.name)
        + topology.physicalSwitches.map(\.name)
      {
        #expect(text.contains(node))
      }
      for nic in topology.vms.flatMap(\.nics) {
        #expect(text.contains(nic.portgroup.split(separator: "/").last ?? ""))
        for address in nic.addresses { #expect(text.contains(address.description)) }
      }
    }
    #expect(LabGraph.svg(topology) == LabGraph.svg(topology))
  }

  @Test("nothing overlaps, and nothing is outside", arguments: 1...8)
  func noOverlap(hostCount: Int) throws {
    let topology = try topology(hostCount: hostCount, physicalCount: min(4, hostCount))
    let boxes = LabGraph.outlines(topology)
    #expect(boxes.outer.count == hostCount + topology.physicalSwitches.count)
    for (index, box) in boxes.outer.enumerated() {
      #expect(box.x >= 0 && box.y >= 0 && box.right <= boxes.width && box.bottom <= boxes.height)
      for other in boxes.outer[..<index] { #expect(!box.overlaps(other), "\(box) \(other)") }
    }
    for (index, box) in boxes.inner.enumerated() {
      #expect(boxes.outer.contains { $0.contains(box) }, "\(box) sticks out")
      for other in boxes.inner[..<index] { #expect(!box.overlaps(other), "\(box) \(other)") }
    }
  }

  @Test("names cannot break the file")
  func escapes() {
    let topology = Topology(
      name: "a<b>&\"c\"", hosts: [Host(name: "h\\\"1")],
      standardSwitches: [
        StandardSwitch(host: "h\\\"1", name: "<s>", portgroups: [PortGroup(name: "p&q")])
      ])
    let svg = LabGraph.svg(topology)
    #expect(svg.contains("a&lt;b&gt;&amp;&quot;c&quot;"))
    #expect(svg.contains("p&amp;q"))
    #expect(!svg.contains("<s>"))
    #expect(LabGraph.dot(topology).contains("\"h\\\\\\\"1\""))
  }

  @Test("an empty topology is a drawing too")
  func empty() {
    #expect(LabGraph.svg(Topology(name: "none")).contains("0 hosts"))
    #expect(LabGraph.dot(Topology(name: "none")).hasSuffix("}\n"))
  }

  @Test(
    "rsvg-convert reads the SVG", .enabled(if: has("rsvg-convert"), "needs librsvg2-bin"),
    arguments: drawn)
  func convertsSVG(_ name: String) throws {
    let text = LabGraph.svg(try TopologyFile.load(path: "\(topologies)/\(name).yaml"))
    try expectAccepted(text, by: ["rsvg-convert"])
  }

  @Test("dot reads the graph", .enabled(if: has("dot"), "needs graphviz"), arguments: drawn)
  func rendersDOT(_ name: String) throws {
    let text = LabGraph.dot(try TopologyFile.load(path: "\(topologies)/\(name).yaml"))
    try expectAccepted(text, by: ["dot", "-Tsvg"])
  }

  private func expectAccepted(_ text: String, by words: [String]) throws {
    let path = "/tmp/mt-graph-\(ProcessIdentity.current.number)-\(text.utf8.count)"
    try appendToFile(Array(text.utf8), path)
    defer { try? removeFile(path) }
    let report = try ChildProcess.run(.init(words + [path]))
    #expect(report.ending.isSuccess, "\(report.errors)")
    #expect(report.errors.isEmpty, "\(report.errors)")
  }
}

private func has(_ program: String) -> Bool {
  let report = try? ChildProcess.run(.init(["sh", "-c", "command -v \(program)"]))
  return report?.ending.isSuccess ?? false
}

@Suite("names of the ports of physical switches")
struct PortNameTests {
  @Test("short names are read as they are")
  func short() {
    var names = PortNames()
    #expect(names.name(of: "vmnic0", at: "host1", on: "tor1") == "host1-vmnic0")
    #expect(names.name(of: "tor2", on: "tor1") == "tor2")
  }

  @Test("long and equal names become unique, the same in every run")
  func unique() {
    var rounds: [[String]] = []
    for _ in 0..<2 {
      var names = PortNames()
      var given: [String] = []
      for host in 0..<64 {
        for nic in ["vmnic0", "vmnic1", "a-long-nic-name"] {
          let long = "a-long-host-name-of-thirty\(host)"
          given.append(names.name(of: nic, at: long, on: "tor"))
        }
      }
      given.append(names.name(of: "c", at: "a-b", on: "tor"))
      given.append(names.name(of: "b-c", at: "a", on: "tor"))
      given.append(names.name(of: "lo", on: "tor"))
      given.append(names.name(of: "br0", on: "tor"))
      rounds.append(given)
    }
    #expect(Set(rounds[0]).count == rounds[0].count)
    #expect(rounds[0].allSatisfy { $0.utf8.count <= 15 && $0 != "lo" && $0 != "br0" })
    #expect(rounds[0] == rounds[1])
  }
}
