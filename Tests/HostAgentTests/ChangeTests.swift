// A configuration that changes under a running agent.

import Base
import HTTP
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

extension AgentTests {
  @Test(arguments: [1, 2])
  func aChangeThatDoesNotConcernAStreamLosesNothing(workers: Int) throws {
    try withRig(twoHosts(), workers: workers) { rig in
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
      let group =
        "      - { name: other, vlan: 30, policy: { security: { forgedTransmits: true } } }"
      let late =
        "  - { name: late, host: host1, nics: [{ portgroup: db, addresses: [10.0.20.9/24] }] }"
      try rig.addNode("late")
      let monitor = try LinkMonitor(in: rig.namespace("web1"))
      let result = try rig.lostFrames(from: "web1", to: "web3", "10.0.10.3") {
        try rig.change(twoHosts(portgroups: group), on: "host1")
        try rig.change(twoHosts(vms: late, portgroups: group), on: "host1")
        guard try rig.port("host1", "late").state == .up else { return false }
        try rig.change(twoHosts(portgroups: group), on: "host1")
        try rig.change(twoHosts(), on: "host1")
        return true
      }
      #expect(result.lost == 0, "\(result)")
      #expect(result.duplicated == 0)
      #expect(try rig.status("host1").revision == 5)
      #expect(try monitor.readEvents() == [])
      #expect(try rig.device("eth0", of: "late") == nil, "unplugged: its device is gone")
      try rig.expectConservation("host1")
    }
  }

