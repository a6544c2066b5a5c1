// Row 40: filtering and marking. TCP and UDP of the kernel go through the rules, and frames byte by byte;
// what they look like afterwards is tshark's word, every checksum verified.

import Base
import Linux
import Model
import Rig
import Testing
import Wire

extension PolicyTests {
  private func filtered(_ rules: [String], uplink: [String] = []) -> TeamNetwork {
    var network = TeamNetwork(
      "policy: failover_explicit, activeUplinks: [uplink1]",
      guests: [.init(name: "app"), .init(name: "plain", portgroup: "plain")])
    network.nics = ["tor1"]
    network.far = "tor1"
    network.portgroups = ["{ name: plain, vlan: 10 }"]
    network.policy = ["filter:"] + rules.map { "  - { \($0) }" }
    if !uplink.isEmpty {
      network.settings =
        ["uplinkPortgroup:", "  name: dvs1-uplinks", "  policy:", "    filter:"]
        + uplink.map { "      - { \($0) }" }
    }
    return network
  }

  @Test(.enabled(if: hasPrograms("iperf3", "tshark", "bash"), "needs iperf3, tshark, bash"))
  func telnetIsDroppedInOneDirectionOnlyAndTheFirstRuleThatMatchesDecides() throws {
    let network = filtered([
      "name: ours, direction: ingress, protocol: tcp, destination: 10.0.10.2/32, "
        + "destinationPorts: [23], action: allow",
      "name: no-telnet, direction: ingress, protocol: tcp, destinationPorts: [23], action: drop",
      "name: too-late, direction: ingress, protocol: tcp, destinationPorts: [23, 24], action: allow",
    ])
    try withRig(network.text) { rig in
      for vm in ["app", "plain", "far"] { try rig.speak([vm].filter { $0 != "far" }) }
      let servers = [
        try IperfServer(rig, "app", port: 23), try IperfServer(rig, "plain", port: 23),
        try IperfServer(rig, "far", port: 23), try IperfServer(rig, "far", port: 24),
      ]
      let wire = network.wires[0]
      let watch = try Watch(rig, [wire])
      #expect(try rig.connects("far", to: "10.0.10.1", 23), "to the VM, it passes")
      #expect(try rig.connects("app", to: "10.0.10.99", 24), "another port")
      #expect(try rig.connects("app", to: "10.0.10.2", 23), "the rule before allows it")
      let before = try rig.drops("host1", "app", "ingressFilter")
      #expect(try !rig.connects("app", to: "10.0.10.99", 23), "from the VM, it does not")
      #expect(try rig.drops("host1", "app", "ingressFilter") > before)
      // Not a single one of its segments is on the wire; of the allowed connections both directions are.
      let telnet = try watch.tshark(
        wire, "tcp.dstport == 23 && ip.src == 10.0.10.1", ["frame.number"])
      #expect(telnet.isEmpty)
      #expect(try !watch.tshark(wire, "tcp.srcport == 23", ["frame.number"]).isEmpty)
      #expect(try !watch.tshark(wire, "tcp.dstport == 24", ["frame.number"]).isEmpty)
      // The same rules the other way round: what came first now comes too late.
      let turned = self.filtered([
        "name: no-telnet, direction: ingress, protocol: tcp, destinationPorts: [23], action: drop",
        "name: ours, direction: ingress, protocol: tcp, destination: 10.0.10.2/32, "
          + "destinationPorts: [23], action: allow",
      ])
      for host in ["host1", "host2"] { try rig.change(turned.text, on: host) }
      #expect(try !rig.connects("app", to: "10.0.10.2", 23))
      withExtendedLifetime(servers) {}
      try rig.expectConservation("host1")
    }
  }

