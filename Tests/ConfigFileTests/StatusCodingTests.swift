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
    try readsBack([port])
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
