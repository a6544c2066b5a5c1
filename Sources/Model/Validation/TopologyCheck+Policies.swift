// Checks what the levels of a policy say together. A contradiction is judged on what holds in the end,
// and told at the line nearest to the port, because the others may be right for other ports.

internal import Base

/// Who wrote the policies of a port or port group, with the words for each.
struct PolicyWriters {
  let hostSwitch: HostSwitch
  let portgroup: PortGroup
  /// A port that says something for itself, and its words.
  var port: (settings: PortSettings, subject: String)?

  /// A field that has a part in a contradiction.
  typealias Field = (source: PolicySource, family: String, key: String)

  var effective: EffectivePolicy {
    hostSwitch.effectivePolicy(of: portgroup, port: port?.settings)
  }

  /// The policy of a level and its words; nothing for the defaults.
  private func level(_ source: PolicySource) -> (policy: Policy, subject: String)? {
    switch source {
    case .default: nil
    case .switch: (hostSwitch.policy, "policy of \(hostSwitch.subject)")
    case .portgroup: (portgroup.policy, "policy of port group \(portgroup.name.excerpt)")
    case .port: port.map { ($0.settings.policy, "policy of \($0.subject)") }
    }
  }

  /// Tells a contradiction at the field nearest to the port; of several, at the first.
  func tell(_ fields: [Field], _ why: String, remedy: String, _ log: MistakeLog) {
    let order: [PolicySource] = [.port, .portgroup, .switch]
    for source in order {
      guard let field = fields.first(where: { $0.source == source }), let level = level(source)
      else { continue }
      log.add(
        level.subject, why, remedy: remedy,
        at: level.policy.origin[field.family].location(of: field.key))
      return
    }
  }
}

extension HostSwitch {
  /// What messages call it.
  var subject: String { "\(kind.rawValue) switch \(name.excerpt)" }
}

extension TopologyCheck {
  /// Checks the effective policies of the port groups of a switch.
  func checkEffectivePolicies(_ hostSwitch: HostSwitch) {
    // Without port groups the switch's own policy is all there is to judge.
    let groups = hostSwitch.portgroups.isEmpty ? [PortGroup(name: "")] : hostSwitch.portgroups
    for portgroup in groups {
      checkContradictions(PolicyWriters(hostSwitch: hostSwitch, portgroup: portgroup))
    }
    let mayHaveTags = hostSwitch.portgroups.contains { group in
      group.vlan.isTrunk || group.allowOverride.contains(.vlan)
    }
    if !mayHaveTags, !hostSwitch.portgroups.isEmpty {
      checkTagsAreSeen(hostSwitch.policy.filter ?? [], "policy of \(hostSwitch.subject)")
    }
    for portgroup in hostSwitch.portgroups
    where !portgroup.vlan.isTrunk && !portgroup.allowOverride.contains(.vlan) {
      checkTagsAreSeen(
        portgroup.policy.filter ?? [], "policy of port group \(portgroup.name.excerpt)")
    }
  }

  /// Checks the effective policy of one port group, or of one port.
  func checkContradictions(_ writers: PolicyWriters) {
    let policy = writers.effective
    checkTeam(policy.teaming, writers)
    checkShaping(policy.inShaping, "inShaping", writers)
    checkShaping(policy.outShaping, "outShaping", writers)
    if policy.macLearning.enabled.value, !policy.security.forgedTransmits.value {
      writers.tell(
        [
          (policy.macLearning.enabled.source, "macLearning", "enabled"),
          (policy.security.forgedTransmits.source, "security", "forgedTransmits"),
        ],
        "MAC learning never sees a frame to learn from, because forged transmits are rejected",
        remedy: "write `security: { forgedTransmits: true }`, or switch learning off", log)
    }
  }

  private func checkTeam(_ team: EffectivePolicy.Teaming, _ writers: PolicyWriters) {
    let policy = (team.policy.source, "teaming", "policy")
    let detection = (team.failureDetection.source, "teaming", "failureDetection")
    if team.policy.value == .ipHash, !team.standbyUplinks.value.isEmpty {
      writers.tell(
        [(team.standbyUplinks.source, "teaming", "standbyUplinks"), policy],
        "`loadbalance_ip` allows no standby uplinks: every uplink is part of one channel",
        remedy: "make all uplinks active, or choose another `policy`", log)
    }
    guard team.failureDetection.value == .beaconProbing else { return }
    if team.policy.value == .ipHash {
      writers.tell(
        [detection, policy],
        "`loadbalance_ip` allows no beacon probing: a channel hides which uplink a beacon took",
        remedy: "write `failureDetection: linkStatus`, or choose another `policy`", log)
    }
    let count = Set(team.activeUplinks.value + team.standbyUplinks.value).count
    guard count < 2 else { return }
    let uplinks = count == 1 ? "one uplink" : "no uplink"
    writers.tell(
      [detection, (team.activeUplinks.source, "teaming", "activeUplinks")],
      "`beaconProbing` compares uplinks, and the team has \(uplinks)",
      remedy: "give the team at least 2 uplinks, better 3, or write `failureDetection: linkStatus`",
      log)
  }

  private func checkShaping(
    _ shaping: EffectivePolicy.Shaping, _ family: String, _ writers: PolicyWriters
  ) {
    let (average, peak) = (shaping.averageBandwidth, shaping.peakBandwidth)
    guard peak.value < average.value else { return }
    writers.tell(
      [(peak.source, family, "peakBandwidth"), (average.source, family, "averageBandwidth")],
      "the peak of `\(family)`, \(peak.value) bit/s, is below the average, "
        + "\(average.value) bit/s",
      remedy: "raise `peakBandwidth`, or lower `averageBandwidth`", log)
  }
}

extension VLANSetting {
  /// Frames keep their tags on the port.
  var isTrunk: Bool {
    if case .trunk = self { return true }
    return false
  }
}
