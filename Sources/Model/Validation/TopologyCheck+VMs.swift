// Checks VMs: their hosts, port groups, MAC and IP addresses.

internal import Base
internal import Wire

extension TopologyCheck {
  func checkVMs() {
    let portgroups = PortGroupIndex(topology, hosts: hosts)
    var addresses = UsedAddresses()
    var ports = PortUse()
    var sockets = UsedSockets()
    for vm in topology.vms {
      let subject = "VM \(vm.name.excerpt)"
      check(vm.host, isOneOf: hosts, "host", subject, at: vm.origin.location(of: "host"))
      if vm.nics.count > TopologyLimit.nicsOfAVM {
        log.add(
          subject, "has \(vm.nics.count) nics", remedy: "keep at most \(TopologyLimit.nicsOfAVM)",
          at: vm.origin.location(of: "nics", TopologyLimit.nicsOfAVM))
      }
      for (index, nic) in vm.nics.enumerated() {
        let subject = "nic \(index + 1) of \(subject)"
        check(nic.mac, subject, nic.origin, &addresses)
        let isPlaced = hosts.set.contains(vm.host)
        let portgroup = isPlaced ? resolve(nic, portgroups, host: vm.host, subject) : nil
        check(nic.addresses, of: portgroup, subject, nic.origin, &addresses)
        if let portgroup { checkPort(of: nic, in: portgroup, subject, &ports) }
        checkVhostUser(of: nic, onHost: vm.host, subject, &sockets)
      }
    }
  }

  /// The port group of a nic, with words for every way in which it can be none.
  private func resolve(
    _ nic: VirtualMachine.NIC, _ portgroups: PortGroupIndex, host: String, _ subject: String
  ) -> PortGroupReference? {
    let found = portgroups.find(nic.portgroup, onHost: host)
    guard found.count != 1, !nic.portgroup.isEmpty else { return found.first }
    let location = nic.origin.location(of: "portgroup")
    let name = nic.portgroup.excerpt
    guard found.isEmpty else {
      // Two switches of one name were told already.
      guard Set(found.map(\.qualifiedName)).count == found.count else { return nil }
      let names = found.prefix(4).map { "`\($0.qualifiedName.excerpt)`" }.joined(separator: " or ")
      log.add(
        subject, "the port group `\(name)` is on more than one switch of host \(host.excerpt)",
        remedy: "write \(names)", at: location)
      return nil
    }
    if let elsewhere = portgroups[nic.portgroup].first?.hostSwitch {
      let owner = elsewhere.name.excerpt
      let remedy =
        elsewhere.kind == .distributed
        ? "add \(host.excerpt) to the hosts of \(owner)"
        : "run the VM on \(elsewhere.host.excerpt), or declare the port group on \(host.excerpt)"
      log.add(
        subject,
        "the port group `\(name)` is on \(owner), which host \(host.excerpt) does not have",
        remedy: remedy, at: location)
      return nil
    }
    log.add(
      subject, "unknown port group `\(name)`",
      remedy: log.remedy(
        for: nic.portgroup, among: portgroups.names(onHost: host),
        "those of host \(host.excerpt) are",
        ifNone: "declare it on a switch of host \(host.excerpt)"),
      at: location)
    return nil
  }

  private func check(
    _ mac: MACAddress, _ subject: String, _ origin: Origin, _ addresses: inout UsedAddresses
  ) {
    let location = origin.location(of: "mac")
    if mac == .zero {
      log.add(
        subject, "the address \(mac) is no address",
        remedy: "write another, or leave `mac` out to have one derived", at: location)
    } else if mac.isMulticast {
      log.add(
        subject, "\(mac) is a multicast address: the lowest bit of its first octet is set",
        remedy: "write a unicast address, as \"00:50:56:00:00:01\"", at: location)
    } else if let other = addresses.macs.updateValue((subject, location), forKey: mac) {
      addresses.macs[mac] = other
      let place = other.location.map { " on line \($0.line)" } ?? ""
      log.add(
        subject, "the address \(mac) is already used by \(other.subject)\(place)",
        remedy: "write another, or leave `mac` out to have one derived", at: location)
    }
  }

