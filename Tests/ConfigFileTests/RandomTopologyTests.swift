// Valid topologies, made at random, are accepted as they are, and read back from YAML as they were.

import Base
import ConfigFile
import Model
import Testing
import Wire

@Suite struct RandomTopologyTests {
  @Test(arguments: 0..<200 as Range<UInt64>)
  func readsBackAsTheSameTopology(seed: UInt64) throws {
    var maker = TopologyMaker(random: SeededRandom(seed: seed))
    let topology = maker.topology()
    #expect(topology.validationFailures() == [], "seed \(seed)")
    let yaml = YAMLWriter.text(topology.value)
    #expect(try TopologyFile.parse(text: yaml, file: "f") == topology, "seed \(seed):\n\(yaml)")
    let json = topology.value.description
    #expect(try TopologyFile.parse(text: json, file: "f") == topology, "seed \(seed):\n\(json)")
  }
}

/// Makes valid topologies; the policies are in a file of their own.
struct TopologyMaker {
  var random: SeededRandom
  private var macs: Set<MACAddress> = []
  /// By the host of a standard switch, and the name of the switch.
  private var styles: [[String]: PolicyStyle] = [:]
  private var addressCount: UInt32 = 0

  init(random: SeededRandom) { self.random = random }

  mutating func count(_ range: ClosedRange<Int>) -> Int {
    .random(in: range, using: &random)
  }

  mutating func chance() -> Bool { .random(using: &random) }
  mutating func some<Value>(_ value: Value) -> Value? {
    chance() ? value : nil
  }

  mutating func one<Choice>(of choices: [Choice]) -> Choice {
    choices[count(0...choices.count - 1)]
  }

  mutating func topology() -> Topology {
    var topology = Topology(name: "lab-\(count(0...99))")
    for index in 0..<count(1...4) {
      // A link to an earlier switch cannot close a loop.
      let links = index > 0 && chance() ? ["tor\(count(0...index - 1))"] : []
      topology.physicalSwitches.append(PhysicalSwitch(name: "tor\(index)", links: links))
    }
    let tors = topology.physicalSwitches.map(\.name)
    for index in 0..<count(0...4) {
      let nics = (0..<count(0...6)).map { nic in
        Host.NIC(name: "vmnic\(nic)", physicalSwitch: tors[nic % tors.count])
      }
      topology.hosts.append(Host(name: "host\(index)", nics: nics))
    }
    var free = Dictionary(
      uniqueKeysWithValues: topology.hosts.map { ($0.name, $0.nics.map(\.name)) })
    for index in 0..<count(0...2) {
      topology.distributedSwitches.append(distributed("dvs\(index)", topology, &free))
    }
    for host in topology.hosts {
      for index in 0..<count(0...2) {
        topology.standardSwitches.append(standard("vSwitch\(index)", host.name, &free))
      }
    }
    for host in topology.hosts {
      let portgroups = topology.switches(onHost: host.name).flatMap { item in
        item.portgroups.map { PortGroupReference(hostSwitch: item, portgroup: $0) }
      }
      for index in 0..<count(0...3) {
        topology.vms.append(vm("vm\(index)-\(host.name)", host.name, portgroups))
      }
    }
    return topology
  }

  private mutating func distributed(
    _ name: String, _ topology: Topology, _ free: inout [String: [String]]
  ) -> DistributedSwitch {
    let uplinks = (0..<count(0...4)).map { "uplink\($0)" }
    var members: [DistributedSwitch.Member] = []
    for host in topology.hosts where chance() {
      var member = DistributedSwitch.Member(host: host.name)
      for uplink in uplinks where chance() {
        guard let nic = free[host.name]?.popLast() else { continue }
        member.uplinks.append(UplinkBinding(uplink: uplink, nic: nic))
      }
      if chance() { member.attachment = one(of: [.auto, .packet]) }
      members.append(member)
    }
    let settings = settings()
    let style = PolicyStyle(uplinks: uplinks, &self)
    styles[["", name]] = style
    return DistributedSwitch(
      name: name, mtu: chance() ? 1500 : count(1280...9190), uplinks: uplinks, hosts: members,
      policy: policy(style), portgroups: portgroups("pg.", .distributed, style, settings),
      settings: settings)
  }

  private mutating func standard(
    _ name: String, _ host: String, _ free: inout [String: [String]]
  ) -> StandardSwitch {
    let uplinks = (0..<count(0...2)).compactMap { _ in free[host]?.popLast() }
    let settings = settings()
    let style = PolicyStyle(uplinks: uplinks, &self)
    styles[[host, name]] = style
    let mtu = chance() ? 1500 : count(1280...9000)
    return StandardSwitch(
      host: host, name: name, mtu: mtu, uplinks: uplinks,
      attachment: mtu <= UplinkAttachment.largestXDPMTU ? one(of: [.auto, .xdp]) : .packet,
      policy: policy(style), portgroups: portgroups("net", .standard, style, settings),
      settings: settings)
  }

  private mutating func portgroups(
    _ prefix: String, _ kind: SwitchKind, _ style: PolicyStyle, _ settings: SwitchSettings
  ) -> [PortGroup] {
    (0..<count(0...4)).map { index in
      let vlan = vlan(kind, settings)
      var group = PortGroup(
        name: "\(prefix)\(index)_x", vlan: vlan,
        allowOverride: Set(PolicyOverride.allCases.filter { _ in chance() }),
        resetAtDisconnect: chance(), policy: policy(style, seesTags: vlan.isTrunk))
      if chance() {
        group.binding = .ephemeral
      } else {
        group.allocation = one(of: [.fixed, .elastic])
        // More than there are nics.
        group.numPorts = count(1000...8192)
      }
      return group
    }
  }

