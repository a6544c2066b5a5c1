// Checks virtual switches: their uplinks, members, port groups and policies.

internal import Base

extension TopologyCheck {
  func check(_ declared: DistributedSwitch) {
    let subject = "distributed switch \(declared.name.excerpt)"
    check(
      declared.mtu, in: DistributedSwitch.mtuRange, subject,
      at: declared.origin.location(of: "mtu"))
    checkUplinks(declared.uplinks, subject, declared.origin) { name, location in
      check(name, .label, subject, at: location)
    }
    var members: Set<String> = []
    for member in declared.hosts {
      let location = member.origin.location(of: "name")
      let subject = "host \(member.host.excerpt) of \(subject)"
      check(member.host, isOneOf: hosts, "host", subject, at: location)
      if !member.host.isEmpty, !members.insert(member.host).inserted {
        log.add(subject, "is listed twice", remedy: "remove one of the two", at: location)
      }
      check(member, of: declared, subject)
    }
    let uplinks = KnownNames(declared.uplinks, declaredIn: declared.origin, "uplinks")
    check(declared.policy, uplinks: uplinks, "policy of \(subject)")
    check(declared.portgroups, uplinks: uplinks, beside: declared.uplinkPortgroup)
    checkSettings(of: HostSwitch(declared, at: .init(host: "")))
  }

  private func check(
    _ member: DistributedSwitch.Member, of declared: DistributedSwitch, _ subject: String
  ) {
    check(
      member.attachment, mtu: declared.mtu, subject, at: member.origin.location(of: "attachment"))
    let bindings = member.origin["uplinks"]
    let uplinks = KnownNames(declared.uplinks, declaredIn: declared.origin, "uplinks")
    let nics = nics(ofHost: member.host)
    var seen: Set<String> = []
    for binding in member.uplinks {
      check(
        binding.uplink, isOneOf: uplinks, "uplink", subject,
        at: bindings.keyLocation(of: binding.uplink))
      if let nics {
        check(
          binding.nic, isOneOf: nics, "nic", subject, at: bindings.location(of: binding.uplink))
      }
      if !seen.insert(binding.uplink).inserted {
        log.add(
          subject, "uplink `\(binding.uplink.excerpt)` is filled twice",
          remedy: "remove one of the two", at: bindings.location)
      }
    }
  }

  func check(_ declared: StandardSwitch) {
    let subject = "standard switch \(declared.name.excerpt)"
    check(
      declared.mtu, in: StandardSwitch.mtuRange, subject, at: declared.origin.location(of: "mtu"))
    check(
      declared.host, isOneOf: hosts, "host", subject,
      at: declared.origin.location(of: "host"))
    check(
      declared.attachment, mtu: declared.mtu, subject,
      at: declared.origin.location(of: "attachment"))
    let nics = nics(ofHost: declared.host)
    checkUplinks(declared.uplinks, subject, declared.origin) { name, location in
      if let nics { check(name, isOneOf: nics, "nic", subject, at: location) }
    }
    let uplinks = KnownNames(declared.uplinks, declaredIn: declared.origin, "uplinks")
    check(declared.policy, uplinks: uplinks, "policy of \(subject)")
    check(declared.portgroups, uplinks: uplinks, beside: declared.uplinkPortgroup)
    checkSettings(of: HostSwitch(declared))
  }

  private func check(
    _ attachment: UplinkAttachment, mtu: Int, _ subject: String, at location: SourceLocation?
  ) {
    let limit = UplinkAttachment.largestXDPMTU
    guard attachment == .xdp, mtu > limit else { return }
    log.add(
      subject, "`attachment: xdp` carries frames for an MTU of at most \(limit), not \(mtu)",
      remedy: "write `attachment: packet`, or a smaller `mtu`", at: location)
  }

  private func nics(ofHost name: String) -> KnownNames? {
    topology.host(named: name).map { host in
      KnownNames(host.nics.map(\.name), declaredIn: host.origin, "nics")
    }
  }

  private func check(
    _ mtu: Int, in range: ClosedRange<Int>, _ subject: String, at location: SourceLocation?
  ) {
    guard !range.contains(mtu) else { return }
    log.add(
      subject, "`mtu` is \(mtu), which is out of range",
      remedy: "write a number from \(range.lowerBound) to \(range.upperBound)", at: location)
  }

