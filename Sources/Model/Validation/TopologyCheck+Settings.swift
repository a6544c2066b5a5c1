// Checks the settings of a switch as a whole: beacons, private VLANs, its uplink port group.

internal import Base
internal import Wire

extension TopologyCheck {
  func checkSettings(of hostSwitch: HostSwitch) {
    checkBeacon(hostSwitch)
    checkPrivateVLANs(of: hostSwitch)
    checkEffectivePolicies(hostSwitch)
    guard let group = hostSwitch.uplinkPortgroup else { return }
    let subject = "policy of uplink port group \(group.name.excerpt)"
    check(group.policy.filter ?? [], subject, at: group.policy.origin.location(of: "filter"))
    let others = group.policy.overrides.filter { ![.block, .filter].contains($0.kind) }
    for (_, key) in others {
      log.add(
        subject, "`\(key)` says nothing about an uplink", remedy: "remove it",
        at: group.policy.origin.location(of: key))
    }
  }

  /// A beacon must not be taken for a frame of somebody else.
  private func checkBeacon(_ hostSwitch: HostSwitch) {
    let type = EtherType(rawValue: hostSwitch.beacon.etherType)
    let taken: [EtherType] = [
      .ipv4, .ipv6, .arp, .rarp, .vlan, .serviceVLAN, EtherType(rawValue: 0x9100),
    ]
    let why: String
    if type.rawValue < 0x0600 {
      why = "the EtherType \(type) would be a length"
    } else if taken.contains(type) {
      why = "the EtherType \(type) belongs to other frames"
    } else {
      return
    }
    log.add(
      "beacon of \(hostSwitch.subject)", why,
      remedy: "write another, as 0x8922, or 0x88b5, which is free for experiments",
      at: hostSwitch.origin["beacon"].location(of: "etherType"))
  }
}
