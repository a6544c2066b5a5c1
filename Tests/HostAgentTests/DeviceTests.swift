// Namespaces and devices that come and go under a running agent.

import Base
import HTTP
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

extension AgentTests {
  @Test func aMissingNamespaceIsWaitedFor() throws {
    try withRig(internalOnly(), isStarted: false) { rig in
      try rig.removeNode("in2")
      try rig.startAgent("host1")
      #expect(try eventually { try rig.port("host1", "in1").state == .up })
      let port = try rig.port("host1", "in2")
      #expect(port.state == .down)
      #expect(port.message?.contains("No such file") == true, "\(port)")
      #expect(try rig.status("host1").message?.contains("in2/eth0") == true)
      try rig.addNode("in2")
      // The agent looks once a second, and asking it all the time must not keep it from that.
      #expect(try eventually { try rig.port("host1", "in2").state == .up })
      #expect(try rig.status("host1").message == nil)
      for vm in ["in1", "in2"] { try rig.address(vm) }
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
    }
  }

  @Test func whatTheKernelDropsWhileTheAgentCannotReadIsCounted() throws {
    try withRig(twoHosts()) { rig in
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
      let agent = "\(rig.agent("host2").number)"
      // A socket holds some ten thousands of small frames; the agent of the receiver stands still.
      _ = try ChildProcess.run(ChildProcess.Command(["kill", "-STOP", agent]))
      let address = try #require(IPv4Address("10.0.10.3"))
      var options = StreamSender.Options(to: address)
      options.framesPerSecond = 60_000
      let sender = try StreamSender(options, in: rig.namespace("web1"))
      let isEnough = eventually { sender.report.offered > 90_000 }
      sender.stop()
      _ = try ChildProcess.run(ChildProcess.Command(["kill", "-CONT", agent]))
      #expect(isEnough)
      let isCounted = try eventually {
        try rig.uplinks("host2").contains { $0.drops["noBuffer"] ?? 0 > 0 }
      }
      let drops = try rig.uplinks("host2").map(\.drops)
      #expect(isCounted, "\(drops)")
      let sums = try rig.switches("host2").map(\.conservation)
      let holds = sums.allSatisfy { $0.holds }
      #expect(holds, "\(sums)")
    }
  }

  @Test func aNamespaceThatIsDeletedAndMadeAgain() throws {
    try withRig(internalOnly()) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      try rig.removeNode("in2")
      #expect(try eventually { try rig.port("host1", "in2").state == .down })
      #expect(try rig.status("host1").message?.contains("in2/eth0") == true)
      #expect(try rig.port("host1", "in1").state == .up)
      try rig.expectQuietWorker("host1")
      try rig.addNode("in2")
      #expect(try eventually { try rig.port("host1", "in2").state == .up })
      try rig.address("in2")
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
    }
  }

  @Test func aDeviceThatTheGuestDeletesIsMadeAgain() throws {
    try withRig(internalOnly()) { rig in
      let index = try rig.device("eth0", of: "in2")?.index
      try NetlinkSocket(in: rig.namespace("in2")).delete("eth0")
      let isBack = try eventually {
        try rig.port("host1", "in2").state == .up && rig.device("eth0", of: "in2") != nil
      }
      #expect(isBack)
      #expect(try rig.device("eth0", of: "in2")?.index != index)
      try rig.address("in2")
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
    }
  }

  @Test func aDeviceThatTheGuestTakesDown() throws {
    try withRig(internalOnly()) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      let socket = try NetlinkSocket(in: rig.namespace("in2"))
      try socket.setDown("eth0")
      #expect(!rig.reaches("in1", "10.0.99.2", seconds: "0.2"))
      #expect(try rig.port("host1", "in2").drops["portDown"] ?? 0 > 0)
      try rig.expectQuietWorker("host1")
      try socket.setUp("eth0")
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      try rig.expectConservation("host1")
    }
  }

  /// Descriptors and memory over many changes, and no processor time when nothing happens.
  @Test func changesLeakNothing() throws {
    try withRig(twoHosts()) { rig in
      try rig.addNode("late")
      let late =
        "  - { name: late, host: host1, nics: [{ portgroup: db, addresses: [10.0.20.9/24] }] }"
      func round() throws {
        try rig.change(twoHosts(vms: late), on: "host1")
        try rig.change(twoHosts(), on: "host1")
      }
      for _ in 0..<5 { try round() }
      let process = rig.agent("host1").number
      let keeper = try #require(rig.keeper("host1")).number
      let files = [try openFiles(process), try openFiles(keeper)]
      let memory = try ResourceUse.of(process: process).residentBytes
      for _ in 0..<25 { try round() }
      // Whatever asks or looks at this moment has some open for a moment.
      var after = files
      let isEven = try eventually {
        after = [try openFiles(process), try openFiles(keeper)]
        return after[0] <= files[0] && after[1] <= files[1]
      }
      #expect(isEven, "\(after) of \(files)")
      let growth = try ResourceUse.of(process: process).residentBytes - memory
      #expect(growth < 4 << 20, "\(growth) bytes over 50 changes")
      try rig.expectQuietWorker("host1")
    }
  }

  private func openFiles(_ process: Int32) throws -> Int {
    try listDirectory("/proc/\(process)/fd").count
  }
}

extension Rig {
  /// Asserts that an agent sleeps: under a twentieth of a core over a fifth of a second.
  func expectQuietWorker(
    _ host: String, _ location: Testing.SourceLocation = #_sourceLocation
  ) throws {
    let process = agent(host).number
    // Announcements go on for 800 ms after a change, so what counts is that it becomes quiet.
    let isQuiet = try eventually {
      let before = try ResourceUse.of(process: process).processorSeconds
      let start = MonotonicClock.now()
      _ = MonotonicClock.wait(atMostNanoseconds: 200_000_000) { false }
      let seconds = Double(MonotonicClock.now().nanoseconds(since: start)) / 1e9
      return try ResourceUse.of(process: process).processorSeconds - before <= 0.05 * seconds
    }
    #expect(isQuiet, "the agent of \(host) does not sleep", sourceLocation: location)
  }
}
