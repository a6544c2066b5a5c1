// Status values, as the agent sends them and the command line reads them back.

import Base
import FoundationEssentials
import Model
import Testing
import Wire

@Suite struct StatusCodingTests {
  private func readsBack<Value: Codable & Equatable>(_ value: Value) throws {
    let text = try JSONValue(encoding: value).description
    #expect(try JSONDecoder().decode(Value.self, from: Data(text.utf8)) == value, "\(text)")
  }

  @Test(arguments: [
    VLANSetting.none, .access(10), .trunk(.all), .trunk(VLANRanges([5...5])),
    .privateVLAN(101),
  ])
  func ports(_ vlan: VLANSetting) throws {
    var port = PortStatus(
      id: "1", switch: "dvs1", portgroup: "web", host: "host1", vlan: vlan, state: .blocked,
      attachment: "tap")
    try readsBack(port)
    port.vm = "web1"
    port.device = "eth0"
    port.mac = MACAddress(rawValue: 0x0050_5600_0001)
    port.teamUplink = "uplink1"
    port.revision = .max / 4
    port.counters.bytesInUnicast = 1 << 60
    port.drops = ["vlanMismatch": 3]
    port.offload.segmentsMade = 7
    var own = Policy()
    own.filter = [FilterRule(name: "a", action: .tag(cos: nil, dscp: 46))]
    port.policy = EffectivePolicy(
      switch: Policy(), portgroup: PortGroup(name: "web", vlan: vlan),
      port: PortSettings(policy: own), uplinks: ["a"])
    port.effectiveMAC = port.mac
    port.observed = .qmp
    port.multicastAddresses = [.broadcast]
    port.teamUplinks = ["a", "b"]
    port.binding = .ephemeral
    port.inShaping = ShapingStatus(tokensBytes: 1, queuedBytes: 2, queuedFrames: 3)
    port.groups = [GroupStatus(vlan: 1, group: try #require(IPAddress("239.1.1.1")))]
    port.vhostUser = VhostUserStatus(
      socket: "/run/a.sock", mode: .client, state: .cutOff, lastCutOff: "indexJump",
      features: ["csum"], connections: 3)
    try readsBack([port])
  }

  /// What an agent says that knows none of the later fields.
  @Test func anOlderAgentCanBeRead() throws {
    let port = PortStatus(
      id: "1", switch: "s", portgroup: "p", host: "h", state: .up, attachment: "tap")
    let uplink = UplinkStatus(
      name: "u", nic: "n", host: "h", switch: "s", link: .up, role: .active, state: .up)
    #expect(try withoutNulls(port) == port)
    #expect(try withoutNulls(uplink) == uplink)
  }

  private func withoutNulls<Value: Codable>(_ value: Value) throws -> Value {
    guard case .object(var object) = try JSONValue(encoding: value) else {
      throw Failure("not an object", why: "", remedy: "")
    }
    object.members.removeAll { $0.value == .null }
    let text = JSONValue.object(object).description
    return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
  }

  /// The JSON of a rule is what the file says.
  @Test(arguments: 0..<300 as Range<UInt64>) func rules(seed: UInt64) throws {
    var maker = TopologyMaker(random: SeededRandom(seed: seed))
    let rules = maker.filter(seesTags: true)
    let value = Topology(
      name: "t",
      standardSwitches: [.init(host: "h", name: "s", policy: Policy(filter: rules))]
    ).value
    let written = value["standardSwitches"]?.elements?[0]["policy"]?["filter"]?.elements ?? []
    #expect(written.count == rules.count)
    for (rule, file) in zip(rules, written) {
      let json = try JSONValue(encoding: rule)
      for member in file.members {
        #expect(withoutNulls(json[member.key]) == member.value, "seed \(seed)")
      }
      #expect(json["direction"] == .string(rule.direction.rawValue))
      try readsBack(rule)
    }
  }

  private func withoutNulls(_ value: JSONValue?) -> JSONValue? {
    guard case .object(let object)? = value else { return value }
    return .object(
      JSONObject(
        object.members.filter { $0.value != .null }
          .map { .init($0.key, withoutNulls($0.value) ?? .null) }))
  }

  @Test func theOthers() throws {
    let mac = MACAddress(rawValue: 0x0050_5600_0001)
    let prefix = try #require(IPPrefix("fd00:10::1/64"))
    try readsBack(
      MACEntryStatus(mac: mac, vlan: 0, port: "p", type: .static, host: "h", switch: "s"))
    try readsBack(
      UplinkStatus(
        name: "u", nic: "n", host: "h", switch: "s", link: .down, role: .active, state: .down,
        speedMbps: 10_000))
    try readsBack(
      SwitchStatus(
        name: "s", kind: .standard, hosts: ["h"], mtu: 1500, uplinks: [], portgroupCount: 1,
        portsUsed: 2, portLimit: 3))
    try readsBack(
      PortGroupStatus(
        name: "p", switch: "s", vlan: .access(4094), ports: 1,
        policy: EffectivePolicy(switch: Policy(), portgroup: Policy(), uplinks: ["a", "b"])))
    try readsBack(
      VMStatus(
        name: "v", host: "h",
        nics: [
          .init(
            device: "eth0", portgroup: "p", switch: "s", mac: mac, addresses: [prefix],
            portId: "1", state: .up, teamUplink: "a")
        ]))
    try readsBack(
      HostStatus(
        name: "h", pid: 1, uptimeSeconds: 2, switchCount: 3, uplinkCount: 4, vmCount: 5,
        version: "0.1", message: "m"))
  }
}

extension JSONValue {
  fileprivate var elements: [JSONValue]? {
    guard case .array(let values) = self else { return nil }
    return values
  }

  fileprivate var members: [JSONObject.Member] {
    guard case .object(let object) = self else { return [] }
    return object.members
  }
}
