// The teams of a plan in the making, and where they probe their uplinks with beacons.

internal import Base
internal import Dataplane
internal import Model

struct TeamDraft {
  /// What makes two teams the same.
  private struct Key: Hashable {
    var policy: TeamPlan.Policy
    var active: [UInt8]
    var standby: [UInt8]
    var failsBack: Bool
    var loadThresholdPercent: Int
    /// Where it sends beacons; nil without.
    var beaconVLAN: UInt16?

    var members: UInt32 { (active + standby).reduce(0) { $0 | 1 << UInt32($1) } }
  }

  private let positions: [String: UInt8]
  private var pool = ValuePool<Key>()
  private var shortestInterval: Int?

  /// Uplinks without a nic on this host cannot carry frames here, so they are in no team here.
  init(_ uplinks: [UplinkBinding]) {
    positions = Dictionary(
      uniqueKeysWithValues: uplinks.enumerated().map { ($0.element.uplink, UInt8($0.offset)) })
  }

  /// How often load is looked at: the shortest interval that a team asks for.
  var loadIntervalSeconds: UInt32 {
    UInt32(shortestInterval ?? TeamingPolicy.loadIntervalDefault)
  }

  /// The number of a team whose ports are in a VLAN: the lowest of a trunk, the primary of a private VLAN.
  mutating func add(_ teaming: EffectivePolicy.Teaming, vlan: UInt16) -> Int {
    let policy = TeamPlan.Policy(teaming.policy.value)
    let isLoadBased = policy == .physicalLoad
    if isLoadBased {
      let interval = teaming.loadInterval.value
      shortestInterval = min(shortestInterval ?? interval, interval)
    }
    return pool.number(
      of: Key(
        policy: policy, active: teaming.activeUplinks.value.compactMap { positions[$0] },
        standby: teaming.standbyUplinks.value.compactMap { positions[$0] },
        failsBack: teaming.failback.value,
        loadThresholdPercent: isLoadBased ? teaming.loadThresholdPercent.value : 75,
        beaconVLAN: teaming.failureDetection.value == .beaconProbing ? vlan : nil))
  }

  /// A domain for each VLAN in which teams probe, with the uplinks of all of them.
  ///
  /// Where only one of them has a nic on this host there is nothing to compare it with, and its link
  /// alone counts.
  func domains(on host: String) throws(DraftError) -> [BeaconDomain] {
    var members: [UInt16: UInt32] = [:]
    for team in pool.values {
      if let vlan = team.beaconVLAN { members[vlan, default: 0] |= team.members }
    }
    let domains = members.filter { $0.value.nonzeroBitCount > 1 }.sorted { $0.key < $1.key }
    guard domains.count <= SwitchLimits.beaconDomains else {
      throw DraftError(
        why: "its teams on host \(host) probe with beacons in \(domains.count) VLANs; a switch "
          + "probes in \(SwitchLimits.beaconDomains)",
        remedy: "write `failureDetection: linkStatus` for some of its port groups")
    }
    return domains.map { BeaconDomain(members: $0.value, vlan: $0.key) }
  }

  func plans(_ domains: [BeaconDomain]) -> [TeamPlan] {
    pool.values.map { team in
      let domain = team.beaconVLAN.flatMap { vlan in domains.firstIndex { $0.vlan == vlan } }
      var plan = TeamPlan(
        policy: team.policy, active: team.active, standby: team.standby,
        failsBack: team.failsBack, beaconDomain: domain.map { UInt8($0) })
      plan.loadThresholdPercent = UInt8(team.loadThresholdPercent)
      return plan
    }
  }
}

extension TeamPlan.Policy {
  fileprivate init(_ declared: LoadBalancing) {
    switch declared {
    case .portID: self = .originatingPortID
    case .sourceMAC: self = .sourceMAC
    case .ipHash: self = .ipHash
    case .physicalLoad: self = .physicalLoad
    case .explicitOrder: self = .explicitFailover
    }
  }
}
