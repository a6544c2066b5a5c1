// The nics that are plugged into a switch, with the port groups that they are in.

internal import Base
internal import Model

/// A nic that is plugged into the switch that is being planned.
struct PluggedNIC {
  var key: PortKey
  var host: String
  var nic: VirtualMachine.NIC
  var portgroup: PortGroup

  /// An ephemeral port is there only while its nic is connected.
  var hasPort: Bool { portgroup.binding == .static || nic.isConnected }

  /// Frames keep their tags on the port.
  var isTrunk: Bool {
    if case .trunk = settings?.vlan ?? portgroup.vlan { return true }
    return false
  }

  /// The settings of the port that count: those that its port group lets it make, unless it is
  /// disconnected and its port group resets them. Nil when it says nothing for itself.
  var settings: PortSettings? {
    guard var port = nic.port(in: portgroup) else { return nil }
    let allowed = portgroup.allowOverride
    if !allowed.contains(.vlan) { port.vlan = nil }
    if !allowed.contains(.block) { port.policy.blocked = nil }
    if !allowed.contains(.security) { port.policy.security = SecurityPolicy() }
    if !allowed.contains(.macLearning) { port.policy.macLearning = MACLearningPolicy() }
    if !allowed.contains(.shaping) {
      port.policy.inShaping = ShapingPolicy()
      port.policy.outShaping = ShapingPolicy()
    }
    if !allowed.contains(.filter) { port.policy.filter = nil }
    if !allowed.contains(.teaming) { port.policy.teaming = TeamingPolicy() }
    return port.vlan == nil && port.policy.isEmpty ? nil : port
  }
}

extension Topology {
  /// Every nic that is plugged into a switch, in the order of the file: on all hosts of a distributed
  /// switch, on the one host of a standard switch.
  func nics(pluggedInto hostSwitch: HostSwitch) -> [PluggedNIC] {
    var switchesByHost: [String: [HostSwitch]] = [:]
    var plugged: [PluggedNIC] = []
    for vm in vms where hostSwitch.kind == .distributed || vm.host == hostSwitch.host {
      let switches = switchesByHost[vm.host] ?? switches(onHost: vm.host)
      switchesByHost[vm.host] = switches
      for (index, nic) in vm.nics.enumerated() {
        let found = switches.portgroups(named: nic.portgroup)
        guard found.count == 1, found[0].hostSwitch.name == hostSwitch.name,
          found[0].hostSwitch.kind == hostSwitch.kind
        else { continue }
        plugged.append(
          PluggedNIC(
            key: PortKey(vm: vm.name, device: VirtualMachine.deviceName(ofNIC: index)),
            host: vm.host, nic: nic, portgroup: found[0].portgroup))
      }
    }
    return plugged
  }
}
