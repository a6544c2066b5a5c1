// What the schema knows and this version of Martlet does not do yet.
//
// Such a key is refused with its own words: neither "unknown", which would send the reader looking
// for a slip of the keyboard, nor silence, which would let a policy seem to hold. A value that asks
// for nothing (`enabled: false`, an empty list) is accepted. This file is the whole list:
//
//   physicalSwitches   kind: ovs
//   distributedSwitches   privateVlans
//   portgroups   vlan: {pvlan: …}
//   policy   inShaping, outShaping, filter
//   policy.security   allowPromiscuous: true, macChanges: true
//   policy.teaming   policy: loadbalance_srcmac, loadbalance_ip, loadbalance_loadbased
//                    failureDetection: beaconProbing

internal import Base

enum Unavailable {
  static let physicalSwitchKinds = [PhysicalSwitch.Kind.ovs.rawValue]
  static let loadBalancing = ["loadbalance_srcmac", "loadbalance_ip", "loadbalance_loadbased"]
  static let failureDetection = ["beaconProbing"]
  static let shapingKeys = ["enabled", "averageBandwidth", "peakBandwidth", "burstSize"]
}

extension MistakeLog {
  /// Refuses something that a later version will do.
  func add(
    unavailable feature: String, _ subject: String, remedy: String = "remove it",
    at location: SourceLocation?
  ) {
    add(
      subject, "`\(feature)` is not available in this version of Martlet", remedy: remedy,
      at: location)
  }
}

extension MappingReader {
  /// Accepts `inShaping` or `outShaping` only when it is switched off.
  func refuseShaping(_ key: String) {
    guard let value = value(key) else { return }
    let shaping = MappingReader(
      value, subject: "\(key) in \(subject)", keys: Unavailable.shapingKeys, log: log)
    guard let entries = value.entries, !entries.isEmpty, shaping.bool("enabled") != false else {
      return
    }
    log.add(unavailable: key, subject, at: value.location)
  }

  /// Accepts a list only when it is empty.
  func refuseElements(_ key: String) {
    guard !list(key, limit: .max).isEmpty, let value = value(key) else { return }
    log.add(unavailable: key, subject, at: value.location)
  }
}

extension TopologyCheck {
  /// Refuses the settings that are representable and not available.
  func checkAvailability(_ policy: Policy, _ subject: String) {
    let security = policy.origin["security"]
    for (key, value) in [
      ("allowPromiscuous", policy.security.allowPromiscuous),
      ("macChanges", policy.security.macChanges),
    ] where value == true {
      log.add(
        unavailable: "\(key): true", subject, remedy: "remove it, or write `\(key): false`",
        at: security.location(of: key))
    }
  }

  func checkAvailability(_ physical: PhysicalSwitch, _ subject: String) {
    guard physical.kind == .ovs else { return }
    log.add(
      unavailable: "kind: ovs", subject, remedy: "use `kind: bridge`",
      at: physical.origin.location(of: "kind"))
  }
}
