// Making the namespaces, bridges and cables of a rig.

public import Base
public import Linux
internal import Model
internal import Netlink
internal import Wire

extension Rig {
  func build() throws(Failure) {
    for physicalSwitch in topology.physicalSwitches {
      let namespace = try addNode(physicalSwitch.name, hasIPv6: false)
      try NetlinkSocket(in: namespace).createBridge("br0")
    }
    for physicalSwitch in topology.physicalSwitches {
      for other in physicalSwitch.links { try join(physicalSwitch.name, other) }
    }
    for host in topology.hosts {
      let namespace = try addNode(host.name, hasIPv6: false)
      for nic in host.nics { try plug(nic, of: host.name, namespace) }
    }
    for vm in topology.vms { _ = try addNode(vm.name) }
  }

  /// Makes a namespace with a name of this rig, and its loopback up.
  @discardableResult
  public func addNode(_ name: String, hasIPv6: Bool = true) throws(Failure) -> NetworkNamespace {
    let namespace = try NetworkNamespace.create(named: prefix + name)
    namespaces[name] = namespace
    try NetlinkSocket(in: namespace).setUp("lo")
    // Hosts and physical switches have no addresses: their kernels must not speak on the cables.
    if !hasIPv6 {
      for place in ["all", "default"] {
        try run(
          ["sysctl", "-qw", "net.ipv6.conf.\(place).disable_ipv6=1"], in: namespace)
      }
    }
    return namespace
  }

  /// Removes the namespace of a VM.
  public func removeNode(_ name: String) throws(Failure) {
    namespaces[name] = nil
    try NetworkNamespace.delete(named: prefix + name)
  }

  private func join(_ first: String, _ second: String) throws(Failure) {
    try NetlinkSocket.createVethPair(
      VethEnd("to-\(second)", in: namespace(first), isUp: true),
      VethEnd("to-\(first)", in: namespace(second), isUp: true))
    try NetlinkSocket(in: namespace(first)).setMaster(bridge, of: .name("to-\(second)"))
    try NetlinkSocket(in: namespace(second)).setMaster(bridge, of: .name("to-\(first)"))
  }

  private func plug(_ nic: Host.NIC, of host: String, _ namespace: NetworkNamespace)
    throws(Failure)
  {
    let port = "port\(cables.count)"
    let far = self.namespace(nic.physicalSwitch)
    let made = try NetlinkSocket.createVethPair(
      VethEnd(nic.name, in: namespace), VethEnd(port, in: far, isUp: true))
    try NetlinkSocket(in: far).setMaster(bridge, of: .name(port))
    cables.append(
      Cable(
        host: host, nic: nic.name, physicalSwitch: nic.physicalSwitch, port: port,
        portIndex: made.second))
  }

  /// Deletes a nic of a host, and with it the cable.
  public func unplug(_ host: String, _ nic: String) throws(Failure) {
    try NetlinkSocket(in: namespace(host)).delete(.name(nic))
    cables.removeAll { $0.host == host && $0.nic == nic }
  }

  /// Makes a nic again that was deleted.
  public func plugAgain(_ host: String, _ nic: String) throws(Failure) {
    guard let nic = topology.host(named: host)?.nics.first(where: { $0.name == nic }) else {
      preconditionFailure("host \(host) has no nic \(nic)")
    }
    try plug(nic, of: host, namespace(host))
  }

  /// Gives the devices of a VM the addresses that the topology declares.
  public func address(_ name: String) throws(Failure) {
    guard let vm = topology.vms.first(where: { $0.name == name }) else { return }
    let socket = try NetlinkSocket(in: namespace(name))
    for (index, nic) in vm.nics.enumerated() where nic.vhostUser == nil {
      let device = VirtualMachine.deviceName(ofNIC: index)
      for prefix in nic.addresses { try socket.addAddress(prefix, to: .name(device)) }
    }
  }

  /// Runs a program in a node and fails unless it succeeds.
  @discardableResult
  public func run(_ arguments: [String], in namespace: NetworkNamespace) throws(Failure) -> String {
    let report = try ChildProcess.run(.init(arguments, in: namespace))
    guard report.ending.isSuccess else {
      throw Failure(
        "cannot run \(arguments.joined(separator: " "))",
        why: "\(report.ending): \(report.errors)\(report.output)",
        remedy: "run it by hand in namespace \(namespace.name ?? "")")
    }
    return report.output
  }
}
