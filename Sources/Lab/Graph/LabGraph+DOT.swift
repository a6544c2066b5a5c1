// The same topology in the language of Graphviz (graphviz.org/doc/info/lang.html).

public import Model
internal import Wire

extension LabGraph {
  /// An undirected graph: hosts and switches are clusters, standby uplinks are dashed.
  public static func dot(_ topology: Topology) -> String {
    var lines = [
      "graph \(quoted(topology.name)) {",
      "  label=\(quoted(topology.name)); labelloc=t; fontname=\"Helvetica\"; compound=true;",
      "  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"Helvetica\"];",
      "  edge [fontname=\"Helvetica\", fontsize=10];",
    ]
    let palette = GraphPalette(topology)
    for host in topology.hosts { lines += cluster(host, topology, palette) }
    for physical in topology.physicalSwitches {
      lines.append(
        "  \(id("switch", physical.name)) [label=\(quoted(physical.name)), shape=box3d, "
          + "fillcolor=\"\(GraphPalette.border)\"];")
      for other in physical.links {
        lines.append("  \(id("switch", physical.name)) -- \(id("switch", other)) [penwidth=2];")
      }
    }
    for host in topology.hosts {
      for nic in host.nics {
        lines.append("  \(id("nic", host.name, nic.name)) -- \(id("switch", nic.physicalSwitch));")
      }
    }
    return lines.joined(separator: "\n") + "\n}\n"
  }

  private static func cluster(
    _ host: Host, _ topology: Topology, _ palette: GraphPalette
  ) -> [String] {
    var lines = [
      "  subgraph \(id("cluster", host.name)) {", "    label=\(quoted(host.name)); style=rounded;",
    ]
    for nic in host.nics {
      lines.append("    \(id("nic", host.name, nic.name)) [label=\(quoted(nic.name))];")
    }
    for hostSwitch in topology.switches(onHost: host.name) {
      lines += cluster(hostSwitch, palette)
    }
    for vm in topology.vms(onHost: host.name) {
      lines.append("    \(id("vm", vm.name)) [label=\(quoted(vm.name)), shape=ellipse];")
      for (index, nic) in vm.nics.enumerated() {
        guard let group = topology.portgroup(of: nic, of: vm) else { continue }
        let words = ([VirtualMachine.deviceName(ofNIC: index)] + nic.addresses.map(\.description))
          .joined(separator: "\n")
        let target = id("group", host.name, group.hostSwitch.name, group.portgroup.name)
        lines.append("    \(id("vm", vm.name)) -- \(target) [label=\(quoted(words))];")
      }
    }
    return lines + ["  }"]
  }

  private static func cluster(_ hostSwitch: HostSwitch, _ palette: GraphPalette) -> [String] {
    let host = hostSwitch.host
    var lines = [
      "    subgraph \(id("cluster", host, hostSwitch.name)) {",
      "      label=\(quoted(hostSwitch.name)); style=\"rounded,dashed\";",
    ]
    var cables: [String] = []
    for portgroup in hostSwitch.portgroups {
      let node = id("group", host, hostSwitch.name, portgroup.name)
      let hue = palette.hue(of: portgroup.vlan)
      let words = "\(portgroup.name)\n\(GraphPalette.words(portgroup.vlan))"
      lines.append(
        "      \(node) [label=\(quoted(words)), fillcolor=\"\(hue.faint)\", "
          + "color=\"\(hue.strong)\"];")
      let team = hostSwitch.effectivePolicy(of: portgroup).teaming
      for binding in hostSwitch.uplinks {
        let isActive = team.activeUplinks.value.contains(binding.uplink)
        guard isActive || team.standbyUplinks.value.contains(binding.uplink) else { continue }
        cables.append(
          "    \(node) -- \(id("nic", host, binding.nic)) [label=\(quoted(binding.uplink))"
            + (isActive ? "];" : ", style=dashed];"))
      }
    }
    return lines + ["    }"] + cables
  }

  /// A name of a node that no other has: a slash is in no name.
  private static func id(_ kind: String, _ names: String...) -> String {
    quoted(([kind == "cluster" ? "cluster_" : kind] + names).joined(separator: "/"))
  }

  /// A quoted word of the language; a newline centres the next line.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for letter in text {
      switch letter {
      case "\"", "\\": result += "\\\(letter)"
      case "\n": result += "\\n"
      default: result.append(letter)
      }
    }
    return result + "\""
  }
}
