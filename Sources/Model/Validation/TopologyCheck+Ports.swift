// Checks ports: how a port group gives them out, and what each says for itself.

internal import Base

/// The ports that were given out while the nics are gone through in order.
struct PortUse {
  /// By switch and port group, and the host of a standard switch.
  private var counts: [[String]: Int] = [:]
  private var claimed: Set<[String]> = []

  /// Counts a nic; gives how many the port group has now.
  ///
  /// Who claims a port that is claimed already becomes a conflict port when the switch runs, which
  /// is not a port of the port group.
  mutating func add(_ nic: VirtualMachine.NIC, to reference: PortGroupReference) -> Int {
    let item = reference.hostSwitch
    let owner = [item.kind == .standard ? item.host : "", item.name]
    let group = owner + [reference.portgroup.name]
    if let id = nic.port?.id, !claimed.insert(owner + ["\(id)"]).inserted {
      return 0
    }
    counts[group, default: 0] += 1
    return counts[group] ?? 0
  }
}

extension TopologyCheck {
  /// Checks how a port group gives out its ports.
  func checkAllocation(of portgroup: PortGroup, _ subject: String) {
    guard portgroup.binding == .ephemeral else {
      if !PortGroup.portsRange.contains(portgroup.numPorts) {
        log.add(
          subject, "`numPorts` is \(portgroup.numPorts), which is out of range",
          remedy: "write a number from 1 to \(PortGroup.portsRange.upperBound)",
          at: portgroup.origin.location(of: "numPorts"))
      }
      return
    }
    let node = portgroup.origin.node
    for (key, isSaid) in [
      ("numPorts", portgroup.numPorts != PortGroup.portsDefault || node?["numPorts"] != nil),
      ("allocation", portgroup.allocation != .elastic || node?["allocation"] != nil),
    ] where isSaid {
      log.add(
        subject, "`\(key)` is set, but ephemeral ports come and go with their nics",
        remedy: "remove it, or write `binding: static`", at: portgroup.origin.location(of: key))
    }
  }

  /// Checks the port of a nic that is in a port group.
  func checkPort(
    of nic: VirtualMachine.NIC, in reference: PortGroupReference, _ subject: String,
    _ use: inout PortUse
  ) {
    let portgroup = reference.portgroup
    let count = use.add(nic, to: reference)
    if portgroup.binding == .static, portgroup.allocation == .fixed, count > portgroup.numPorts {
      log.add(
        subject,
        "port group \(portgroup.name.excerpt) has \(portgroup.numPorts) fixed ports, and other nics "
          + "have them",
        remedy: "raise its `numPorts`, or write `allocation: elastic`",
        at: nic.origin.location(of: "portgroup"))
    }
    if nic.qmpNic != nil, nic.qmp == nil {
      log.add(
        subject, "`qmpNic` is set without `qmp`", remedy: "add `qmp: …`, the socket of the guest",
        at: nic.origin.location(of: "qmpNic"))
    }
    guard let port = nic.port else { return }
    checkOverrides(port, of: portgroup, subject)
    if let vlan = port.vlan {
      checkVLAN(vlan, of: port, on: reference.hostSwitch, "port of \(subject)")
    }
    guard !port.policy.isEmpty || port.vlan != nil else { return }
    let policySubject = "policy of port of \(subject)"
    check(port.policy, uplinks: uplinks(of: reference.hostSwitch), policySubject)
    let writers = PolicyWriters(
      hostSwitch: reference.hostSwitch, portgroup: portgroup, port: (port, "port of \(subject)"))
    checkContradictions(writers)
    if !writers.effective.vlan.value.isTrunk {
      checkTagsAreSeen(port.policy.filter ?? [], policySubject)
    }
  }

  private func uplinks(of hostSwitch: HostSwitch) -> KnownNames {
    KnownNames(hostSwitch.uplinkNames, declaredIn: hostSwitch.origin, "uplinks")
  }

  private func checkOverrides(_ port: PortSettings, of portgroup: PortGroup, _ subject: String) {
    func refuse(_ kind: PolicyOverride, _ key: String, at location: SourceLocation?) {
      guard !portgroup.allowOverride.contains(kind) else { return }
      log.add(
        "port of \(subject)",
        "port group \(portgroup.name.excerpt) does not let its ports set `\(key)`",
        remedy: "add `\(kind.rawValue)` to its `allowOverride`, or remove `\(key)` here",
        at: location)
    }
    if port.vlan != nil { refuse(.vlan, "vlan", at: port.origin.keyLocation(of: "vlan")) }
    for (kind, key) in port.policy.overrides {
      refuse(kind, key, at: port.policy.origin.keyLocation(of: key))
    }
  }

  /// The VLAN of a port, of which reading did not know the kind of switch.
  private func checkVLAN(
    _ vlan: VLANSetting, of port: PortSettings, on hostSwitch: HostSwitch, _ subject: String
  ) {
    let location = port.origin.location(of: "vlan")
    if hostSwitch.kind == .distributed, port.origin.node?["vlan"]?.scalar?.text == "4095" {
      log.add(
        subject, "a distributed switch has no VLAN 4095",
        remedy: "write `vlan: {trunk: [0-4094]}` to pass every VLAN to the VM", at: location)
    } else if hostSwitch.kind == .standard, case .trunk(let ranges) = vlan, ranges != .all {
      log.add(
        subject, "a standard switch has no trunk ranges",
        remedy: "write `vlan: 4095` to pass every VLAN to the VM, or use a distributed switch",
        at: location)
    }
    checkVLAN(vlan, on: hostSwitch, subject, at: port.origin["vlan"].location(of: "pvlan"))
  }
}
