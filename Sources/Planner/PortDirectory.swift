// Which number a port has: the id that people and teams see, and the index where its state lives.
//
// A port id belongs to a switch, not to a host, and stays with its nic as long as that is plugged in: a
// VM added in the middle of a file must not renumber the others, or every port-id team would reshuffle.
// Ids are given in the order of the topology to every nic of the switch, on whatever host, so that two
// hosts with the same history agree without asking each other; the controller takes this over later.

public import Model

/// Names one vNIC.
public struct PortKey: Hashable, Codable, Sendable {
  public var vm: String
  /// The device in the VM: `eth0`.
  public var device: String

  public init(vm: String, device: String) {
    self.vm = vm
    self.device = device
  }
}

/// The ids given so far on one switch. Codable: a host keeps it over restarts.
public struct PortDirectory: Codable, Sendable {
  public private(set) var ids: [PortKey: UInt32] = [:]

  public init() {}

  /// Brings the directory in line with a topology: nics that stay keep their id, those that went give
  /// it back, new ones get the lowest that is free.
  public mutating func update(for topology: Topology, switch name: String) {
    let wanted = topology.ports(ofSwitch: name)
    let isWanted = Set(wanted)
    ids = ids.filter { isWanted.contains($0.key) }
    var taken = Set(ids.values)
    var next: UInt32 = 0
    for key in wanted where ids[key] == nil {
      while taken.contains(next) { next += 1 }
      ids[key] = next
      taken.insert(next)
    }
  }
}

extension Topology {
  /// Every nic that is plugged into a switch of this name, on any host, in the order of the file.
  func ports(ofSwitch name: String) -> [PortKey] {
    vms.flatMap { vm in
      vm.nics.enumerated().compactMap { index, nic in
        portgroup(of: nic, of: vm)?.hostSwitch.name == name
          ? PortKey(vm: vm.name, device: VirtualMachine.deviceName(ofNIC: index)) : nil
      }
    }
  }
}
