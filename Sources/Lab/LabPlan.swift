// What a topology becomes on one machine: which namespaces, and which cables between them.
//
// A pure value, made from the topology alone, so that the same file always gives the same names.
// Every device is made inside its namespace: the machine's own network sees none of them.

internal import Base
internal import Model

/// Everything that is made before the agents start.
struct LabPlan: Sendable {
  /// What a node is, in the order in which nodes are made.
  enum Kind: String, Sendable {
    case physicalSwitch
    case host
    case vm
  }

  /// A network namespace.
  struct Node: Sendable {
    var name: String
    var kind: Kind
    var namespace: String
  }

  /// A device at one end of a cable.
  struct End: Hashable, Sendable {
    var namespace: String
    var device: String
    var mtu: Int
    /// Plugged into the bridge of a physical switch.
    var isBridgePort: Bool
  }

  /// A veth pair.
  struct Cable: Sendable {
    var first: End
    var second: End
  }

  /// The bridge of a physical switch, in its namespace.
  static let bridge = "br0"
  /// The payload that physical switches carry, as data centre switches do: any virtual switch fits.
  static let physicalMTU = 9216
  static let nicMTU = 1500

  let lab: String
  let topology: Topology
  let nodes: [Node]
  let cables: [Cable]

  init(_ topology: Topology, lab: String) {
    self.lab = lab
    self.topology = topology
    let name = { (node: String) in "\(lab)-\(node)" }
    nodes =
      topology.physicalSwitches.map {
        Node(name: $0.name, kind: .physicalSwitch, namespace: name($0.name))
      }
      + topology.hosts.map { Node(name: $0.name, kind: .host, namespace: name($0.name)) }
      + topology.vms.map { Node(name: $0.name, kind: .vm, namespace: name($0.name)) }
    var ports = PortNames()
    var cables: [Cable] = []
    for host in topology.hosts {
      for nic in host.nics {
        let port = ports.name(of: nic.name, at: host.name, on: nic.physicalSwitch)
        cables.append(
          Cable(
            first: End(
              namespace: name(host.name), device: nic.name,
              mtu: topology.mtu(ofNIC: nic.name, at: host.name), isBridgePort: false),
            second: .port(
              port, name(nic.physicalSwitch), mtu: topology.portMTU(ofNIC: nic.name, at: host.name))
          ))
      }
    }
    for physical in topology.physicalSwitches {
      for other in physical.links {
        let (near, far) = (
          ports.name(of: other, on: physical.name), ports.name(of: physical.name, on: other)
        )
        cables.append(
          Cable(first: .port(near, name(physical.name)), second: .port(far, name(other))))
      }
    }
    self.cables = cables
  }

  /// Nics of VMs: what has to come up.
  var vmNICs: [VMNIC] {
    topology.vms.flatMap { vm in
      vm.nics.indices.map { VMNIC(vm: vm, index: $0, namespace: "\(lab)-\(vm.name)") }
    }
  }

  /// What a lab cannot give to guests that it does not run: behind vhost-user are those of the user.
  var unmetWishes: [Failure] {
    vmNICs.filter { $0.nic.vhostUser != nil && !$0.nic.addresses.isEmpty }.map { nic in
      Failure(
        "cannot build lab \(lab)",
        why:
          "\(nic.vm.name) \(nic.device) is behind vhost-user, and a lab makes no guest there that "
          + "could be given `addresses`",
        remedy: "leave `addresses` out, and set them in the guest that you connect",
        at: nic.nic.origin.location(of: "addresses"))
    }
  }

  /// Whether the policy of a nic's port closes it.
  func isBlocked(_ nic: VMNIC) -> Bool {
    guard let group = topology.portgroup(of: nic.nic, of: nic.vm) else { return false }
    let port = nic.nic.port(in: group.portgroup)
    return group.hostSwitch.effectivePolicy(of: group.portgroup, port: port).blocked.value
  }

  /// A nic of a VM, with the namespace in which its device appears.
  struct VMNIC: Sendable {
    var vm: VirtualMachine
    var index: Int
    var namespace: String

    var device: String { VirtualMachine.deviceName(ofNIC: index) }
    var nic: VirtualMachine.NIC { vm.nics[index] }
    /// `web1 eth0 on host1`
    var description: String { "\(vm.name) \(device) on \(vm.host)" }
  }
}

extension LabPlan.End {
  fileprivate static func port(
    _ device: String, _ namespace: String, mtu: Int = LabPlan.physicalMTU
  ) -> Self {
    Self(namespace: namespace, device: device, mtu: mtu, isBridgePort: true)
  }
}

extension Topology {
  /// What the nic of a host must carry: the most that a switch wants of it.
  fileprivate func mtu(ofNIC nic: String, at host: String) -> Int {
    let users = switches(onHost: host).filter { $0.uplinks.contains { $0.nic == nic } }
    return users.map(\.mtu).max() ?? LabPlan.nicMTU
  }

  /// What the other end of a nic's cable must carry: anything, but a veth has no XDP program as long as its
  /// other end could send frames larger than a page.
  fileprivate func portMTU(ofNIC nic: String, at host: String) -> Int {
    let users = switches(onHost: host).filter { $0.uplinks.contains { $0.nic == nic } }
    let usesXDP = users.contains { $0.attachment == .xdp }
    return usesXDP ? mtu(ofNIC: nic, at: host) : LabPlan.physicalMTU
  }
}

/// Names of the ports of physical switches: `HOST-NIC`, or the name of the other switch. A name
/// that is too long for a device, or taken, ends in a hash of what it stands for.
package struct PortNames {
  /// IFNAMSIZ is 16, with the terminating zero.
  package static let bytesMax = 15

  package init() {}

  /// Names given so far, by physical switch.
  private var taken: [String: Set<String>] = [:]

  package mutating func name(of nic: String, at host: String, on physicalSwitch: String) -> String {
    give("\(host)-\(nic)", standingFor: "\(host) \(nic)", on: physicalSwitch)
  }

  package mutating func name(of other: String, on physicalSwitch: String) -> String {
    give(other, standingFor: other, on: physicalSwitch)
  }

  private mutating func give(
    _ wanted: String, standingFor meaning: String, on physicalSwitch: String
  ) -> String {
    var taken = self.taken[physicalSwitch] ?? ["lo", LabPlan.bridge]
    var name = wanted
    // Ends: each round has another hash, and a switch has fewer ports than there are hashes.
    var round = 0
    while name.utf8.count > Self.bytesMax || taken.contains(name) {
      let hash = Self.hash("\(meaning) \(round)")
      name = "\(wanted.prefix(Self.bytesMax - hash.count - 1))-\(hash)"
      round += 1
    }
    taken.insert(name)
    self.taken[physicalSwitch] = taken
    return name
  }

  /// Five digits of base 32 (FNV-1a): the same in every run.
  private static func hash(_ text: String) -> String {
    var value: UInt32 = 2_166_136_261
    for byte in text.utf8 { value = (value ^ UInt32(byte)) &* 16_777_619 }
    let digits = String(value % (1 << 25), radix: 32)
    return String(repeating: "0", count: 5 - digits.utf8.count) + digits
  }
}
