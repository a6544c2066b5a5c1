// The network of `martlet-bench blocked`: two hosts, each with a nic on each of two linked physical
// switches, and the changes that are made to it.

internal import Base

enum BlockedTopology {
  /// VMs on host1 that only have to be found again at the other physical switch.
  static let bystanders = 6

  /// - `extraVM`: a VM more on the same switch. `extraGroup`: a port group more, and another policy for
  ///   one that the stream does not use.
  static func text(extraVM: Bool = false, extraGroup: Bool = false) -> String {
    var lines = head
    if extraGroup { lines += ["      - { name: other, vlan: 30 }"] }
    lines += ["vms:"]
    lines.append(vm("app1", "host1", "steady", "10.0.10.1"))
    lines.append(vm("app2", "host2", "steady", "10.0.10.2"))
    for index in 1...bystanders {
      let group = index % 2 == 0 ? "steady" : "aside"
      let network = index % 2 == 0 ? 10 : 20
      lines.append(vm("by\(index)", "host1", group, "10.0.\(network).\(10 + index)"))
    }
    if extraVM { lines.append(vm("late", "host1", "aside", "10.0.20.99")) }
    if extraGroup {
      lines = lines.map {
        $0.replacing("# aside's policy", with: "security: { forgedTransmits: true }")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func vm(_ name: String, _ host: String, _ group: String, _ address: String)
    -> String
  {
    "  - { name: \(name), host: \(host), "
      + "nics: [{ portgroup: \(group), addresses: [\(address)/24] }] }"
  }

  private static let head = """
    apiVersion: martlet/v1
    kind: Topology
    name: blocked
    physicalSwitches:
      - { name: tor1, links: [tor2] }
      - { name: tor2 }
    hosts:
      - { name: host1, nics: { vmnic0: tor1, vmnic1: tor2 } }
      - { name: host2, nics: { vmnic0: tor1, vmnic1: tor2 } }
    distributedSwitches:
      - name: dvs1
        uplinks: [uplink1, uplink2]
        hosts:
          - { name: host1, uplinks: { uplink1: vmnic0, uplink2: vmnic1 } }
          - { name: host2, uplinks: { uplink1: vmnic0, uplink2: vmnic1 } }
        policy:
          teaming:
            policy: failover_explicit
            activeUplinks: [uplink1]
            standbyUplinks: [uplink2]
        portgroups:
          - { name: steady, vlan: 10 }
          - name: aside
            vlan: 20
            policy:
              macLearning: { enabled: false }
              # aside's policy
    """.split(separator: "\n").map(String.init)
}
