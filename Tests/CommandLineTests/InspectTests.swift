// `list` and `show` from end to end: which agents are asked, how answers are merged and printed.

import Base
import HTTP
import Linux
import Model
import Testing
import Wire

@Suite struct InspectTests {
  let runtime: Runtime

  init() throws { runtime = try Runtime() }

  /// A lab of two hosts with a VM on each.
  func startLab(_ name: String = "quickstart") throws {
    try runtime.start(lab: name, AgentRows(host: "host1", number: 1))
    try runtime.start(lab: name, AgentRows(host: "host2", number: 2))
  }

  @Test func theOnlyLabIsFound() throws {
    try startLab()
    let list = try runtime.run("port list")
    #expect(list.status == 0 && list.errors.isEmpty)
    #expect(
      list.cells == [
        [
          "ID", "VM", "NIC", "MAC", "PORTGROUP", "VLAN", "HOST", "SWITCH", "STATE", "UPLINK",
          "IN", "OUT", "DROPS", "ATTACHED",
        ],
        [
          "web1-eth0", "web1", "eth0", "00:50:56:00:00:01", "web", "10", "host1", "dvs1", "up",
          "uplink1", "43", "0", "7", "tap",
        ],
        [
          "web2-eth0", "web2", "eth0", "00:50:56:00:00:02", "web", "10", "host2", "dvs1", "up",
          "-", "44", "0", "7", "tap",
        ],
      ])
    let starts = list.lines.map { $0.count - ($0.split(separator: " ").last?.count ?? 0) }
    #expect(Set(starts).count == 1, "columns line up")
    #expect(try runtime.run("port list --no-headers").cells == Array(list.cells.dropFirst()))
  }

  @Test(arguments: [
    ("switch list", 4, "dvs1 distributed host1,host2 1500 uplink1 1 2 1"),
    ("portgroup list", 2, "web dvs1 10 2 loadbalance_srcid uplink1 -"),
    ("uplink list", 3, "uplink1 vmnic0 host1 dvs1 up active up 10000 0 0 0"),
    ("mac list", 5, "00:50:56:00:00:01 10 web1-eth0 web1 static - host1 dvs1"),
    ("vm list", 3, "web1 host1 eth0 00:50:56:00:00:01 10.0.10.1/24 web up"),
    ("host list", 3, "host1 1 2 1 1 5 42 0.1.0 -"),
    ("mac list --switch dvs1 --host host1", 3, "00:00:00:00:00:aa 10 uplink1 - external 7"),
    ("uplink list --host host2", 2, "uplink1 vmnic0 host2 dvs1 up active up - 0 0 0"),
    ("switch list --switch vSwitch0", 3, "vSwitch0 standard host2 9000 - 0 0 0"),
    ("switch list --host host2", 3, "dvs1 distributed host2 1500 uplink1 1 1 2"),
    ("port list --switch vSwitch0", 1, "ID VM NIC MAC"),
    ("portgroup list --host host2", 2, "web dvs1 10 1 loadbalance_srcid uplink1 -"),
    ("vm list --switch dvs1", 3, "web2 host2 eth0"),
    ("vm list --switch vSwitch0", 1, "NAME HOST NICS"),
    ("host list --switch vSwitch0", 3, "host2 1 2 1 1 5 42"),
  ])
  func tables(_ line: String, _ count: Int, _ row: String) throws {
    try startLab()
    let list = try runtime.run(line)
    #expect(list.status == 0 && list.errors.isEmpty)
    #expect(list.lines.count == count)
    let rows = list.cells.map { $0.joined(separator: " ") }
    #expect(rows.contains { $0.hasPrefix(row) }, "\(rows)")
  }

  @Test func jsonIsAnArrayOfObjects() throws {
    try startLab()
    struct Port: Decodable {
      var id: String
      var counters: [String: Int]
      var drops: [String: Int]
      var teamUplink: String?
    }
    for line in ["port list -o json", "port list --output=json", "port list -ojson"] {
      let list = try runtime.run(line)
      let ports = try JSONText.decode([Port].self, from: Array(list.output.utf8))
      #expect(ports.map(\.id) == ["web1-eth0", "web2-eth0"])
      #expect(ports[1].drops == ["forgedTransmit": 3, "vlanMismatch": 4])
      #expect(ports[0].counters["packetsInUnicast"] == 41)
      #expect(list.output.contains("\"teamUplink\": null"), "every object has every key")
      #expect(list.output.contains("\"mac\": \"00:50:56:00:00:01\""))
    }
    let show = try runtime.run("port show web2 -o json")
    #expect(try JSONText.decode([Port].self, from: Array(show.output.utf8)).count == 1)
    #expect(try runtime.run("port list --switch vSwitch0 -o json").output == "[]\n")
  }

  @Test func yamlSaysTheSame() throws {
    try startLab()
    let list = try runtime.run("mac list --host host1 -o yaml")
    #expect(list.status == 0)
    #expect(list.lines.contains { $0.contains("type: static") })
    #expect(list.lines.contains { $0 == "- mac: \"00:50:56:00:00:01\"" }, "\(list.output)")
  }

  @Test func showTellsEverything() throws {
    try startLab()
    let show = try runtime.run("port show WEB1")
    #expect(show.cells.contains(["packetsIn", "41", "0", "2", "0", "0"]))
    #expect(show.cells.contains(["forgedTransmit", "3"]))
    #expect(!show.output.contains("web2"))
    let policy = try runtime.run("portgroup show web")
    #expect(policy.cells.contains(["teaming.policy", "loadbalance_srcid", "default"]))
    let both = try runtime.run("uplink show vmnic0")
    #expect(both.cells.filter { $0.first == "host" }.map { $0[1] } == ["host1", "host2"])
    let vm = try runtime.run("vm show web1")
    #expect(vm.cells.contains(["nics[0].addresses", "10.0.10.1/24"]))
  }

  @Test func aPolicyTellsWhoSetEachField() throws {
    var rows = try AgentRows(host: "host1", number: 1)
    let rule = FilterRule(
      name: "no-dns", direction: .ingress, protocol: .udp, destinationPorts: [FilterRange(53...53)],
      action: .drop)
    let portgroup = PortGroup(
      name: "web", vlan: .access(10),
      policy: Policy(
        inShaping: ShapingPolicy(averageBandwidth: 10_000_000, burstSize: 1 << 20), filter: [rule]))
    let own = PortSettings(
      vlan: .access(30), policy: Policy(outShaping: ShapingPolicy(averageBandwidth: 64_001)))
    rows.ports[0].policy = EffectivePolicy(
      switch: Policy(security: SecurityPolicy(macChanges: false)), portgroup: portgroup, port: own,
      uplinks: ["uplink1"])
    try runtime.start(lab: "quickstart", rows)
    let show = try runtime.run("port show web1/eth0")
    #expect(show.status == 0 && show.errors.isEmpty)
    for line in [
      "POLICY VALUE FROM", "blocked false default", "vlan 30 port",
      "security.macChanges false switch", "inShaping.averageBandwidth 10M portgroup",
      "inShaping.burstSize 1MB portgroup", "outShaping.averageBandwidth 64001 port",
      "filter[0] no-dns: ingress, protocol udp, destinationPorts 53: drop portgroup",
      "teaming.activeUplinks uplink1 default",
    ] {
      #expect(show.cells.contains(line.split(separator: " ").map(String.init)), "\(line)")
    }
    struct Port: Decodable { var policy: EffectivePolicy }
    let json = try runtime.run("port show web1/eth0 -o json")
    let ports = try JSONText.decode([Port].self, from: Array(json.output.utf8))
    #expect(ports.map(\.policy) == [rows.ports[0].policy])
  }

  @Test(arguments: [
    ("blocked", "nothing: its policy blocks it (portBlocked)"),
    ("conflict", "its frames"),
    ("down", "nothing: no such device"),
    ("changed", "nothing: the VM has set its nic to 00:00:00:00:00:aa, and macChanges is false (m"),
    ("allowed", "its frames"), ("promiscuous", "all frames of its VLANs (promiscuous)"),
    ("asks", "its frames; the VM asks for all, and allowPromiscuous is false"),
  ])
  func showTellsWhyNothingIsReceived(_ situation: String, _ words: String) throws {
    var rows = try AgentRows(host: "host1", number: 1)
    var policy = Policy(security: SecurityPolicy(allowPromiscuous: situation == "promiscuous"))
    var port = rows.ports[0]
    port.effectiveMAC = port.mac
    switch situation {
    case "blocked": port.isBlocked = true
    case "conflict": port.isConflict = true
    case "down": (port.state, port.message) = (.down, "no such device")
    case "changed": port.effectiveMAC = MACAddress(rawValue: 0xAA)
    case "allowed":
      port.effectiveMAC = MACAddress(rawValue: 0xAA)
      policy.security.macChanges = true
    default: port.promiscuous = true
    }
    port.policy = EffectivePolicy(switch: policy, portgroup: Policy(), uplinks: [])
    rows.ports = [port]
    try runtime.start(lab: "quickstart", rows)
    let show = try runtime.run("port show web1")
    #expect(show.lines.contains { $0.hasPrefix("receives") && $0.contains("  \(words)") })
    let conflicts = try runtime.run("port list --conflict --no-headers")
    #expect(conflicts.lines.count == (situation == "conflict" ? 1 : 0))
  }

  @Test func portsTellTheirGuestsBehindVhostUser() throws {
    var rows = try AgentRows(host: "host1", number: 1)
    var port = rows.ports[0]
    (port.state, port.attachment) = (.down, "vhost-user")
    port.message = "the guest was cut off: a chain without an end"
    port.vhostUser = VhostUserStatus(
      socket: "/run/martlet/web1-eth0.sock", mode: .server, state: .cutOff,
      lastCutOff: "chainTooLong", features: ["csum", "mrgRxbuf"], cutOffs: 3)
    rows.ports = [port]
    try runtime.start(lab: "quickstart", rows)
    #expect(try runtime.run("port list --no-headers").cells[0].last == "vhost-user")
    let show = try runtime.run("port show web1")
    for words in [
      ["vhostUser.socket", "/run/martlet/web1-eth0.sock"], ["vhostUser.mode", "server"],
      ["vhostUser.state", "cutOff"], ["vhostUser.lastCutOff", "chainTooLong"],
      ["vhostUser.features", "csum, mrgRxbuf"], ["vhostUser.cutOffs", "3"],
    ] {
      #expect(show.lines.contains { $0.hasPrefix(words[0]) && $0.hasSuffix("  \(words[1])") })
    }
    #expect(show.lines.contains { $0.hasPrefix("receives") && $0.contains("was cut off") })
  }

  @Test func uplinksTellBeaconsAndLoad() throws {
    var rows = try AgentRows(host: "host1", number: 1)
    rows.uplinks[0].beacon = .shotgun
    rows.uplinks[0].loadInMbps = 12.349
    rows.uplinks[0].drops = ["uplinkDown": 5]
    rows.uplinks[0].attachment = .xdp
    rows.uplinks[0].attachmentReason = "asked for; copy"
    try runtime.start(lab: "quickstart", rows)
    let list = try runtime.run("uplink list")
    #expect(list.cells[0].suffix(4) == ["BEACON", "MBPSIN", "MBPSOUT", "ATTACHED"])
    #expect(list.cells[1].suffix(5) == ["5", "shotgun", "12.3", "-", "xdp"])
    let show = try runtime.run("uplink show uplink1")
    #expect(show.cells.contains(["beacon", "shotgun"]))
    #expect(show.lines.contains { $0.hasPrefix("attachmentReason") && $0.hasSuffix("; copy") })
    #expect(show.cells.contains(["uplinkDown", "5"]))
    #expect(show.cells.contains(["packetsOut", "0", "0", "0", "0", "0"]))
    #expect(show.cells.contains(["bytesIn", "0", "0", "0", "-", "-"]))
  }

  @Test func groupsTellWhoJoined() throws {
    try startLab()
    let list = try runtime.run("group list")
    #expect(list.status == 0 && list.errors.isEmpty, "\(list.errors)")
    #expect(
      list.cells == [
        [
          "GROUP", "VLAN", "PORT", "VM", "NIC", "MODE", "SOURCES", "EXPIRES", "HOST", "SWITCH",
        ],
        [
          "239.1.1.1", "10", "web1-eth0", "web1", "eth0", "include", "10.0.10.7,10.0.10.8", "259",
          "host1", "dvs1",
        ],
        [
          "239.1.1.1", "10", "web2-eth0", "web2", "eth0", "exclude", "-", "259", "host2", "dvs1",
        ],
      ])
    #expect(try runtime.run("group list --host host2 --no-headers").lines.count == 1)
    #expect(try runtime.run("group list --switch vSwitch0 --no-headers").lines.isEmpty)
    #expect(
      try runtime.run("group show web1").cells.contains(["sources", "10.0.10.7,", "10.0.10.8"]))
    let json = try runtime.run("group show 239.1.1.1 -o json")
    let rows = try JSONText.decode([GroupMemberStatus].self, from: Array(json.output.utf8))
    #expect(rows.map(\.vm) == ["web1", "web2"])
    #expect(json.output.contains("\"expiresInSeconds\": 259"))
  }

  @Test func aNameThatIsNotThereIsAnError() throws {
    try startLab()
    let show = try runtime.run("vm show web9")
    #expect(show.status == 1 && show.output.isEmpty)
    #expect(show.errors.contains("cannot find vm web9: the known ones are web1, web2; did you"))
    let host = try runtime.run("port list --host hots1")
    #expect(host.status == 1)
    #expect(host.errors.contains("the hosts are host1, host2; did you mean --host host1?"))
    let none = try runtime.run("host list --switch dsv1")
    #expect(none.status == 1 && none.output.isEmpty)
    #expect(none.errors.contains("cannot find switch dsv1: the known ones are dvs1, vSwitch0; did"))
    let `switch` = try runtime.run("port list --switch dsv1")
    #expect(`switch`.status == 1 && `switch`.output.isEmpty)
    #expect(`switch`.errors.contains("the known ones are dvs1, vSwitch0; did you mean dvs1?"))
  }

  @Test func severalLabsWantAChoice() throws {
    try startLab("red")
    try startLab("blue")
    let list = try runtime.run("vm list")
    #expect(list.status == 1)
    #expect(list.errors.contains("several are running: blue, red; name one with --lab"))
    #expect(try runtime.run("vm list --lab red").lines.count == 3)
    let wrong = try runtime.run("vm list --lab rde")
    #expect(wrong.status == 1)
    #expect(wrong.errors.contains("the labs are blue, red; did you mean --lab red?"))
  }

  @Test func withoutALabTheLocalAgentIsAsked() throws {
    let none = try runtime.run("vm list")
    #expect(none.status == 1)
    #expect(none.errors.contains("no lab is running, and there is no \(runtime.folder)/agent.sock"))
    try runtime.start(
      socket: "\(runtime.folder)/agent.sock", AgentRows(host: "solo", number: 3).router)
    #expect(try runtime.run("vm list --no-headers").cells[0][0] == "web3")
    try startLab()
    #expect(try runtime.run("vm list").lines.count == 3, "a lab comes first")
    let path = "\(runtime.folder)/agent.sock"
    #expect(try runtime.run("vm list --no-headers --socket \(path)").cells[0][0] == "web3")
  }

  @Test func aDeadAgentIsNamedAndTheOthersAreShown() throws {
    try startLab()
    try makeDirectory("\(runtime.folder)/labs/quickstart/hosts/host3")
    let list = try runtime.run("vm list --no-headers")
    #expect(list.status == 1)
    #expect(list.cells.map { $0[0] } == ["web1", "web2"])
    #expect(list.errors.hasPrefix("martlet: error: host host3: cannot GET /v1/vms at "))
    #expect(list.errors.split(separator: "\n").count == 1)
    let show = try runtime.run("vm show web1 -o json")
    #expect(show.status == 1 && show.output.contains("\"web1\""))
  }

  @Test func anAgentOfAnotherVersionIsNamed() throws {
    try startLab()
    var router = HTTPRouter()
    router.on(.get, "/v1/vms") { _ in .json([["name": 5]]) }
    let folder = "\(runtime.folder)/labs/quickstart/hosts/host3"
    try makeDirectory(folder)
    try runtime.start(socket: "\(folder)/agent.sock", router)
    let vms = try runtime.run("vm list --no-headers")
    #expect(vms.status == 1 && vms.lines.count == 2)
    #expect(vms.errors.contains("cannot read the answer of host3: [0].name: "))
    let ports = try runtime.run("port list --no-headers")
    #expect(ports.errors.contains("host host3: cannot GET /v1/ports: there is no such path"))
  }

  @Test func aLargeTableComesWhole() throws {
    var rows = try AgentRows(host: "host1", number: 1)
    let row = rows.macs[1]
    rows.macs = (0..<5000 as Range<UInt64>).map { number in
      var row = row
      row.mac = MACAddress(rawValue: number)
      return row
    }
    try runtime.start(lab: "quickstart", rows)
    #expect(try runtime.run("mac list --no-headers").lines.count == 5000)
    let list = try runtime.run("mac list -o json")
    #expect(try JSONText.decode([MACEntryStatus].self, from: Array(list.output.utf8)) == rows.macs)
  }

  @Test func flushSumsWhatAgentsForgot() throws {
    try startLab()
    #expect(try runtime.run("mac flush").output == "flushed 6 addresses\n")
    #expect(try runtime.run("mac flush --host host2").output == "flushed 3 addresses\n")
    let port = try runtime.run("mac flush --port web2-eth0")
    #expect(port.status == 0 && port.output == "flushed 1 address\n", "only its host is asked")
    let none = try runtime.run("mac flush --port web9-eth0")
    #expect(none.status == 1 && none.errors.contains("cannot find port web9-eth0"))
  }
}
