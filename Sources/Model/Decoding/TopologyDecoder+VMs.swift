// Decodes VMs, and gives an address to every nic that declares none.
//
// A derived address is made of the names of the topology, the VM and the nic, so it stays the same
// over restarts and over changes to other VMs. It lies in 00:50:56:00-3f, the range that VMware keeps
// for addresses that are set by hand.

internal import Base
internal import Wire

/// A VM as written: some nics may still be without an address.
struct DeclaredVM {
  var vm: VirtualMachine
  /// The indices of nics that declare no usable address.
  var nicsWithoutMAC: [Int]

  /// The VMs, with an address for every nic; none collides with another.
  static func withAddresses(_ declared: [DeclaredVM], topology: String) -> [VirtualMachine] {
    var taken: Set<MACAddress> = []
    for item in declared {
      for (index, nic) in item.vm.nics.enumerated() where !item.nicsWithoutMAC.contains(index) {
        taken.insert(nic.mac)
      }
    }
    return declared.map { item in
      var vm = item.vm
      for index in item.nicsWithoutMAC {
        let device = VirtualMachine.deviceName(ofNIC: index)
        vm.nics[index].mac = .derived(from: "\(topology)/\(vm.name)/\(device)", except: taken)
        taken.insert(vm.nics[index].mac)
      }
      return vm
    }
  }
}

extension MACAddress {
  /// The first free address from the hash of a name on (FNV-1a), in 00:50:56:00:00:00-3f:ff:ff.
  static func derived(from name: String, except taken: Set<MACAddress>) -> MACAddress {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    // The range has 2^22 addresses; a file of one mebibyte cannot name as many nics.
    for step in 0..<(1 << 22) {
      let low = (hash >> 20 &+ UInt64(step)) & 0x3F_FFFF
      let address = MACAddress(rawValue: 0x0050_5600_0000 | low)
      if !taken.contains(address) { return address }
    }
    preconditionFailure("every derived address is taken")
  }
}

extension TopologyDecoder {
  func declaredVM(_ node: ConfigNode) -> DeclaredVM {
    let reader = MappingReader(
      node, subject: subject("VM", node), keys: ["name", "host", "nics"], log: log)
    var declared = DeclaredVM(
      vm: VirtualMachine(
        name: reader.requiredName("name"), host: reader.requiredName("host"),
        origin: Origin(node)), nicsWithoutMAC: [])
    for (index, nic) in reader.list("nics", limit: TopologyLimit.nicsOfAVM).enumerated() {
      let subject = "nic \(index + 1) of \(reader.subject)"
      let (value, hasMAC) = self.nic(nic, subject)
      declared.vm.nics.append(value)
      if !hasMAC { declared.nicsWithoutMAC.append(index) }
    }
    return declared
  }

  private func nic(
    _ node: ConfigNode, _ subject: String
  ) -> (VirtualMachine.NIC, hasMAC: Bool) {
    let reader = MappingReader(
      node, subject: subject,
      keys: [
        "portgroup", "mac", "addresses", "connected", "qmp", "qmpNic", "vhostUser", "port",
      ], log: log)
    let mac = mac(reader)
    let nic = VirtualMachine.NIC(
      portgroup: reader.requiredName("portgroup"), mac: mac ?? .zero,
      addresses: reader.list("addresses", limit: TopologyLimit.addressesOfANIC).compactMap {
        address($0, reader)
      },
      isConnected: reader.bool("connected") ?? true, qmp: path("qmp", reader),
      qmpNic: reader.value("qmpNic").map { reader.name(of: $0, "`qmpNic`") },
      vhostUser: vhostUser(reader, subject), port: reader.value("port").map { port($0, subject) },
      origin: Origin(node))
    return (nic, mac != nil)
  }

  private func vhostUser(_ reader: MappingReader, _ owner: String) -> VhostUserSocket? {
    guard let node = reader.value("vhostUser") else { return nil }
    let reader = MappingReader(
      node, subject: "vhostUser of \(owner)", keys: ["socket", "mode", "queues", "owner"], log: log)
    return VhostUserSocket(
      path: path("socket", reader), mode: reader.choice("mode") ?? .server,
      queues: reader.integer("queues", in: VhostUserSocket.queuesRange)
        ?? VhostUserSocket.queuesDefault,
      owner: reader.integer("owner", in: VhostUserSocket.ownerRange).map { UInt32($0) },
      origin: Origin(node))
  }

  func port(_ node: ConfigNode, _ owner: String) -> PortSettings {
    let reader = MappingReader(
      node, subject: "port of \(owner)", keys: ["id", "vlan", "policy"], log: log)
    // Which kind of switch it is on is not known here; `TopologyCheck` knows.
    return PortSettings(
      id: reader.integer("id", in: PortSettings.idRange).map { UInt32($0) },
      vlan: reader.value("vlan").flatMap { node in
        node.entries == nil ? reader.vlan(node, on: .standard) : reader.vlan(node, on: .distributed)
      },
      policy: policy(reader), origin: Origin(node))
  }

  /// The absolute path of a socket.
  private func path(_ key: String, _ reader: MappingReader) -> String? {
    guard let value = reader.value(key), let text = reader.text(of: value, "`\(key)`") else {
      return nil
    }
    // sun_path of sockaddr_un, unix(7), with the terminating zero.
    if text.hasPrefix("/"), text.utf8.count < 108, !text.utf8.contains(0) { return text }
    reader.mistake(
      "`\(key)` cannot be \(value.quotedText)",
      remedy: "write the absolute path of the socket, with at most 107 bytes", at: value.location)
    return nil
  }

  private func mac(_ reader: MappingReader) -> MACAddress? {
    guard let value = reader.value("mac") else { return nil }
    if let text = value.scalar?.text, let mac = MACAddress(text) { return mac }
    reader.mistake(
      "`mac` cannot be \(value.quotedText)",
      remedy: "write six pairs of hexadecimal digits, as \"00:50:56:00:00:01\"",
      at: value.location)
    return nil
  }

  private func address(_ node: ConfigNode, _ reader: MappingReader) -> IPPrefix? {
    let example = "as 10.0.10.1/24 or \"fd00:10::1/64\""
    guard let text = node.scalar?.text else {
      reader.mistake(
        "an address cannot be \(node.shapeName)", remedy: "write it \(example)", at: node.location)
      return nil
    }
    if let prefix = IPPrefix(text) { return prefix }
    if let bare = IPAddress(text) {
      reader.mistake(
        "the address `\(text.excerpt)` has no prefix length",
        remedy: "write it as `\(text.excerpt)/\(bare.bitCount == 32 ? 24 : 64)`",
        at: node.location)
    } else {
      reader.mistake(
        "\(node.quotedText) is not an IP address with a prefix length",
        remedy: "write it \(example)", at: node.location)
    }
    return nil
  }
}
