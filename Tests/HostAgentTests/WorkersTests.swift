// Agents with several workers: that frames of a flow stay in order, that nothing is lost on the way between two
// workers, and that all of them count.

import Base
import Linux
import Model
import Rig
import Testing

extension AgentTests {
  /// In network namespaces of their own, the guests' kernels count what came out of order.
  @Test(.enabled(if: hasPrograms("iperf3"), "needs iperf3"))
  func tcpThroughTwoWorkersStaysInOrder() throws {
    let vms = (1...8).map { "in\($0)" }
    try withRig(internalOnly(vms: vms), workers: 2) { rig in
      for number in 1...4 {
        #expect(eventually { rig.reaches("in\(number)", "10.0.99.\(number + 4)") })
      }
      let servers = try (5...8).map { try IperfServer(rig, "in\($0)") }
      let clients = try (1...4).map { number in
        try rig.startIperf("in\(number)", to: "10.0.99.\(number + 4)", ["-P", "4", "-t", "2"])
      }
      for client in clients { #expect(try client.report().received.bytes > 1e6) }
      _ = servers
      for number in 5...8 {
        let node = "in\(number)"
        #expect(try rig.tcpCounter("TCPOFOQueue", of: node) == 0, "\(node)")
      }
      #expect(try rig.busyWorkers("host1").count == 2, "both have moved frames")
      #expect(try rig.status("host1").workers == 2)
      try rig.expectConservation("host1")
    }
  }

  /// Streams from all VMs to all others: each port's counters are those of both lanes.
  @Test func countersOfTwoWorkersAreThoseOfOneSwitch() throws {
    let vms = (1...4).map { "in\($0)" }
    try withRig(internalOnly(vms: vms), workers: 2) { rig in
      for to in 1...4 {
        let from = to % 4 + 1
        #expect(eventually { rig.reaches("in\(from)", "10.0.99.\(to)") })
      }
      let before = try rig.ports("host1")
      for to in 1...4 {
        let from = to % 4 + 1
        let result = try rig.lostFrames(
          from: "in\(from)", to: "in\(to)", "10.0.99.\(to)", rate: 5_000
        ) { true }
        #expect(result.lost == 0 && result.duplicated == 0, "\(result)")
      }
      let after = try rig.ports("host1")
      let sent = zip(before, after).map {
        $1.counters.packetsInUnicast - $0.counters.packetsInUnicast
      }
      let got = zip(before, after).map {
        $1.counters.packetsOutUnicast - $0.counters.packetsOutUnicast
      }
      #expect(sent.reduce(0, +) == got.reduce(0, +), "\(sent), \(got)")
      for (old, new) in zip(before, after) {
        // What guests ask for with multicast meanwhile is not for everyone.
        let news = new.drops.filter {
          $0.key != "multicastNotMember" && $0.value != old.drops[$0.key]
        }
        #expect(news.isEmpty, "\(new.drops)")
      }
      try rig.expectConservation("host1")
    }
  }

  /// An AF_XDP uplink can only be sent to by its own worker: the others hand frames over.
  @Test(.enabled(if: hasXDPSockets, needsXDPSockets))
  func framesForAnUplinkOfAnotherWorkerAreHandedOver() throws {
    let vms = """
        - { name: more1, host: host1, nics: [{ portgroup: web, addresses: [10.0.10.5/24] }] }
        - { name: more2, host: host1, nics: [{ portgroup: web, addresses: [10.0.10.6/24] }] }
      """
    let text = twoHosts(vms: vms).replacing(
      "name: host1, uplinks: {", with: "name: host1, attachment: xdp, uplinks: {")
    try withRig(text, workers: 2) { rig in
      #expect(try rig.uplink("host1").attachment == .xdp)
      for name in ["web1", "web2", "more1", "more2"] {
        #expect(eventually { rig.reaches(name, "10.0.10.3") }, "\(name)")
        let result = try rig.lostFrames(from: name, to: "web3", "10.0.10.3", rate: 2_000) { true }
        #expect(result.lost == 0 && result.duplicated == 0, "\(name): \(result)")
      }
      try rig.expectConservation("host1")
    }
  }
}

extension Rig {
  /// A counter of TcpExt in the namespace of a node.
  func tcpCounter(_ name: String, of node: String) throws -> Int {
    let text = try ChildProcess.run(
      .init(["cat", "/proc/net/netstat"], in: namespace(node))
    ).output
    // Two lines: names, and values in the same places.
    let lines = text.split(separator: "\n").filter { $0.hasPrefix("TcpExt:") }
    let place = try #require(lines.first?.split(separator: " ").firstIndex { $0 == name })
    return try #require(Int(lines[1].split(separator: " ")[place]))
  }

  /// The workers of an agent that have used a tenth of a second at least.
  func busyWorkers(_ host: String) throws -> [String] {
    let folder = "/proc/\(agent(host).number)/task"
    let listing = try ChildProcess.run(.init(["ls", folder])).output
    return try listing.split(whereSeparator: \.isWhitespace).compactMap { task in
      let text = String(
        decoding: try readFile("\(folder)/\(task)/stat", limitBytes: 4_096), as: UTF8.self)
      guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")") else {
        return nil
      }
      let name = String(text[text.index(after: open)..<close])
      let fields = text[close...].split(separator: " ")
      // utime and stime are fields 14 and 15 of proc(5), here counted from behind the name.
      let ticks = (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)
      return name.hasPrefix("worker") && ticks >= 10 ? name : nil
    }
  }
}