  @Test(.enabled(if: hasPrograms("tshark"), "needs tshark"))
  func markedFramesHaveTheirDSCPAndCoSWithRightChecksums() throws {
    let network = filtered([
      "name: voice, direction: ingress, protocol: udp, destinationPorts: [\"16384-32767\"], "
        + "action: { tag: { dscp: 26, cos: 4 } }",
      "name: clear, direction: ingress, protocol: udp, destinationPorts: [53], "
        + "action: { tag: { dscp: 0 } }",
    ])
    try withRig(network.text) { rig in
      let wire = network.wires[0]
      let watch = try Watch(rig, [wire, .at("plain"), .at("far")])
      let mac = try rig.teamAddress("app")
      let peers = [try rig.teamAddress("plain"), try #require(try rig.port("host2", "far").mac)]
      let injector = try Injector(rig, .at("app"))
      // To the same host and to the other; as voice, as another port, and marked by the guest itself.
      for (peer, last) in zip(peers, [2, 99] as [UInt8]) {
        for (port, dscp) in [(20_000, 0), (20_001, 46), (9, 46), (53, 46)] as [(UInt16, UInt8)] {
          try injector.send(
            udpFrame(to: peer, from: mac, [10, 0, 10, 1], [10, 0, 10, last], port, dscp: dscp))
          try injector.send(udpFrame6(to: peer, from: mac, last, port, dscp: dscp))
        }
      }
      let fields = [
        "udp.dstport", "ip.dsfield.dscp", "ipv6.tclass.dscp", "ip.checksum.status",
        "udp.checksum.status", "vlan.priority", "vlan.id",
      ]
      func expect(_ place: Place, tag: (UInt16) -> [String]) throws {
        let ports: [UInt16] = [9, 53, 20_000, 20_001]
        let dscps: [UInt16: String] = [9: "46", 53: "0", 20_000: "26", 20_001: "26"]
        let wanted = Set(
          ports.flatMap { port -> [[String]] in
            let dscp = dscps[port] ?? ""
            return [
              ["\(port)", dscp, "", "1", "1"] + tag(port),
              ["\(port)", "", dscp, "", "1"] + tag(port),
            ]
          })
        var rows: [[String]] = []
        let isComplete = try eventually {
          rows = try watch.tshark(place, "udp", fields)
          return rows.count >= wanted.count
        }
        if Set(rows) != wanted { watch.keep() }
        #expect(isComplete && rows.count == wanted.count)
        #expect(Set(rows) == wanted, "at \(place)")
      }
      // The uplink's tag has the class of service; inside VMs there is no tag that could.
      try expect(wire) { [$0 >= 20_000 ? "4" : "0", "10"] }
      try expect(.at("plain")) { _ in ["", ""] }
      try expect(.at("far")) { _ in ["", ""] }
      try rig.expectConservation("host1")
    }
  }

  @Test func theFilterOfTheUplinksStandsBetweenTheSwitchAndTheWire() throws {
    let network = filtered(
      ["name: nothing, protocol: udp, destinationPorts: [1], action: drop"],
      uplink: [
        "name: out, direction: egress, protocol: udp, destinationPorts: [161], action: drop",
        "name: in, direction: ingress, protocol: udp, destinationPorts: [162], action: drop",
        "name: tag, direction: ingress, vlan: 10, etherType: 0x88b6, action: drop",
      ])
    try withRig(network.text) { rig in
      let wire = network.wires[0]
      let watch = try Watch(rig, [wire, .at("app"), .at("plain")])
      let (app, plain) = (try rig.teamAddress("app"), try rig.teamAddress("plain"))
      // To an address that no kernel has, so that none answers.
      func udp(_ port: UInt16, to: MACAddress, from: MACAddress) -> TestFrame {
        var frame = TestFrame(to: to, from: from)
        frame.etherType = 0x0800
        frame.head = udpHeaders([10, 0, 10, 1], [10, 0, 10, 77], port, payloadBytes: 8)
        return frame
      }
      // Out of the switch by the uplink, not to a neighbour; the other rule does not concern it.
      try watch.expect(udp(161, to: stranger, from: app), from: .at("app"), arrives: [:])
      try watch.expect(udp(162, to: stranger, from: app), from: .at("app"), arrives: [wire: 1])
      try watch.expect(udp(161, to: plain, from: app), from: .at("app"), arrives: [.at("plain"): 1])
      // From the wire into the switch.
      func fromWire(_ frame: TestFrame) -> TestFrame {
        var frame = frame
        frame.tags = [.vlan(10)]
        return frame
      }
      let refused = fromWire(udp(162, to: app, from: stranger))
      try watch.expect(refused, from: wire, arrives: [:])
      try watch.expect(
        fromWire(udp(161, to: app, from: stranger)), from: wire, arrives: [.at("app"): 1])
      var other = fromWire(TestFrame(to: app, from: stranger))
      try watch.expect(other, from: wire, arrives: [.at("app"): 1])
      other.etherType = 0x88B6
      try watch.expect(other, from: wire, arrives: [:])
      let drops = try rig.uplinks("host1")[0].drops
      #expect(drops["egressFilter"] == 1 && drops["ingressFilter"] == 2, "\(drops)")
      try rig.expectConservation("host1")
    }
  }
}

extension Rig {
  /// Whether a TCP connection opens within a second and a half.
  fileprivate func connects(_ vm: String, to address: String, _ port: Int) throws -> Bool {
    try ChildProcess.run(
      .init(
        ["timeout", "1.5", "bash", "-c", "exec 3<>/dev/tcp/\(address)/\(port)"],
        in: namespace(vm))
    ).ending.isSuccess
  }
}
