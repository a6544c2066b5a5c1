// A virtual switch as one host sees it: the common ground of standard and distributed switches.
//
// Plans, ports and status are made per host from this value, so that nothing after the model has to
// know which kind of switch it serves.

/// Who owns a virtual switch.
public enum SwitchKind: String, CaseIterable, Hashable, Codable, Sendable {
  case distributed
  case standard
}

/// A distributed or standard switch on one host.
@dynamicMemberLookup
public struct HostSwitch: Hashable, Sendable {
  public var name: String
  public var kind: SwitchKind
  public var host: String
  /// The largest Ethernet payload, in bytes.
  public var mtu: Int
  /// The uplinks that have a nic on this host, in the order of the switch's slots.
  public var uplinks: [UplinkBinding]
  /// All uplink slots of the switch, also those without a nic here.
  public var uplinkNames: [String]
  public var attachment: UplinkAttachment
  public var policy: Policy
  public var portgroups: [PortGroup]
  public var settings: SwitchSettings
  public var origin: Origin

  /// A setting of the switch, by its own name.
  public subscript<Value>(
    dynamicMember setting: WritableKeyPath<SwitchSettings, Value>
  ) -> Value {
    get { settings[keyPath: setting] }
    set { settings[keyPath: setting] = newValue }
  }

  /// What holds for a port group of this switch; with `port`, for a port that says this for itself.
  public func effectivePolicy(
    of portgroup: PortGroup, port: PortSettings? = nil
  ) -> EffectivePolicy {
    EffectivePolicy(switch: policy, portgroup: portgroup, port: port, uplinks: uplinkNames)
  }

  /// What holds for the port of a nic: its own settings count as long as the port group keeps them.
  public func effectivePolicy(
    of portgroup: PortGroup, nic: VirtualMachine.NIC
  ) -> EffectivePolicy {
    effectivePolicy(of: portgroup, port: nic.port(in: portgroup))
  }

  /// The port group of a name.
  public func portgroup(named name: String) -> PortGroup? {
    portgroups.first { $0.name == name }
  }
}

extension HostSwitch {
  init(_ declared: DistributedSwitch, at member: DistributedSwitch.Member) {
    let bound = declared.uplinks.compactMap { name in
      member.uplinks.first { $0.uplink == name }
    }
    self.init(
      name: declared.name, kind: .distributed, host: member.host, mtu: declared.mtu,
      uplinks: bound, uplinkNames: declared.uplinks, attachment: member.attachment,
      policy: declared.policy, portgroups: declared.portgroups, settings: declared.settings,
      origin: declared.origin)
  }

  init(_ declared: StandardSwitch) {
    self.init(
      name: declared.name, kind: .standard, host: declared.host, mtu: declared.mtu,
      uplinks: declared.uplinks.map { UplinkBinding(uplink: $0, nic: $0) },
      uplinkNames: declared.uplinks, attachment: declared.attachment, policy: declared.policy,
      portgroups: declared.portgroups, settings: declared.settings, origin: declared.origin)
  }
}

extension Topology {
  /// The switches that a host carries: distributed first, each kind in the order of the file.
  public func switches(onHost host: String) -> [HostSwitch] {
    let distributed = distributedSwitches.flatMap { declared in
      declared.hosts.filter { $0.host == host }.map { HostSwitch(declared, at: $0) }
    }
    return distributed + standardSwitches.filter { $0.host == host }.map { HostSwitch($0) }
  }

  /// The VMs that run on a host, in the order of the file.
  public func vms(onHost host: String) -> [VirtualMachine] {
    vms.filter { $0.host == host }
  }

  public func host(named name: String) -> Host? { hosts.first { $0.name == name } }

  public func vm(named name: String) -> VirtualMachine? { vms.first { $0.name == name } }
}

/// A port group with the switch that it belongs to, at one host.
public struct PortGroupReference: Hashable, Sendable {
  public var hostSwitch: HostSwitch
  public var portgroup: PortGroup

  public init(hostSwitch: HostSwitch, portgroup: PortGroup) {
    self.hostSwitch = hostSwitch
    self.portgroup = portgroup
  }

  /// `dvs1/web`: understood wherever a port group is named.
  public var qualifiedName: String { "\(hostSwitch.name)/\(portgroup.name)" }
}

extension [HostSwitch] {
  /// Every port group that a nic's `portgroup` may mean here: one, unless the name is wrong.
  ///
  /// `name` is `PORTGROUP`, or `SWITCH/PORTGROUP`.
  public func portgroups(named name: String) -> [PortGroupReference] {
    let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let candidates = parts.count == 2 ? filter { $0.name == parts[0] } : self
    let wanted = String(parts[parts.count - 1])
    return candidates.compactMap { candidate in
      candidate.portgroup(named: wanted).map {
        PortGroupReference(hostSwitch: candidate, portgroup: $0)
      }
    }
  }
}

extension Topology {
  /// The port group of a nic; nothing only in a topology that is not valid.
  public func portgroup(of nic: VirtualMachine.NIC, of vm: VirtualMachine) -> PortGroupReference? {
    let found = switches(onHost: vm.host).portgroups(named: nic.portgroup)
    return found.count == 1 ? found[0] : nil
  }
}