  /// The VM keeps its device, and its address, while the cable is out; its static port waits for it, an
  /// ephemeral one does not.
  @Test(arguments: ["static", "ephemeral"])
  func aCableIsPulledAndPluggedIn(_ binding: String) throws {
    let plugged = internalOnly().replacing("vlan: 0 }", with: "vlan: 0, binding: \(binding) }")
    let pulled = plugged.replacing(
      "addresses: [10.0.99.2/24]", with: "connected: false, addresses: [10.0.99.2/24]")
    try withRig(plugged) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      let before = try rig.port("host1", "in2").id
      let index = try rig.device("eth0", of: "in2")?.index
      try rig.change(pulled, on: "host1")
      #expect(try eventually { try rig.device("eth0", of: "in2")?.hasCarrier == false })
      #expect(try rig.device("eth0", of: "in2")?.index == index)
      #expect(!rig.reaches("in1", "10.0.99.2"))
      let port = try rig.ports("host1").first { $0.vm == "in2" }
      #expect(port?.state == (binding == "static" ? .down : nil))
      try rig.change(plugged, on: "host1")
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      #expect(try rig.device("eth0", of: "in2")?.index == index)
      #expect(try rig.port("host1", "in2").id == before)
      try rig.expectConservation("host1")
    }
  }

  /// A switch that is not declared any more gives its memory back, and those after it forward on.
  @Test func aSwitchThatIsRemovedIsGone() throws {
    func network(_ name: String) -> String {
      internalOnly().replacing(
        "standardSwitches:",
        with: "standardSwitches:\n  - { host: host1, name: \(name), portgroups: "
          + "[{ name: \(name)-group }] }")
    }
    try withRig(network("first")) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      func residentKiB() throws -> Int {
        let path = "/proc/\(rig.agent("host1").number)/status"
        let text = String(decoding: try readFile(path, limitBytes: 1 << 16), as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) })
      }
      try rig.change(network("other"), on: "host1")
      let before = try residentKiB()
      for number in 0..<8 { try rig.change(network("other\(number)"), on: "host1") }
      #expect(try rig.switches("host1").map(\.name).sorted() == ["other7", "vSwitch1", "vSwitch2"])
      // One switch alone takes 16 MiB.
      #expect(try residentKiB() < before + 40_000)
      #expect(rig.reaches("in1", "10.0.99.2"))
      try rig.expectConservation("host1")
    }
  }

  @Test func aBadConfigurationIsRefusedWithItsPlace() throws {
    try withRig(internalOnly()) { rig in
      let before = try rig.status("host1")
      let good = internalOnly()
      let bad = good.replacing("name: inside, vlan: 0", with: "name: inside, vlann: 0")
      let line = try #require(bad.split(separator: "\n").firstIndex { $0.contains("vlann") }) + 1
      let column = 25
      try rig.write(bad)
      let reply = try rig.reload("host1")
      let text = String(decoding: reply.body, as: UTF8.self)
      #expect(reply.status == 422)
      #expect(text.contains("\(rig.configPath):\(line):\(column):"), "\(text)")
      #expect(text.contains("vlann"))
      let after = try rig.status("host1")
      #expect(after.revision == before.revision && after.pid == before.pid)
      #expect(rig.reaches("in1", "10.0.99.2"))
      // And at the start: exit 1, and nothing made.
      rig.endAgent("host1")
      let report = try ChildProcess.run(rig.command("host1"))
      #expect(report.ending == .exited(1))
      #expect(try readFileIfPresent(rig.socketPath("host1"), limitBytes: 1) == nil)
    }
  }

  @Test func aChangeThatCannotBeRememberedIsNotMade() throws {
    try withRig(internalOnly(vms: ["in1"])) { rig in
      let before = try rig.status("host1").revision
      let file = try readFile(rig.configPath, limitBytes: 1 << 20)
      // A folder in the place of the file: no write succeeds, whoever writes.
      let ports = "\(rig.folder)/host1/ports.json"
      try removeFile(ports)
      try makeDirectory(ports)
      try rig.addNode("in2")
      let reply = try rig.client("host1").send(
        .put, HTTPTarget(segments: ["v1", "config"]), body: Array(internalOnly().utf8))
      #expect(reply.status == 422)
      #expect(String(decoding: reply.body, as: UTF8.self).contains("cannot write \(ports)"))
      #expect(try rig.status("host1").revision == before)
      #expect(try rig.ports("host1").map(\.vm) == ["in1"])
      #expect(try readFile(rig.configPath, limitBytes: 1 << 20) == file)
      try removeTree(ports)
      try rig.change(internalOnly(), on: "host1")
      #expect(try rig.ports("host1").map(\.vm) == ["in1", "in2"])
    }
  }

  @Test func hangupReadsTheFileAgain() throws {
    try withRig(internalOnly()) { rig in
      try rig.write(internalOnly(vms: ["in1"]))
      try rig.agent("host1").send(.hangUp)
      #expect(try eventually { try rig.ports("host1").count == 1 })
      #expect(try rig.device("eth0", of: "in2") == nil)
    }
  }

  /// The same device serves on: its port goes to another group, switch or address.
  @Test func aPortThatMovesKeepsItsDevice() throws {
    try withRig(internalOnly()) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      let index = try rig.device("eth0", of: "in1")?.index
      let text = internalOnly()
      let nic = "in1, host: host1, nics: [{ "
      let moves = [
        "portgroup: far", "portgroup: other", "mac: \"00:50:56:00:00:77\", portgroup: inside",
      ].map { text.replacing(nic + "portgroup: inside", with: nic + $0) }
      for (step, move) in moves.enumerated() {
        #expect(move != text)
        try rig.change(move, on: "host1")
        let port = try rig.port("host1", "in1")
        #expect(port.state == .up, "step \(step): \(port.attachment)")
        #expect(port.switch == (step == 0 ? "vSwitch2" : "vSwitch1"))
        #expect(try rig.device("eth0", of: "in1")?.index == index)
        // Only the last is on the other VM's switch and VLAN.
        if step < 2 { #expect(!rig.reaches("in1", "10.0.99.2", seconds: "0.2")) }
      }
      #expect(try rig.device("eth0", of: "in1")?.macAddress == MACAddress("00:50:56:00:00:77"))
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      try rig.expectConservation("host1")
    }
  }
}
