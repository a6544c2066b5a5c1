// The network of `martlet-bench shaping`: one shaped VM, and others beside and beyond it that are not.

internal import Base

/// The numbers of a shaper, as a topology file has them.
struct ShapingNumbers {
  var averageBitsPerSecond: Int
  var peakBitsPerSecond: Int
  var burstBytes: Int

  /// How long a full bucket lasts, by vSphere's definition.
  var burstSeconds: Double {
    Double(burstBytes * 8) / Double(peakBitsPerSecond - averageBitsPerSecond)
  }

  var yaml: String {
    "{ enabled: true, averageBandwidth: \(averageBitsPerSecond), "
      + "peakBandwidth: \(peakBitsPerSecond), burstSize: \(burstBytes) }"
  }
}

enum ShapingTopology {
  static let shaped = "10.0.10.1"
  static let near = "10.0.10.2"
  static let far = "10.0.10.3"
  static let neighbour = "10.0.10.5"

  /// - `inward` and `outward` (into and out of the switch) apply to the VM `shaped` alone.
  static func text(inward: ShapingNumbers? = nil, outward: ShapingNumbers? = nil) -> String {
    let policy = [inward.map { "inShaping: \($0.yaml)" }, outward.map { "outShaping: \($0.yaml)" }]
      .compactMap(\.self).joined(separator: ", ")
    return """
      apiVersion: martlet/v1
      kind: Topology
      name: shaping
      physicalSwitches:
        - { name: tor1 }
      hosts:
        - { name: host1, nics: { vmnic0: tor1 } }
        - { name: host2, nics: { vmnic0: tor1 } }
      distributedSwitches:
        - name: dvs1
          uplinks: [uplink1]
          hosts:
            - { name: host1, uplinks: { uplink1: vmnic0 } }
            - { name: host2, uplinks: { uplink1: vmnic0 } }
          portgroups:
            - { name: shaped, vlan: 10, policy: { \(policy) } }
            - { name: plain, vlan: 10 }
      vms:
        - { name: shaped, host: host1, nics: [{ portgroup: shaped, addresses: [\(shaped)/24] }] }
        - { name: near, host: host1, nics: [{ portgroup: plain, addresses: [\(near)/24] }] }
        - { name: far, host: host2, nics: [{ portgroup: plain, addresses: [\(far)/24] }] }
        - { name: pair1, host: host1, nics: [{ portgroup: plain, addresses: [10.0.10.4/24] }] }
        - { name: pair2, host: host1, nics: [{ portgroup: plain, addresses: [\(neighbour)/24] }] }

      """
  }
}
