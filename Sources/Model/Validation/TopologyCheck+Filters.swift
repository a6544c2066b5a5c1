// Checks rules of filters: names, and qualifiers that cannot hold together, so that a rule which would
// never match is not taken for one that protects.

internal import Base
internal import Wire

extension TopologyCheck {
  /// Checks the rules of one list.
  func check(_ rules: [FilterRule], _ owner: String, at location: SourceLocation?) {
    if rules.count > TopologyLimit.rulesOfAFilter {
      log.add(
        owner, "the filter has \(rules.count) rules",
        remedy: "keep at most \(TopologyLimit.rulesOfAFilter)", at: location)
    }
    var names = UniqueNames(log: log)
    for rule in rules {
      let subject = subject(rule, owner)
      names.add(rule.name, subject, .label, rule.origin, self)
      checkFamilies(rule, subject)
      checkTransport(rule, subject)
      guard case .tag(nil, nil) = rule.action, rule.origin.node == nil else { continue }
      log.add(
        subject, "the action `tag` sets nothing", remedy: "set its cos, its dscp or both", at: nil)
    }
  }

  private func subject(_ rule: FilterRule, _ owner: String) -> String {
    "rule \(rule.name.excerpt) in \(owner)"
  }

  /// Rules that ask for a tag, on ports where frames have none.
  func checkTagsAreSeen(_ rules: [FilterRule], _ owner: String) {
    for rule in rules where rule.vlan != nil {
      log.add(
        subject(rule, owner),
        "`vlan` never matches here: frames have their tag on trunks and uplinks only",
        remedy: "put the rule on the uplink port group or on a trunk, or remove `vlan`",
        at: rule.origin.location(of: "vlan"))
    }
  }

  /// The family of IP that each qualifier asks for must be one.
  private func checkFamilies(_ rule: FilterRule, _ subject: String) {
    var wanted: (family: IPFamily, key: String)?
    func want(_ family: IPFamily?, _ key: String) {
      guard let family else { return }
      guard let first = wanted, first.family != family else {
        wanted = (family, key)
        return
      }
      log.add(
        subject,
        "`\(first.key)` asks for \(first.family.rawValue) and `\(key)` for \(family.rawValue), so "
          + "the rule never matches",
        remedy: "remove one of the two, or write one rule for each",
        at: rule.origin.location(of: key))
    }
    switch rule.etherType {
    case nil: break
    case .ipv4?: want(.v4, "etherType")
    case .ipv6?: want(.v6, "etherType")
    case let type?:
      // Every other qualifier of a packet needs IP.
      guard let key = rule.packetKeys.first else { break }
      log.add(
        subject,
        "`\(key)` asks for an IP packet and `etherType` for \(type), so the rule never "
          + "matches",
        remedy: "remove `\(key)` or `etherType`", at: rule.origin.location(of: key))
      return
    }
    want(rule.source.map { IPFamily($0.address) }, "source")
    want(rule.destination.map { IPFamily($0.address) }, "destination")
    switch rule.protocol {
    case .icmp?, .igmp?: want(.v4, "protocol")
    case .icmpv6?: want(.v6, "protocol")
    default: break
    }
  }

  /// Ports and flags belong to the protocols that have them.
  private func checkTransport(_ rule: FilterRule, _ subject: String) {
    let hasPorts = [.tcp, .udp, .sctp].contains(rule.protocol)
    for (key, ports) in [
      ("sourcePorts", rule.sourcePorts), ("destinationPorts", rule.destinationPorts),
    ] where !ports.isEmpty && !hasPorts {
      let other = rule.protocol.map { ", and \($0) has no ports" } ?? ""
      log.add(
        subject, "`\(key)` needs a protocol that has ports\(other)",
        remedy: "write `protocol: tcp`, udp or sctp", at: rule.origin.location(of: key))
    }
    if rule.tcpFlags != nil, rule.protocol != .tcp {
      log.add(
        subject, "`tcpFlags` needs `protocol: tcp`", remedy: "write `protocol: tcp`",
        at: rule.origin.location(of: "tcpFlags"))
    }
  }
}

private enum IPFamily: String {
  case v4 = "IPv4"
  case v6 = "IPv6"

  init(_ address: IPAddress) {
    switch address {
    case .v4: self = .v4
    case .v6: self = .v6
    }
  }
}

extension FilterRule {
  /// The keys of the qualifiers that only an IP packet can match.
  fileprivate var packetKeys: [String] {
    var keys: [String] = []
    if source != nil { keys.append("source") }
    if destination != nil { keys.append("destination") }
    if `protocol` != nil { keys.append("protocol") }
    if fragment != nil { keys.append("fragment") }
    return keys
  }
}
