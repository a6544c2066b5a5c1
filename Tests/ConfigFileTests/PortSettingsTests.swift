// What a port says for itself, against its port group and its switch: contradictions are told at the
// line nearest to the port, and only what the port group allows may be said.

import ConfigFile
import Model
import Testing

@Suite struct PortSettingsTests {
  /// A switch on line 6, its port group on line 8, and the port of a nic on line 13.
  private func file(switch item: String, portgroup: String, port: String) -> String {
    """
    apiVersion: martlet/v1
    kind: Topology
    name: ports
    hosts: [{ name: h }]
    distributedSwitches:
      - { name: d, uplinks: [a, b, c], hosts: [{ name: h }], \(item)
          portgroups: [{ name: p,
            \(portgroup) }] }
    vms:
      - name: v
        host: h
        nics: [{ portgroup: p, port: {
          \(port) } }]

    """
  }

  private static let all =
    "allowOverride: [block, vlan, security, macLearning, shaping, teaming, filter]"

  @Test(arguments: [
    // Each of the two fields at another level, and the port the nearest.
    (
      "", "", "policy: { inShaping: { averageBandwidth: 101M, peakBandwidth: 100M } }",
      "13:69: policy of port of nic 1 of VM v: the peak of `inShaping`, 100000000 bit/s"
    ),
    (
      "policy: { teaming: { policy: loadbalance_ip } },", "",
      "policy: { teaming: { activeUplinks: [a], standbyUplinks: [b] } }",
      "13:64: policy of port of nic 1 of VM v: `loadbalance_ip` allows no standby uplinks"
    ),
    (
      "", "policy: { teaming: { activeUplinks: [a], standbyUplinks: [b] } }",
      "policy: { teaming: { policy: loadbalance_ip } }",
      "13:36: policy of port of nic 1 of VM v: `loadbalance_ip` allows no standby uplinks"
    ),
    (
      "policy: { security: { forgedTransmits: true } },",
      "policy: { macLearning: { enabled: true } }",
      "policy: { security: { forgedTransmits: false } }",
      "13:46: policy of port of nic 1 of VM v: MAC learning never sees a frame"
    ),
    (
      "policy: { teaming: { failureDetection: beaconProbing } },", "",
      "policy: { teaming: { activeUplinks: [c] } }",
      "13:43: policy of port of nic 1 of VM v: `beaconProbing` compares uplinks, and the team has one"
    ),
    // What the port does not touch is not told again at the port.
    (
      "policy: { macLearning: { enabled: true } },", "", "policy: { blocked: true }",
      "6:92: policy of distributed switch d: MAC learning never sees a frame"
    ),
    (
      "", "", "policy: { teaming: { activeUplinks: [d] } }",
      "13:44: policy of port of nic 1 of VM v: unknown uplink `d`"
    ),
    (
      "", "", "policy: { filter: [{ name: x, vlan: 3, action: drop }] }",
      "13:43: rule x in policy of port of nic 1 of VM v: `vlan` never matches here"
    ),
    ("", "", "vlan: 4095", "13:13: port of nic 1 of VM v: a distributed switch has no VLAN 4095"),
    (
      "", "", "vlan: {pvlan: 7}",
      "13:21: port of nic 1 of VM v: distributed switch d has no private"
    ),
  ])
  func isToldNearestToThePort(
    _ item: String, _ portgroup: String, _ port: String, _ expected: String
  ) {
    let group = portgroup.isEmpty ? Self.all : "\(Self.all), \(portgroup)"
    let told = messages(file(switch: item, portgroup: group, port: port))
    #expect(told.count == 1 && told.first?.hasPrefix(expected) == true, "\(told)")
  }

  @Test(arguments: [
    "vlan: {trunk: [1-9]}, policy: { filter: [{ name: x, vlan: 3, action: drop }] }",
    "policy: { teaming: { policy: loadbalance_srcmac, activeUplinks: [c] } }",
    "policy: { macLearning: { enabled: true }, security: { forgedTransmits: true } }",
    "id: 999999, policy: { blocked: true, outShaping: { enabled: true } }", "",
  ])
  func isAccepted(_ port: String) throws {
    let text = file(switch: "", portgroup: Self.all, port: port)
    #expect(messages(text) == [])
    let topology = try TopologyFile.parse(text: text, file: "f")
    let again = try TopologyFile.parse(text: YAMLWriter.text(topology.value), file: "f")
    #expect(again == topology && again.vms[0].nics[0].port != nil)
  }

  /// Each kind of override opens exactly its own keys.
  @Test(arguments: PolicyOverride.allCases) func opensItsOwnKeys(_ kind: PolicyOverride) {
    let keys: [(PolicyOverride, String)] = [
      (.block, "policy: { blocked: false }"), (.vlan, "vlan: 0"),
      (.security, "policy: { security: { macChanges: false } }"),
      (.macLearning, "policy: { macLearning: { limit: 7 } }"),
      (.shaping, "policy: { inShaping: { enabled: false } }"),
      (.shaping, "policy: { outShaping: { burstSize: 1MB } }"),
      (.teaming, "policy: { teaming: { failback: false } }"), (.filter, "policy: { filter: [] }"),
    ]
    for (wanted, text) in keys {
      let told = messages(
        file(switch: "", portgroup: "allowOverride: [\(kind.rawValue)]", port: text))
      #expect(told.count == (wanted == kind ? 0 : 1), "\(text): \(told)")
      #expect(wanted == kind || told.first?.contains("does not let its ports set") == true)
    }
  }

  @Test func aStandardSwitchHasNoTrunkRangesForPorts() {
    func told(_ vlan: String) -> [String] {
      messages(
        """
        apiVersion: martlet/v1
        kind: Topology
        name: ports
        hosts: [{ name: h }]
        standardSwitches:
          - { host: h, name: s, portgroups: [{ name: p, allowOverride: [vlan] }] }
        vms: [{ name: v, host: h, nics: [{ portgroup: p, port: { vlan: \(vlan) } }] }]

        """)
    }
    #expect(told("4095") == [])
    #expect(told("{trunk: [0-4094]}") == [])
    #expect(told("{trunk: [1-9]}").first?.contains("no trunk ranges") == true)
  }

  /// The second nic that claims a port is a conflict port, which takes no port of the port group.
  @Test func aConflictPortTakesNoPort() {
    func told(_ ids: [Int?]) -> [String] {
      let nics = ids.map { id in "{ portgroup: p\(id.map { ", port: { id: \($0) }" } ?? "") }" }
      return messages(
        """
        apiVersion: martlet/v1
        kind: Topology
        name: ports
        hosts: [{ name: h }]
        distributedSwitches:
          - { name: d, hosts: [{ name: h }],
              portgroups: [{ name: p, allocation: fixed, numPorts: 2 }] }
        vms: [{ name: v, host: h, nics: [\(nics.joined(separator: ", "))] }]

        """)
    }
    #expect(told([7, 7, nil]) == [])
    #expect(told([7, 8, 7, 8]) == [])
    #expect(told([nil, nil]) == [])
    #expect(told([7, nil, 8]).first?.contains("nic 3 of VM v: port group p has 2 fixed") == true)
  }
}
