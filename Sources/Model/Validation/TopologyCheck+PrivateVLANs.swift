// Checks the map of private VLANs of a switch, and the VLANs of its port groups against the map.

internal import Base

extension TopologyCheck {
  func checkPrivateVLANs(of hostSwitch: HostSwitch) {
    checkMap(hostSwitch)
    for portgroup in hostSwitch.portgroups {
      checkVLAN(
        portgroup.vlan, on: hostSwitch, "port group \(portgroup.name.excerpt)",
        at: portgroup.origin["vlan"].location(of: "pvlan"))
    }
  }

  private func checkMap(_ hostSwitch: HostSwitch) {
    let rows = hostSwitch.privateVlans
    let primaries = Set(rows.filter { $0.type == .promiscuous }.map(\.primary))
    var users: [UInt16: SourceLocation?] = [:]
    var isolated: [UInt16: PrivateVLAN] = [:]
    for row in rows {
      let subject = "private VLAN \(row.secondary) of \(hostSwitch.subject)"
      func tell(_ why: String, _ remedy: String, at key: String) {
        log.add(subject, why, remedy: remedy, at: row.origin.location(of: key))
      }
      // What a file says out of range was told when it was read.
      if row.origin.node != nil, row.primary == 0 || row.secondary == 0 { continue }
      for (key, vlan) in [("primary", row.primary), ("secondary", row.secondary)]
      where !(1...VLANRanges.highest).contains(vlan) {
        tell("`\(key)` is \(vlan), which is out of range", "write a number from 1 to 4094", at: key)
      }
      if row.type == .promiscuous, row.primary != row.secondary {
        tell(
          "the promiscuous VLAN of \(row.primary) is \(row.primary) itself",
          "write `secondary: \(row.primary)`, or another `type`", at: "secondary")
        continue
      }
      if row.type != .promiscuous, row.primary == row.secondary {
        tell(
          "a VLAN that is its own primary is promiscuous",
          "write `type: promiscuous`, or another "
            + "`secondary`", at: "type")
        continue
      }
      if let earlier = users.updateValue(
        row.origin.location(of: "secondary"), forKey: row.secondary)
      {
        let place = earlier.map { " on line \($0.line)" } ?? ""
        tell(
          "VLAN \(row.secondary) is already in the map\(place)",
          "give each row a VLAN of its own", at: "secondary")
      } else if row.type != .promiscuous, primaries.contains(row.secondary) {
        tell(
          "VLAN \(row.secondary) is a primary VLAN", "write a VLAN that is not in the map yet",
          at: "secondary")
      }
      guard row.type != .promiscuous else { continue }
      if !primaries.contains(row.primary) {
        tell(
          "its primary VLAN \(row.primary) has no row",
          "add `{ primary: \(row.primary), secondary: \(row.primary), type: promiscuous }`",
          at: "primary")
      }
      guard row.type == .isolated, let other = isolated.updateValue(row, forKey: row.primary) else {
        continue
      }
      tell(
        "VLAN \(row.primary) already has the isolated VLAN \(other.secondary)",
        "put its ports there, or write `type: community`", at: "type")
    }
  }

  /// Checks a VLAN of a port group or port against the map of its switch.
  func checkVLAN(
    _ vlan: VLANSetting, on hostSwitch: HostSwitch, _ subject: String, at location: SourceLocation?
  ) {
    switch vlan {
    case .none, .trunk: break
    case .access(let id):
      guard let row = hostSwitch.settings.privateVLAN(id), row.type != .promiscuous else { break }
      log.add(
        subject,
        "VLAN \(id) is a secondary private VLAN of \(row.primary): a plain port in it would get what "
          + "\(row.type.rawValue) ports send, and reach none of them by the rules of the map",
        remedy: "write `{pvlan: \(id)}`, or another VLAN", at: location)
    case .privateVLAN(let id):
      guard hostSwitch.settings.privateVLAN(id) == nil else { break }
      let known = hostSwitch.privateVlans.prefix(16).map { "\($0.secondary)" }
      log.add(
        subject,
        known.isEmpty
          ? "\(hostSwitch.subject) has no private VLANs"
          : "private VLAN \(id) is not in the map of \(hostSwitch.subject)",
        remedy: known.isEmpty
          ? "declare `privateVlans` on the switch, with a row for \(id)"
          : "add a row for it to `privateVlans`, or write one of \(known.joined(separator: ", "))",
        at: location)
    }
  }
}
