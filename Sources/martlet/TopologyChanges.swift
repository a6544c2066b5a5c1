// What differs between two topologies, in lines for a person, and what a running lab cannot follow.
//
// Switches, port groups, policies and the port group of a nic can change under running VMs. Nodes,
// cables and what is set inside a VM are made by `lab up`, and only there.

internal import Base
internal import Model

/// The way from one topology to another.
struct TopologyChanges {
  /// One line for each thing that is added, removed or changed, in the order of the files.
  let lines: [String]

  init(from old: Topology, to new: Topology) {
    var lines: [String] = []
    lines += Self.compare(Self.switches(old), Self.switches(new))
    lines += Self.compare(Self.portgroups(old), Self.portgroups(new))
    let before = Dictionary(old.vms.map { ($0.name, $0) }) { first, _ in first }
    for vm in new.vms {
      let nics = zip(before[vm.name]?.nics ?? [], vm.nics)
      for (index, (was, becomes)) in nics.enumerated() where was.portgroup != becomes.portgroup {
        let device = VirtualMachine.deviceName(ofNIC: index)
        lines.append("\(vm.name) \(device): port group \(was.portgroup) -> \(becomes.portgroup)")
      }
    }
    self.lines = lines
  }

  /// A thing with a name, reduced to what counts as a change of it.
  private struct Item {
    var name: String
    var content: AnyHashable
  }

  private static func compare(_ old: [Item], _ new: [Item]) -> [String] {
    let before = Dictionary(old.map { ($0.name, $0.content) }) { first, _ in first }
    let after = Set(new.map(\.name))
    let gone = old.filter { !after.contains($0.name) }.map { "\($0.name): removed" }
    return gone
      + new.compactMap { item in
        guard let content = before[item.name] else { return "\(item.name): added" }
        return content == item.content ? nil : "\(item.name): changed"
      }
  }

  /// Switches without their port groups.
  private static func switches(_ topology: Topology) -> [Item] {
    topology.distributedSwitches.map { given in
      var own = given
      own.portgroups = []
      return Item(name: "switch \(given.name)", content: own)
    }
      + topology.standardSwitches.map { given in
        var own = given
        own.portgroups = []
        return Item(name: "switch \(given.name) of \(given.host)", content: own)
      }
  }

  private static func portgroups(_ topology: Topology) -> [Item] {
    topology.distributedSwitches.flatMap { given in
      given.portgroups.map { Item(name: "port group \(given.name)/\($0.name)", content: $0) }
    }
      + topology.standardSwitches.flatMap { given in
        given.portgroups.map {
          Item(name: "port group \(given.name)/\($0.name) of \(given.host)", content: $0)
        }
      }
  }
}

extension TopologyChanges {
  /// Throws when a running lab would have to be built anew to follow.
  static func checkNodes(of lab: String, from old: Topology, to new: Topology) throws(Failure) {
    let different: String? =
      if old.physicalSwitches != new.physicalSwitches {
        "the physical switches"
      } else if old.hosts != new.hosts {
        "the hosts or their nics"
      } else if fixedParts(of: old.vms) != fixedParts(of: new.vms) {
        "the VMs, their hosts, MAC addresses or IP addresses"
      } else { nil }
    guard let different else { return }
    throw Failure(
      "cannot change lab \(lab)", why: "\(different) differ, and those are made by `lab up` alone",
      remedy: "run `martlet lab down \(lab)`, then `martlet lab up` with the new file")
  }

  /// VMs without the port groups of their nics.
  private static func fixedParts(of vms: [VirtualMachine]) -> [VirtualMachine] {
    vms.map { given in
      var vm = given
      for index in vm.nics.indices { vm.nics[index].portgroup = "" }
      return vm
    }
  }
}