  /// Plain VLANs stay below 1000, private ones above.
  private mutating func vlan(_ kind: SwitchKind, _ settings: SwitchSettings) -> VLANSetting {
    switch count(0...3) {
    case 0: return .none
    case 1: return .access(UInt16(count(1...999)))
    case 2 where !settings.privateVlans.isEmpty:
      return .privateVLAN(one(of: settings.privateVlans).secondary)
    default: return .trunk(kind == .standard ? .all : ranges())
    }
  }

  private mutating func ranges() -> VLANRanges {
    VLANRanges(
      (0..<count(1...3)).map { _ in
        let low = UInt16(count(0...4094))
        return low...UInt16(count(Int(low)...4094))
      })
  }

  private mutating func settings() -> SwitchSettings {
    var settings = SwitchSettings()
    if chance() { settings.multicastFiltering = .snooping }
    if chance() {
      settings.multicastSnooping = MulticastSnooping(
        querier: chance(), queryInterval: count(1...3600), robustness: count(1...7),
        igmpVersion: count(1...3), mldVersion: count(1...2))
    }
    if chance() {
      settings.beacon = BeaconSettings(
        etherType: one(of: [0x88B5, 0x0600, 0xFFFF, 0x8922]), interval: count(1...60),
        misses: count(1...100))
    }
    if chance() { settings.uplinkUpDelay = count(0...600_000) }
    var next: UInt16 = 1000
    for _ in 0..<count(0...2) {
      let primary = next
      settings.privateVlans.append(.init(primary: primary, secondary: next, type: .promiscuous))
      for _ in 0..<count(0...3) {
        next += 1
        settings.privateVlans.append(.init(primary: primary, secondary: next, type: .community))
      }
      if chance() { settings.privateVlans[settings.privateVlans.count - 1].type = .isolated }
      if next == primary {
        settings.privateVlans[settings.privateVlans.count - 1].type = .promiscuous
      }
      next += 1
    }
    settings.privateVlans.shuffle(using: &random)
    if chance() {
      settings.uplinkPortgroup = UplinkPortGroup(
        name: "uplinks", vlan: chance() ? .all : ranges(),
        policy: Policy(blocked: some(chance()), filter: some(filter(seesTags: true))))
    }
    return settings
  }

  private mutating func vm(
    _ name: String, _ host: String, _ portgroups: [PortGroupReference]
  ) -> VirtualMachine {
    var vm = VirtualMachine(name: name, host: host)
    for _ in 0..<(portgroups.isEmpty ? 0 : count(0...3)) {
      var mac = MACAddress.zero
      repeat {
        mac = MACAddress(rawValue: random.next() & ~0x0100_0000_0000)
      } while mac == .zero || !macs.insert(mac).inserted
      let addresses = (0..<count(0...2)).compactMap { _ -> IPPrefix? in
        addressCount += 1
        return chance()
          ? IPPrefix(.v4(IPv4Address(rawValue: 0x0A00_0000 + addressCount)), length: 8)
          : IPPrefix(.v6(IPv6Address(high: 0xFD00 << 48, low: UInt64(addressCount))), length: 64)
      }
      let reference = one(of: portgroups)
      let qmp: String? = some("/run/\(name).qmp")
      vm.nics.append(
        VirtualMachine.NIC(
          portgroup: reference.qualifiedName, mac: mac, addresses: addresses,
          isConnected: chance(), qmp: qmp, qmpNic: qmp.flatMap { _ in some("net0") },
          vhostUser: some(vhostUser("/run/\(name)-\(vm.nics.count).sock")),
          port: some(port(in: reference))))
    }
    return vm
  }

  private mutating func vhostUser(_ path: String) -> VhostUserSocket {
    VhostUserSocket(
      path: some(path), mode: one(of: VhostUserMode.allCases), queues: count(1...64),
      owner: some(UInt32(count(0...65_535))))
  }

  private mutating func port(in reference: PortGroupReference) -> PortSettings {
    let item = reference.hostSwitch
    let allowed = reference.portgroup.allowOverride
    var port = PortSettings(id: some(UInt32(count(0...999_999))))
    if allowed.contains(.vlan) { port.vlan = some(vlan(item.kind, item.settings)) }
    let vlan = port.vlan ?? reference.portgroup.vlan
    let own = policy(
      styles[[item.kind == .standard ? item.host : "", item.name]]!, seesTags: vlan.isTrunk)
    if allowed.contains(.block) { port.policy.blocked = own.blocked }
    if allowed.contains(.security) { port.policy.security = own.security }
    if allowed.contains(.macLearning) { port.policy.macLearning = own.macLearning }
    if allowed.contains(.shaping) {
      port.policy.inShaping = own.inShaping
      port.policy.outShaping = own.outShaping
    }
    if allowed.contains(.teaming) { port.policy.teaming = own.teaming }
    if allowed.contains(.filter) { port.policy.filter = own.filter }
    return port
  }
}

extension VLANSetting {
  fileprivate var isTrunk: Bool {
    if case .trunk = self { return true }
    return false
  }
}
