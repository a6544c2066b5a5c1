// An agent that is killed, ended or started twice: what the guest notices, which is nothing.

import Base
import Glibc
import HTTP
import Linux
import Model
import Netlink
import Rig
import Testing
import Wire

extension AgentTests {
  @Test func aKilledAgentIsNotNoticedByItsGuests() throws {
    try withRig(twoHosts()) { rig in
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
      let index = try rig.device("eth0", of: "web1")?.index
      let ids = try portIDs(rig)
      let keeper = rig.keeper("host1")
      let monitor = try LinkMonitor(in: rig.namespace("web1"))
      try rig.killAgent("host1")
      let whileAway = try #require(try rig.device("eth0", of: "web1"))
      #expect(whileAway.isLinkUp)
      try rig.startAgent("host1")
      try rig.waitForPorts("host1")
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
      #expect(try monitor.readEvents() == [], "no news of any link in the guest")
      #expect(try rig.device("eth0", of: "web1")?.index == index)
      #expect(try portIDs(rig) == ids)
      #expect(rig.keeper("host1") == keeper)
    }
  }

  /// A port says whether its guest takes frames, and no restart or change sets the guest's device up.
  @Test func aDeviceThatItsGuestSetDownStaysDown() throws {
    try withRig(internalOnly()) { rig in
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
      try rig.run(["ip", "link", "set", "eth0", "down"], in: rig.namespace("in2"))
      #expect(try eventually { try rig.port("host1", "in2").state == .down })
      #expect(try rig.port("host1", "in2").message == "the VM has set its nic down")
      try rig.killAgent("host1")
      try rig.startAgent("host1")
      #expect(try eventually { try rig.port("host1", "in1").state == .up })
      #expect(try rig.port("host1", "in2").state == .down)
      #expect(try rig.device("eth0", of: "in2")?.isUp == false)
      try rig.run(["ip", "link", "set", "eth0", "up"], in: rig.namespace("in2"))
      #expect(try eventually { try rig.port("host1", "in2").state == .up })
      #expect(try rig.port("host1", "in2").message == nil)
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
    }
  }

  @Test func devicesAreAdoptedByNameWhenTheKeeperWasKilledToo() throws {
    try withRig(twoHosts()) { rig in
      let index = try rig.device("eth0", of: "web1")?.index
      let ids = try portIDs(rig)
      let keeper = try #require(rig.keeper("host1"))
      try rig.killAgent("host1")
      try keeper.kill()
      #expect(try eventually { try rig.device("eth0", of: "web1")?.hasCarrier == false })
      try rig.startAgent("host1")
      try rig.waitForPorts("host1")
      #expect(try rig.device("eth0", of: "web1")?.index == index)
      #expect(try portIDs(rig) == ids)
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
    }
  }

  @Test func aKeeperThatIsKilledIsReplaced() throws {
    try withRig(internalOnly(vms: ["in1"])) { rig in
      let first = try #require(rig.keeper("host1"))
      let monitor = try LinkMonitor(in: rig.namespace("in1"))
      try first.kill()
      #expect(eventually { rig.keeper("host1").map { $0 != first } ?? false })
      #expect(ProcessIdentity(process: first.number) != first, "waited for: it is no zombie")
      try rig.addNode("in2")
      try rig.change(internalOnly(), on: "host1")
      #expect(try rig.port("host1", "in2").state == .up)
      // What the new one has is what matters: the agent dies, and the guest notices nothing.
      try rig.killAgent("host1")
      try rig.startAgent("host1")
      try rig.waitForPorts("host1")
      #expect(try monitor.readEvents() == [])
      #expect(rig.keeper("host1") != nil)
    }
  }

  @Test func aKeeperThatHangsIsReplaced() throws {
    try withRig(internalOnly(vms: ["in1"])) { rig in
      let hung = try #require(rig.keeper("host1"))
      defer { _ = try? hung.kill() }
      let monitor = try LinkMonitor(in: rig.namespace("in1"))
      try #require(kill(hung.number, SIGSTOP) == 0)
      try rig.addNode("in2")
      try rig.change(internalOnly(), on: "host1")
      #expect(try rig.port("host1", "in2").state == .up)
      #expect(!hung.isAlive)
      #expect(try monitor.readEvents() == [], "the agent has the devices meanwhile")
    }
  }

  @Test func aLogFileHasABound() throws {
    try withRig(internalOnly(vms: ["in1"])) { rig in
      // SAFETY: a C string for the call.
      try #require(unsafe truncate(rig.logPath("host1"), 9 << 20) == 0)
      let keeper = try #require(rig.keeper("host1"))
      try keeper.kill()
      #expect(eventually { rig.log("host1").contains("the keeper of TAP descriptors is gone") })
      #expect(try readFile(rig.logPath("host1"), limitBytes: 1 << 20).count < 4096)
    }
  }

  @Test func aSecondAgentWithTheSameStateIsRefused() throws {
    try withRig(internalOnly()) { rig in
      var command = rig.command("host1")
      let socket = try #require(command.arguments.firstIndex(of: rig.socketPath("host1")))
      command.arguments[socket] += "2"
      let report = try ChildProcess.run(command)
      #expect(report.ending == .exited(1))
      #expect(report.errors.contains("another agent uses the state folder"), "\(report.errors)")
      #expect(rig.reaches("in1", "10.0.99.2"))
    }
  }

  @Test func aCleanEndLeavesTheDevicesForTheNextAgent() throws {
    try withRig(twoHosts()) { rig in
      let index = try rig.device("eth0", of: "web1")?.index
      let agent = rig.agent("host1")
      let monitor = try LinkMonitor(in: rig.namespace("web1"))
      rig.endAgent("host1")
      #expect(!agent.isAlive)
      #expect(try readFileIfPresent(rig.socketPath("host1"), limitBytes: 1) == nil)
      #expect(try rig.device("eth0", of: "web1")?.isLinkUp == true)
      try rig.startAgent("host1")
      try rig.waitForPorts("host1")
      #expect(try rig.device("eth0", of: "web1")?.index == index)
      #expect(try monitor.readEvents() == [])
      #expect(eventually { rig.reaches("web1", "10.0.10.3") })
    }
  }

  @Test func aSecondAgentOnTheSameSocketIsRefused() throws {
    try withRig(internalOnly()) { rig in
      var command = rig.command("host1")
      let state = try #require(command.arguments.firstIndex(of: "\(rig.folder)/host1"))
      command.arguments[state] += "-other"
      let report = try ChildProcess.run(command)
      #expect(report.ending == .exited(1))
      #expect(report.errors.contains("error:"), "\(report.errors)")
      #expect(report.errors.contains(rig.socketPath("host1")))
      #expect(eventually { rig.reaches("in1", "10.0.99.2") })
    }
  }

  /// A port id and index are of a VM, not of its place in the file.
  @Test func portIDsSurviveARestartWithAnotherFile() throws {
    try withRig(internalOnly(vms: ["in1", "in2", "in3"])) { rig in
      let before = try portIDs(rig)
      try rig.killAgent("host1")
      try rig.write(internalOnly(vms: ["in3", "in2"]))
      try rig.startAgent("host1")
      let after = try portIDs(rig)
      #expect(after == before.filter { $0.key != "in1" })
      // What the keeper held for the VM that is gone is gone too.
      #expect(try rig.device("eth0", of: "in1") == nil)
    }
  }

  private func portIDs(_ rig: Rig) throws -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: try rig.ports("host1").map { ($0.vm ?? "", $0.id) })
  }
}
