// Everything that a plan is made of, in arrays: kept, so that a plan can be made again.

package import Dataplane
package import FrameMemory
package import Protocols
package import Tables
package import Wire

/// What `SwitchPlan` is made from.
package struct PlanParts: Sendable {
  package var mtu: Int
  package var ports: [PortPlan] = []
  package var teams: [TeamPlan] = []
  package var vlanSets: [VLANSet] = []
  package var uplinks: [PortIndex] = []
  package var addresses: [IPAddress] = []
  package var privateVLANs: [PrivateVLAN] = []
  package var beaconDomains: [BeaconDomain] = []
  package var beacons = BeaconSettings()
  package var multicast = MulticastFiltering.basic
  package var snooping = GroupMembershipSettings()
  package var loadIntervalSeconds: UInt32 = 30
  /// Each different one once.
  package var ruleSets: [[FilterRule]] = []
  /// For the hashes of the rules; never sent anywhere.
  package var ruleSeed: UInt64 = 0
  package var shapes: [TrafficShape] = []

  func makePlan(revision: UInt64) -> SwitchPlan {
    SwitchPlan(
      revision: revision, mtu: mtu, ports: ports, teams: teams, vlanSets: vlanSets,
      uplinks: uplinks, addresses: addresses, privateVLANs: privateVLANs,
      beaconDomains: beaconDomains, beacons: beacons, multicast: multicast, snooping: snooping,
      loadIntervalSeconds: loadIntervalSeconds, ruleSets: ruleSets, ruleSeed: ruleSeed,
      shapes: shapes)
  }
}