  private func check(
    _ prefixes: [IPPrefix], of portgroup: PortGroupReference?, _ subject: String, _ origin: Origin,
    _ addresses: inout UsedAddresses
  ) {
    // A declaration may also hold texts that are no addresses; they were told and left out.
    let written = origin.node?["addresses"]?.elements?.filter { node in
      node.scalar.flatMap { IPPrefix($0.text) } != nil
    }
    for (index, prefix) in prefixes.enumerated() {
      let location =
        written.flatMap { $0.indices.contains(index) ? $0[index].location : nil }
        ?? origin.location(of: "addresses")
      guard prefix.isHostAddress else {
        log.add(
          subject, "\(prefix) cannot be the address of a VM",
          remedy: "write the address of one host with its prefix length, as 10.0.10.1/24",
          at: location)
        continue
      }
      guard let portgroup else { continue }
      let key = UsedAddresses.Key(
        owner: "\(portgroup.hostSwitch.kind == .standard ? portgroup.hostSwitch.host : "")/"
          + portgroup.qualifiedName, address: prefix.address)
      if let other = addresses.ips[key] {
        let place = other.location.map { " on line \($0.line)" } ?? ""
        log.add(
          subject,
          "\(prefix.address) is already used by \(other.subject)\(place) in the same port group",
          remedy: "write another address", at: location)
      } else {
        addresses.ips[key] = (subject, location)
      }
    }
  }
}

/// The port groups of all switches, by plain and by qualified name.
private struct PortGroupIndex {
  private var found: [String: [PortGroupReference]] = [:]
  private var switches: [HostSwitch]
  private var members: [String: Set<String>] = [:]
  /// Distributed switches with a member that does not exist: it may have been meant to be any host.
  private var uncertain: Set<String> = []

  init(_ topology: Topology, hosts: KnownNames) {
    switches = topology.distributedSwitches.map { HostSwitch($0, at: .init(host: "")) }
    for declared in topology.distributedSwitches {
      members[declared.name, default: []].formUnion(declared.hosts.map(\.host))
      if !declared.hosts.allSatisfy({ hosts.set.contains($0.host) }) {
        uncertain.insert(declared.name)
      }
    }
    switches += topology.standardSwitches.map { HostSwitch($0) }
    // A name that is repeated on one switch was told; here the first counts.
    var seen: Set<[String]> = []
    for item in switches {
      for portgroup in item.portgroups
      where seen.insert([item.host, item.name, portgroup.name]).inserted {
        let reference = PortGroupReference(hostSwitch: item, portgroup: portgroup)
        found[portgroup.name, default: []].append(reference)
        found[reference.qualifiedName, default: []].append(reference)
      }
    }
  }

  /// All of a name, wherever they are.
  subscript(name: String) -> [PortGroupReference] { found[name] ?? [] }

  /// Those of a name at one host.
  func find(_ name: String, onHost host: String) -> [PortGroupReference] {
    self[name].filter { carries(host, $0.hostSwitch) }
  }

  /// Some names at one host, for a message.
  func names(onHost host: String) -> [String] {
    var names: [String] = []
    for item in switches where names.count < 256 && carries(host, item) {
      names += item.portgroups.prefix(256).map { portgroup in
        let isUnique = find(portgroup.name, onHost: host).count == 1
        return isUnique ? portgroup.name : "\(item.name)/\(portgroup.name)"
      }
    }
    return names
  }

  private func carries(_ host: String, _ item: HostSwitch) -> Bool {
    if item.kind == .standard { return item.host == host }
    return uncertain.contains(item.name) || members[item.name]?.contains(host) == true
  }
}

/// The addresses of the nics that were checked so far.
private struct UsedAddresses {
  struct Key: Hashable {
    /// The port group, with the switch and, for a standard switch, the host.
    var owner: String
    var address: IPAddress
  }

  var macs: [MACAddress: (subject: String, location: SourceLocation?)] = [:]
  var ips: [Key: (subject: String, location: SourceLocation?)] = [:]
}

extension IPPrefix {
  /// Unicast, and neither the name nor the broadcast address of its network.
  fileprivate var isHostAddress: Bool {
    guard address.isUnicast else { return false }
    guard case .v4(let address) = address, length < 31 else { return true }
    let hostBits = UInt32.max >> UInt32(length)
    return address.rawValue & hostBits != 0 && address.rawValue & hostBits != hostBits
  }
}
