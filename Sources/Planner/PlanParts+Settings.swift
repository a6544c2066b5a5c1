// What a switch says as a whole: multicast, beacons, private VLANs.

internal import Base
internal import Dataplane
internal import Model
internal import Protocols

extension PlanParts {
  /// Takes over the settings of a switch.
  mutating func addSettings(_ hostSwitch: HostSwitch, random: UInt64) {
    privateVLANs = hostSwitch.privateVlans.map { row in
      Dataplane.PrivateVLAN(.init(row.type), vlan: row.secondary, primary: row.primary)
    }
    beacons.identity = hostSwitch.beaconIdentity(random: random)
    // Apart from the identity, which every beacon tells.
    var mixer = SeededRandom(seed: random)
    ruleSeed = mixer.next()
    beacons.etherType = hostSwitch.beacon.etherType
    beacons.intervalNanoseconds = UInt64(hostSwitch.beacon.interval) * 1_000_000_000
    beacons.misses = UInt8(hostSwitch.beacon.misses)
    switch hostSwitch.multicastFiltering {
    case .basic: multicast = .basic
    case .snooping: multicast = .snooping
    }
    let declared = hostSwitch.multicastSnooping
    snooping.isQuerier = declared.querier
    snooping.queryIntervalSeconds = UInt32(declared.queryInterval)
    snooping.robustness = UInt8(declared.robustness)
    snooping.igmpVersion = declared.igmpVersion
    snooping.mldVersion = declared.mldVersion
  }
}

extension Dataplane.PrivateVLAN.Kind {
  fileprivate init(_ declared: Model.PrivateVLAN.Kind) {
    switch declared {
    case .promiscuous: self = .promiscuous
    case .community: self = .community
    case .isolated: self = .isolated
    }
  }
}
