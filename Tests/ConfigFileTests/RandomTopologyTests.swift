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

/// Makes valid topologies.
private struct TopologyMaker {
  var random: SeededRandom
  private var macs: Set<MACAddress> = []
  private var addressCount: UInt32 = 0

  init(random: SeededRandom) { self.random = random }

  private mutating func count(_ range: ClosedRange<Int>) -> Int {
    .random(in: range, using: &random)
  }

  private mutating func chance() -> Bool { .random(using: &random) }
  private mutating func some<Value>(_ value: Value) -> Value? {
    chance() ? value : nil
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
        item.portgroups.map { "\(item.name)/\($0.name)" }
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
      members.append(member)
    }
    return DistributedSwitch(
      name: name, mtu: chance() ? 1500 : count(1280...9190), uplinks: uplinks, hosts: members,
      policy: policy(uplinks),
      portgroups: (0..<count(0...4)).map { index in
        let ranges = (0..<count(1...3)).map { _ in
          let low = UInt16(count(0...4094))
          return low...UInt16(count(Int(low)...4094))
        }
        let vlans: [VLANSetting] = [.none, .access(UInt16(count(1...4094))), .trunk(.init(ranges))]
        return PortGroup(
          name: "pg.\(index)_x", vlan: vlans[count(0...2)], policy: policy(uplinks))
      })
  }

  private mutating func standard(
    _ name: String, _ host: String, _ free: inout [String: [String]]
  ) -> StandardSwitch {
    let uplinks = (0..<count(0...2)).compactMap { _ in free[host]?.popLast() }
    return StandardSwitch(
      host: host, name: name, mtu: chance() ? 1500 : count(1280...9000), uplinks: uplinks,
      policy: policy(uplinks),
      portgroups: (0..<count(0...3)).map { index in
        let vlans: [VLANSetting] = [.none, .access(UInt16(count(1...4094))), .trunk(.all)]
        return PortGroup(name: "net\(index)", vlan: vlans[count(0...2)], policy: policy(uplinks))
      })
  }

  private mutating func policy(_ uplinks: [String]) -> Policy {
    var policy = Policy()
    policy.security = SecurityPolicy(
      allowPromiscuous: some(false), macChanges: some(false), forgedTransmits: some(chance()))
    policy.macLearning = MACLearningPolicy(
      enabled: some(chance()), allowUnicastFlooding: some(chance()), limit: some(count(1...4096)),
      limitPolicy: some(chance() ? .drop : .allow))
    policy.teaming = TeamingPolicy(
      policy: some(chance() ? .portID : .explicitOrder), failureDetection: some(.linkStatus),
      failback: some(chance()), notifySwitches: some(chance()))
    if chance() {
      let order = uplinks.shuffled(using: &random)
      let active = count(0...order.count)
      policy.teaming.activeUplinks = Array(order[..<active])
      policy.teaming.standbyUplinks = some(Array(order[active..<count(active...order.count)]))
    }
    return policy
  }

  private mutating func vm(
    _ name: String, _ host: String, _ portgroups: [String]
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
      vm.nics.append(
        VirtualMachine.NIC(
          portgroup: portgroups[count(0...portgroups.count - 1)], mac: mac, addresses: addresses))
    }
    return vm
  }
}
