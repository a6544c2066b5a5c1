// Row 45: capture points. `martlet capture` runs as people run it, into a file, and tshark reads what it
// wrote: where a frame was seen, in which order, and why one was dropped.

import Base
import Linux
import Model
import Rig
import Testing
import Wire

/// A `martlet capture` that writes a file until it is ended.
private final class RunningCapture {
  let path: String
  private let rig: Rig
  private var process: ChildProcess

  init(_ rig: Rig, _ host: String, _ options: [String]) throws {
    self.rig = rig
    path = "\(rig.folder)/capture\(MonotonicClock.now().nanoseconds).pcapng"
    var command = ChildProcess.Command(
      [martletProgram, "capture", "--socket", rig.socketPath(host), "-w", path] + options)
    command.errors = .file(path + ".log")
    process = try ChildProcess(command)
    // The file has its first block when the agent has begun.
    let file = path
    let isRunning = try eventually {
      try readFileIfPresent(file, limitBytes: 1 << 20)?.isEmpty == false
    }
    try #require(isRunning, "a capture begins")
  }

  deinit { _ = process.terminate() }

  /// Interface, comment, and the fields that are asked for, of the frames that a filter chooses.
  func rows(_ filter: String, _ fields: [String] = []) throws -> [[String]] {
    try readCapture(path, filter, ["frame.interface_name", "frame.comment"] + fields)
  }

  /// What tshark says of marked frames: for each mark where it was seen, in order, with comment and VLAN.
  func ways(atLeast count: Int) throws -> [UInt32: [[String]]] {
    let filter = "data.data[0:4] == 4d:50:4f:4c"
    _ = try rows(filter, atLeast: count)
    try rig.settle()
    var ways: [UInt32: [[String]]] = [:]
    for row in try rows(filter, ["vlan.id", "data.data"]) {
      let mark = try #require(UInt32(row[3].dropFirst(8).prefix(8), radix: 16))
      ways[mark, default: []].append(Array(row[0..<3]))
    }
    return ways
  }

  /// Waits until as many frames have come, and gives them.
  func rows(_ filter: String, atLeast count: Int, _ fields: [String] = []) throws -> [[String]] {
    var found: [[String]] = []
    _ = try eventually {
      found = try rows(filter, fields)
      return found.count >= count
    }
    return found
  }
}

extension PolicyTests {
  private func network() -> TeamNetwork {
    var network = TeamNetwork(
      "policy: failover_explicit, activeUplinks: [uplink1]",
      guests: [.init(name: "app"), .init(name: "other")])
    network.nics = ["tor1"]
    network.far = "tor1"
    network.policy = [
      "filter: [{ name: nothing, direction: ingress, etherType: 0x88b6, action: drop }]"
    ]
    return network
  }

  @Test(.enabled(if: hasPrograms("tshark"), "needs tshark"))
  func aFrameIsSeenAtEachPointOfItsWayAndADroppedOneWithItsReason() throws {
    try withRig(network().text) { rig in
      let points = "vnicIn,portIn,portOut,vnicOut,uplinkOut,uplinkIn,drop"
      let capture = try RunningCapture(rig, "host1", ["--point", points])
      let (app, other) = (try rig.teamAddress("app"), try rig.teamAddress("other"))
      let far = try #require(try rig.port("host2", "far").mac)
      let (guest, wire) = (
        try Injector(rig, .at("app")), try Injector(rig, .wire("host1", "vmnic0"))
      )
      var wanted: [UInt32: [[String]]] = [:]
      /// Sends a frame; a row for each point: its interface, the comment, the VLAN.
      func send(_ frame: TestFrame, by injector: Injector, _ rows: [[String]]) throws {
        let mark = newMark()
        try injector.send(frame.bytes(mark: mark))
        wanted[mark] = rows.map { ["host1/\($0[0])"] + $0[1...] }
      }
      let enters = [["app-eth0:vnicIn", "", ""], ["app-eth0:portIn", "", ""]]
      var frame = TestFrame(to: far, from: app)
      try send(frame, by: guest, enters + [["uplink1:uplinkOut", "", "10"]])
      frame.destination = other
      try send(
        frame, by: guest,
        enters + [["other-eth0:portOut", "", ""], ["other-eth0:vnicOut", "", ""]])
      var reply = TestFrame(to: app, from: far, tags: [.vlan(10)])
      try send(
        reply, by: wire,
        [
          ["uplink1:uplinkIn", "", "10"], ["app-eth0:portOut", "", ""],
          ["app-eth0:vnicOut", "", ""],
        ])
      // Dropped by the filter, by security, by the VLAN, and for want of a destination.
      frame.etherType = 0x88B6
      try send(frame, by: guest, [enters[0], ["app-eth0:drop", "drop: ingressFilter", ""]])
      frame.etherType = 0x88B5
      frame.source = stranger
      try send(frame, by: guest, [enters[0], ["app-eth0:drop", "drop: forgedTransmit", ""]])
      frame.source = app
      frame.tags = [.vlan(10)]
      try send(
        frame, by: guest,
        [["app-eth0:vnicIn", "", "10"], ["app-eth0:drop", "drop: vlanMismatch", "10"]])
      reply.destination = stranger
      try send(
        reply, by: wire,
        [["uplink1:uplinkIn", "", "10"], ["uplink1:drop", "drop: unknownUnicast", "10"]])
      let found = try capture.ways(atLeast: wanted.values.map(\.count).reduce(0, +))
      for (mark, rows) in wanted { #expect(found[mark] == rows) }
      try rig.expectConservation("host1")
    }
  }

  @Test(.enabled(if: hasPrograms("tshark"), "needs tshark"))
  func aCaptureIsOfWhatWasChosenAndItsChecksumsAreWhole() throws {
    try withRig(network().text) { rig in
      let captures = [
        try RunningCapture(rig, "host1", ["--port", "app/eth0", "ip and icmp"]),
        try RunningCapture(rig, "host1", ["--uplink", "uplink1", "--snap", "64"]),
        try RunningCapture(rig, "host1", ["--point", "drop"]),
      ]
      #expect(eventually { rig.reaches("app", "10.0.10.99") })
      let icmp = try captures[0].rows("icmp", atLeast: 2, ["icmp.type", "icmp.checksum.status"])
      #expect(Set(icmp.map { $0[0] }) == ["host1/app-eth0:vnicIn", "host1/app-eth0:vnicOut"])
      #expect(Set(icmp.map { $0[2] }) == ["8", "0"] && icmp.allSatisfy { $0[3] == "1" }, "\(icmp)")
      #expect(try captures[0].rows("not icmp").isEmpty, "the filter keeps ARP out")
      let uplink = try captures[1].rows(
        "eth.type == 0x8100", atLeast: 4, ["vlan.id", "frame.cap_len"])
      #expect(
        Set(uplink.map { $0[0] }).isSubset(of: [
          "host1/uplink1:uplinkOut", "host1/uplink1:uplinkIn",
        ]))
      #expect(uplink.allSatisfy { $0[2] == "10" && Int($0[3]) ?? 0 <= 64 }, "\(uplink)")
      #expect(try captures[2].rows("icmp").isEmpty, "nothing of it was dropped")
    }
  }
}
