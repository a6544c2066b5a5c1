// The JSON that scripts rely on: every key, in order, exactly.

import Base
import Model
import Testing
import Wire

private let mac = MACAddress(rawValue: 0x0050_5600_0001)

@Suite struct StatusTests {
  private func keys(_ value: some Encodable) throws -> [String] {
    guard case .object(let object) = try JSONValue(encoding: value) else { return [] }
    return object.members.map(\.key)
  }

  @Test func aPort() throws {
    let port = PortStatus(
      id: "web1.eth0", switch: "dvs1", portgroup: "web", host: "host1", vm: "web1",
      device: "eth0", mac: mac, vlan: .access(10), state: .up, teamUplink: nil, revision: 3,
      drops: ["vlanMismatch": 2, "forgedTransmit": 1], attachment: "tap")
    let json = try JSONValue(encoding: port)
    #expect(
      try keys(port) == [
        "id", "switch", "portgroup", "host", "vm", "device", "mac", "vlan", "state", "teamUplink",
        "revision", "counters", "drops", "attachment", "message", "offload", "policy", "isBlocked",
        "effectiveMAC", "promiscuous", "observed", "multicastAddresses", "teamUplinks",
        "isConflict", "binding", "inShaping", "outShaping", "groups", "vhostUser",
      ])
    #expect(json["mac"] == "00:50:56:00:00:01")
    #expect(json["vlan"] == 10)
    #expect(json["state"] == "up")
    #expect(json["teamUplink"] == .null)
    #expect(json["drops"] == ["forgedTransmit": 1, "vlanMismatch": 2])
  }

  @Test func addressesAreText() throws {
    let v4 = try #require(IPv4Address("10.0.10.1"))
    let v6 = try #require(IPv6Address("fd00:10::1"))
    #expect(try JSONValue(encoding: mac) == "00:50:56:00:00:01")
    #expect(try JSONValue(encoding: v4) == "10.0.10.1")
    #expect(try JSONValue(encoding: v6) == "fd00:10::1")
    #expect(try JSONValue(encoding: IPAddress.v4(v4)) == "10.0.10.1")
    #expect(try JSONValue(encoding: IPPrefix("fd00:10::1/64")) == "fd00:10::1/64")
  }

  @Test func countersHaveTheNamesOfVSphere() throws {
    let kinds = ["Unicast", "Multicast", "Broadcast"]
    var names = ["In", "Out"].flatMap { way in
      ["packets", "bytes"].flatMap { unit in kinds.map { unit + way + $0 } }
    }
    names += ["packetsInDropped", "packetsOutDropped", "packetsInException", "packetsOutException"]
    #expect(try keys(PortCounters()) == names)
  }

  @Test func theOthers() throws {
    let entry = MACEntryStatus(
      mac: mac, vlan: 10, port: "uplink1", type: .external, ageSeconds: 4, host: "host1",
      switch: "dvs1")
    #expect(
      try keys(entry) == ["mac", "vlan", "port", "vm", "type", "ageSeconds", "host", "switch"])
    let uplink = UplinkStatus(
      name: "uplink1", nic: "vmnic0", host: "host1", switch: "dvs1", link: .up, role: .standby,
      state: .recovering)
    #expect(
      try keys(uplink) == [
        "name", "nic", "host", "switch", "link", "role", "state", "speedMbps", "counters", "drops",
        "offload", "beacon", "loadInMbps", "loadOutMbps", "attachment",
        "attachmentReason",
      ])
    let item = SwitchStatus(
      name: "dvs1", kind: .distributed, hosts: ["host1"], mtu: 1500, uplinks: ["uplink1"],
      portgroupCount: 2, portsUsed: 3, portLimit: 64)
    #expect(
      try keys(item) == [
        "name", "kind", "hosts", "mtu", "uplinks", "portgroupCount", "portsUsed", "portLimit",
        "revision", "conservation", "multicastFiltering",
      ])
    #expect(try JSONValue(encoding: item)["kind"] == "distributed")
    let vm = VMStatus(
      name: "web1", host: "host1",
      nics: [
        .init(
          device: "eth0", portgroup: "web", switch: "dvs1", mac: mac, portId: "1", state: .fenced)
      ])
    #expect(try keys(vm) == ["name", "host", "nics"])
    #expect(
      try keys(vm.nics[0]) == [
        "device", "portgroup", "switch", "mac", "addresses", "portId", "state", "teamUplink",
        "vhostUser",
      ])
    #expect(
      try keys(VhostUserStatus(socket: "/run/a.sock", mode: .server)) == [
        "socket", "mode", "state", "lastCutOff", "features", "receiveQueues", "transmitQueues",
        "queueEntries", "memoryBytes", "connections", "refusals", "cutOffs",
      ])
    let host = HostStatus(
      name: "host1", pid: 1, uptimeSeconds: 2, switchCount: 1, uplinkCount: 2, vmCount: 3,
      version: "0.1")
    #expect(
      try keys(host) == [
        "name", "revision", "pid", "uptimeSeconds", "switchCount", "uplinkCount", "vmCount",
        "version", "message", "poll", "workers",
      ])
  }

  @Test func aPolicyTellsWhereEachFieldCameFrom() throws {
    var own = Policy()
    own.teaming.policy = .explicitOrder
    let status = PortGroupStatus(
      name: "web", switch: "dvs1", vlan: .trunk(.all), ports: 2,
      policy: EffectivePolicy(switch: Policy(), portgroup: own, uplinks: ["uplink1"]))
    #expect(
      try keys(status) == [
        "name", "switch", "vlan", "ports", "policy", "binding", "allocation", "numPorts",
        "usedPorts",
      ])
    #expect(
      try keys(status.policy) == [
        "blocked", "vlan", "security", "macLearning", "inShaping", "outShaping", "filter",
        "teaming",
      ])
    #expect(
      try keys(status.policy.inShaping) == [
        "enabled", "averageBandwidth", "peakBandwidth", "burstSize",
      ])
    let teaming = try JSONValue(encoding: status)["policy"]?["teaming"]
    #expect(teaming?["policy"] == ["value": "failover_explicit", "source": "portgroup"])
    #expect(teaming?["activeUplinks"] == ["value": ["uplink1"], "source": "default"])
  }

  @Test func conservationIsASum() {
    var sums = ConservationStatus()
    sums.received = 10
    sums.replicated = 3
    sums.generated = 1
    sums.delivered = 12
    sums.dropped = 1
    #expect(!sums.holds)
    sums.queued = 1
    #expect(sums.holds)
  }
}
