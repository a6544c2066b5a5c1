// What `lab up` made, for a person: counts, VMs with their addresses and port groups, cables, and
// what to try next.

internal import Base
internal import Model
internal import Wire

/// A lab that was just built.
public struct LabSummary: Sendable {
  private let plan: LabPlan
  private let folder: LabFolder
  /// From the first namespace to the last port.
  public let milliseconds: Int

  init(plan: LabPlan, folder: LabFolder, milliseconds: Int) {
    self.plan = plan
    self.folder = folder
    self.milliseconds = milliseconds
  }

  /// The name of the lab.
  public var lab: String { plan.lab }

  /// Some lines, with a newline at the end.
  public var text: String {
    let topology = plan.topology
    let counts = [
      count(topology.physicalSwitches.count, "physical switch", "physical switches"),
      count(topology.hosts.count, "host", "hosts"), count(topology.vms.count, "VM", "VMs"),
      portCounts,
    ]
    var text = "lab \(lab) runs: \(counts.joined(separator: ", ")) (\(seconds) s)\n"
    if !plan.vmNICs.isEmpty { text += "\n" + vmTable }
    if !plan.vmNICs.allSatisfy({ $0.nic.vhostUser == nil }) { text += "\n" + socketTable }
    let cables = plan.cables
    if !cables.isEmpty { text += "\n" + cableTable }
    text += "\nTry:\n"
    for (command, effect) in suggestions { text += "  \(command)\n      \(effect)\n" }
    return text
  }

  /// A nic that is declared to be unplugged or blocked is not waited for, and not said to be up; nor is one
  /// whose guest is still to be connected.
  private var portCounts: String {
    let plugged = plan.vmNICs.filter(\.nic.isConnected)
    let connected = plugged.filter { $0.nic.vhostUser == nil }
    let blocked = connected.count { plan.isBlocked($0) }
    let up = count(connected.count - blocked, "port up", "ports up")
    let others = [
      (blocked, "blocked"), (plugged.count - connected.count, "for guests behind vhost-user"),
      (plan.vmNICs.count - plugged.count, "unplugged"),
    ]
    return ([up] + others.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }).joined(separator: ", ")
  }

  private var seconds: String {
    "\(milliseconds / 1000).\((milliseconds % 1000) / 100)"
  }

  private func count(_ number: Int, _ one: String, _ several: String) -> String {
    "\(number) \(number == 1 ? one : several)"
  }

  private var vmTable: String {
    let rows = plan.vmNICs.map { nic in
      let group = plan.topology.portgroup(of: nic.nic, of: nic.vm)
      return [
        nic.vm.name, nic.vm.host, nic.device, group?.qualifiedName ?? nic.nic.portgroup,
        group.map { "\($0.portgroup.vlan)" } ?? "-", "\(nic.nic.mac)",
        nic.nic.addresses.isEmpty
          ? "-" : nic.nic.addresses.map(\.description).joined(separator: " "),
      ]
    }
    return LabTable.text(
      ["VM", "HOST", "NIC", "PORT GROUP", "VLAN", "MAC", "ADDRESSES"], rows)
  }

  /// Where the guests are met that a lab does not make.
  private var socketTable: String {
    let rows = plan.vmNICs.compactMap { nic in
      nic.nic.vhostUser.map { socket in
        [
          nic.vm.name, nic.device, socket.mode.rawValue, "\(socket.queues)",
          folder.socketPath(socket, nic.vm.host, nic.vm.name, nic.device),
        ]
      }
    }
    return LabTable.text(["VM", "NIC", "VHOST-USER", "QUEUES", "SOCKET"], rows)
  }

  private var cableTable: String {
    let prefix = plan.lab.count + 1
    let rows = plan.cables.map { cable in
      [
        String(cable.first.namespace.dropFirst(prefix)), cable.first.device,
        String(cable.second.namespace.dropFirst(prefix)), cable.second.device,
      ]
    }
    return LabTable.text(["NODE", "NIC", "PHYSICAL SWITCH", "PORT"], rows)
  }

  /// Commands that work in this very lab, with what they show.
  private var suggestions: [(command: String, effect: String)] {
    var lines: [(String, String)] = []
    if let (from, to) = pair {
      lines.append(
        ("martlet lab exec --lab \(lab) \(from) -- ping -c 3 \(to)", "from one VM to another"))
    }
    lines += [
      ("martlet port list --lab \(lab)", "the ports, with the uplink that each one uses"),
      ("martlet lab graph \(lab) > \(lab).svg", "a picture of it"),
      ("martlet lab down \(lab)", "takes it all down"),
    ]
    return lines
  }

  /// Two VMs in one network, on two hosts if there are such.
  private var pair: (from: String, to: IPAddress)? {
    let nics = plan.vmNICs
    for mustCross in [true, false] {
      for first in nics {
        for second in nics where second.vm.name != first.vm.name {
          guard first.nic.portgroup == second.nic.portgroup,
            !mustCross || first.vm.host != second.vm.host,
            let own = first.nic.addresses.first,
            let other = second.nic.addresses.first(where: { own.contains($0.address) })
          else { continue }
          return (first.vm.name, other.address)
        }
      }
    }
    return nil
  }
}
