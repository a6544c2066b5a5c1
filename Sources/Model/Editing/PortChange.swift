// Changes of one port of a running network, as the topology that a file would then declare.
//
// Each change is checked against what the port group allows before it is made, and the whole topology
// after it: what comes out is valid. Nothing is done here; hosts are given the new topology as a whole.

public import Base
internal import Wire

/// A nic of a topology.
public struct NICReference: Hashable, Sendable, CustomStringConvertible {
  public var vm: String
  /// Its place among the nics of the VM.
  public var index: Int

  public init(vm: String, index: Int) {
    self.vm = vm
    self.index = index
  }

  /// `web1/eth0`.
  public var description: String { "\(vm)/\(VirtualMachine.deviceName(ofNIC: index))" }
}

/// What can be done to the port of a nic.
public enum PortChange: Sendable {
  /// Plugs the cable in; with a port group, into that one.
  case attach(portgroup: String?)
  case detach
  case block
  case unblock
  /// Takes these settings from the values given.
  case set([PortField], PortSettings)
  /// Makes the port inherit these settings again.
  case reset([PortField])

  fileprivate var verb: String {
    switch self {
    case .attach: "attach"
    case .detach: "detach"
    case .block: "block"
    case .unblock: "unblock"
    case .set: "set"
    case .reset: "reset"
    }
  }
}

extension Topology {
  /// Every nic, in the order of the file.
  public var allNICs: [NICReference] {
    vms.flatMap { vm in vm.nics.indices.map { NICReference(vm: vm.name, index: $0) } }
  }

  /// The nics that a name may mean: `VM/eth0`, a MAC address, or a VM.
  public func nics(named name: String) -> [NICReference] {
    let mac = MACAddress(name)
    return allNICs.filter { nic in
      nic.description == name || nic.vm == name || mac != nil && self[nic]?.mac == mac
    }
  }

  /// What is declared of a nic.
  public subscript(nic: NICReference) -> VirtualMachine.NIC? {
    guard let vm = vm(named: nic.vm), vm.nics.indices.contains(nic.index) else { return nil }
    return vm.nics[nic.index]
  }

  /// The topology after changes of one port, made in order. Throws the first thing that forbids it.
  public func changing(_ nic: NICReference, _ changes: [PortChange]) throws(Failure) -> Topology {
    var new = self
    for change in changes { try new.make(change, of: nic) }
    guard var failure = new.validationFailures().first else { return new }
    failure.what = Self.what(changes.first, nic)
    failure.location = nil
    throw failure
  }

  private static func what(_ change: PortChange?, _ nic: NICReference) -> String {
    "cannot \(change?.verb ?? "change") port \(nic)"
  }

  private mutating func make(_ change: PortChange, of reference: NICReference) throws(Failure) {
    guard let vm = vms.firstIndex(where: { $0.name == reference.vm }),
      vms[vm].nics.indices.contains(reference.index),
      let group = portgroup(of: vms[vm].nics[reference.index], of: vms[vm])
    else {
      throw Failure(
        Self.what(change, reference), why: "the topology has no such nic",
        remedy: "use one of: \(allNICs.prefix(16).map(\.description).joined(separator: ", "))")
    }
    var nic = vms[vm].nics[reference.index]
    let what = Self.what(change, reference)
    switch change {
    case .attach(let portgroup):
      nic.isConnected = true
      guard let portgroup, portgroup != nic.portgroup else { break }
      nic.portgroup = portgroup
      // Another port group is another port, which knows nothing of what this one said for itself.
      if self.portgroup(of: nic, of: vms[vm]) != group { nic.port = nil }
    case .detach:
      nic.isConnected = false
      if group.portgroup.forgetsDisconnected { nic.forgetSettings() }
    case .block:
      var values = PortSettings()
      values.policy.blocked = true
      try nic.set([.blocked], values, in: group, what)
    case .unblock:
      var values = PortSettings()
      // Nothing has to be said where the levels above say it.
      let inherited = group.hostSwitch.effectivePolicy(of: group.portgroup).blocked.value
      values.policy.blocked = inherited ? false : nil
      try nic.set([.blocked], values, in: group, what)
    case .set(let fields, let values): try nic.set(fields, values, in: group, what)
    case .reset(let fields): try nic.set(fields, PortSettings(), in: group, what)
    }
    vms[vm].nics[reference.index] = nic
  }
}

extension PortGroup {
  /// A port says nothing for itself once its nic is disconnected.
  fileprivate var forgetsDisconnected: Bool { resetAtDisconnect || binding == .ephemeral }
}

extension VirtualMachine.NIC {
  fileprivate mutating func set(
    _ fields: [PortField], _ values: PortSettings, in group: PortGroupReference, _ what: String
  ) throws(Failure) {
    var port = port ?? PortSettings()
    let name = group.portgroup.name.excerpt
    for field in fields {
      // What a port no longer says needs nobody's leave.
      if let value = field.text(of: values) {
        guard group.portgroup.allowOverride.contains(field.kind) else {
          throw Failure(
            what, why: "port group \(name) does not let its ports set `\(field.name)`",
            remedy: "add `\(field.kind.rawValue)` to its `allowOverride` and apply the file, or "
              + "set it for the whole port group")
        }
        guard isConnected || !group.portgroup.forgetsDisconnected else {
          throw Failure(
            what,
            why: "it is detached, and port group \(name) keeps no settings then, such as "
              + "\(field.name) \(value.excerpt)",
            remedy: "attach it first, or set `resetAtDisconnect: false` in the port group")
        }
      }
      field.copy(values, &port)
    }
    if fields.contains(where: { $0.name == "vlan" }) { port.origin = values.origin }
    self.port = port
    dropEmptyPort()
  }

  fileprivate mutating func forgetSettings() {
    port?.vlan = nil
    port?.policy = Policy()
    dropEmptyPort()
  }

  private mutating func dropEmptyPort() {
    if port == PortSettings() { port = nil }
  }
}

extension Topology {
  /// What the ports of nics say for themselves differently than before, one line each, without the nic:
  /// `detached`, `security.forgedTransmits inherited -> true`.
  public func portChanges(of nic: NICReference, since old: Topology) -> [String] {
    guard let before = old[nic], let after = self[nic] else { return [] }
    var lines: [String] = []
    if before.isConnected != after.isConnected {
      lines.append(after.isConnected ? "attached" : "detached")
    }
    if before.port?.id != after.port?.id {
      let claims = [before, after].map { $0.port?.id.map { "port \($0)" } ?? "any port" }
      lines.append("claims \(claims[0]) -> \(claims[1])")
    }
    for field in PortField.all {
      let texts = [before, after].map { field.text(of: $0.port) }
      if texts[0] != texts[1] {
        let words = texts.map { $0 ?? "inherited" }
        lines.append("\(field.name) \(words[0]) -> \(words[1])")
      } else if field.name == "filter", before.port?.policy.filter != after.port?.policy.filter {
        lines.append("filter changed")
      }
    }
    return lines
  }
}