  private func checkUplinks(
    _ uplinks: [String], _ subject: String, _ origin: Origin,
    _ checkName: (String, SourceLocation?) -> Void
  ) {
    var seen: Set<String> = []
    for (index, name) in uplinks.enumerated() {
      let location = origin.location(of: "uplinks", index)
      checkName(name, location)
      if !name.isEmpty, !seen.insert(name).inserted {
        log.add(
          subject, "uplink `\(name.excerpt)` is listed twice", remedy: "remove one of the two",
          at: location)
      }
      if index == TopologyLimit.uplinksOfASwitch {
        log.add(
          subject, "there are \(uplinks.count) uplinks",
          remedy: "keep at most \(TopologyLimit.uplinksOfASwitch)", at: location)
      }
    }
  }

  private func check(
    _ portgroups: [PortGroup], uplinks: KnownNames, beside uplinkPortgroup: UplinkPortGroup?
  ) {
    var names = UniqueNames(log: log)
    if let group = uplinkPortgroup {
      names.add(
        group.name, "uplink port group \(group.name.excerpt)", .label, group.origin, self)
    }
    for portgroup in portgroups {
      let subject = "port group \(portgroup.name.excerpt)"
      names.add(portgroup.name, subject, .label, portgroup.origin, self)
      checkAllocation(of: portgroup, subject)
      check(portgroup.policy, uplinks: uplinks, "policy of \(subject)")
    }
  }

  /// Checks what one level of policy says by itself.
  func check(_ policy: Policy, uplinks: KnownNames, _ subject: String) {
    check(policy.filter ?? [], subject, at: policy.origin.location(of: "filter"))
    let teaming = policy.origin["teaming"]
    let active = policy.teaming.activeUplinks ?? []
    let lists = [
      ("activeUplinks", active), ("standbyUplinks", policy.teaming.standbyUplinks ?? []),
    ]
    for (key, names) in lists {
      var seen: Set<String> = []
      for (index, name) in names.enumerated() {
        let location = teaming.location(of: key, index)
        check(name, isOneOf: uplinks, "uplink", subject, at: location)
        if name.isEmpty { continue }
        if !seen.insert(name).inserted {
          log.add(
            subject, "uplink `\(name.excerpt)` is listed twice in `\(key)`",
            remedy: "remove one of the two", at: location)
        } else if key == "standbyUplinks", active.contains(name) {
          log.add(
            subject, "uplink `\(name.excerpt)` is both active and standby",
            remedy: "remove it from one of the two lists", at: location)
        }
      }
    }
    if policy.teaming.activeUplinks == nil, policy.teaming.standbyUplinks != nil {
      log.add(
        subject, "`standbyUplinks` is set without `activeUplinks`; the two are one order",
        remedy: "add `activeUplinks` beside it, which may be `[]`",
        at: teaming.location(of: "standbyUplinks"))
    }
  }

  /// A nic fills one uplink of one switch.
  func checkNICsUsedOnce() {
    var users: [String: (subject: String, location: SourceLocation?)] = [:]
    func use(_ nic: String, of host: String, _ subject: String, at location: SourceLocation?) {
      guard !nic.isEmpty, let user = users["\(host)/\(nic)"] else {
        users["\(host)/\(nic)"] = (subject, location)
        return
      }
      let place = user.location.map { " on line \($0.line)" } ?? ""
      log.add(
        subject,
        "nic `\(nic.excerpt)` of host \(host.excerpt) is already used by \(user.subject)\(place)",
        remedy: "give each uplink a nic of its own", at: location)
    }
    for declared in topology.distributedSwitches {
      for member in declared.hosts {
        for binding in member.uplinks {
          use(
            binding.nic, of: member.host,
            "uplink \(binding.uplink.excerpt) of distributed switch \(declared.name.excerpt)",
            at: member.origin["uplinks"].location(of: binding.uplink))
        }
      }
    }
    for declared in topology.standardSwitches {
      for (index, nic) in declared.uplinks.enumerated()
      where !declared.uplinks[..<index].contains(nic) {
        use(
          nic, of: declared.host, "standard switch \(declared.name.excerpt)",
          at: declared.origin.location(of: "uplinks", index))
      }
    }
  }
}
