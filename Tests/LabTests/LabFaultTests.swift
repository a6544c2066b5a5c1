// What goes wrong while a lab is built: kills, Ctrl-C, bad input, names that belong to others. After
// each there is nothing, at the latest after `lab down`.

import Base
import Glibc
import Lab
import Linux
import Testing

@Suite("labs that fail", .enabled(if: program != nil, needsProgram), .serialized)
struct LabFaultTests {
  /// Starts `lab up`, and waits until its journal has so many lines.
  private func startUp(_ fixture: LabFixture, untilLine line: Int) throws -> ChildProcess {
    let command = try fixture.command(
      ["lab", "up", "\(topologies)/quickstart.yaml", "--name", fixture.lab])
    let process = try ChildProcess(command.silenced)
    let isThere = MonotonicClock.wait(
      atMostNanoseconds: 60_000_000_000, everyNanoseconds: 100_000
    ) { fixture.journalLineCount >= line || !process.identity.isAlive }
    try #require(isThere, "the journal has \(fixture.journalLineCount) lines, not \(line)")
    return process
  }

  private static let readyLine = 22

  // 1 builder, 2-19 nine namespaces of two lines each, 20-21 agents, 22 ready.
  @Test(
    "kill -9 in the middle of up, then down: nothing remains",
    arguments: [1, 2, 3, 4, 9, 14, 19, 20, 21])
  func killed(line: Int) throws {
    let fixture = LabFixture()
    var process = try startUp(fixture, untilLine: line)
    process.send(.kill)
    try #require(process.wait(timeoutNanoseconds: 5_000_000_000) == .signaled(SIGKILL))
    // A kill that came too late met a finished lab.
    let state = fixture.journalLineCount >= Self.readyLine ? "running" : "broken"
    #expect(try fixture.run("lab", "list", "-o", "json").output.contains(state))
    let again = try fixture.run(
      "lab", "up", "\(topologies)/quickstart.yaml", "--name", fixture.lab)
    #expect(again.status == 1)
    #expect(again.errors.contains("martlet lab down \(fixture.lab)"))
    let down = try fixture.run("lab", "down", fixture.lab)
    #expect(down.status == 0, "\(down.errors)")
    fixture.expectNothingLeft()
  }

  @Test(
    "a signal in the middle of up takes down what was made",
    arguments: [Signal.interrupt, .terminate, .hangUp], [2, 20])
  func interrupted(by signal: Signal, line: Int) throws {
    let fixture = LabFixture()
    var process = try startUp(fixture, untilLine: line)
    process.send(signal)
    let ending = process.wait(timeoutNanoseconds: 30_000_000_000)
    if fixture.journalLineCount >= Self.readyLine {
      // The signal came too late: the lab is whole.
      #expect(ending == .exited(0))
      #expect(try fixture.run("lab", "down", fixture.lab).status == 0)
    } else {
      #expect(ending == .exited(1))
    }
    fixture.expectNothingLeft()
  }

  @Test("kill -9 of down, then down again: nothing remains")
  func downKilled() throws {
    let fixture = LabFixture()
    try fixture.up()
    let agent = try fixture.agent(of: "host1")
    var process = try ChildProcess(try fixture.command(["lab", "down"]).silenced)
    // It has begun when the first agent is gone.
    try #require(MonotonicClock.wait(atMostNanoseconds: 20_000_000_000) { !agent.isAlive })
    process.send(.kill)
    _ = process.wait(timeoutNanoseconds: 5_000_000_000)
    #expect(try fixture.run("lab", "down", fixture.lab).status == 0)
    fixture.expectNothingLeft()
  }

  @Test("down while up still works waits for it or for its end")
  func downDuringUp() throws {
    let fixture = LabFixture()
    var process = try startUp(fixture, untilLine: 5)
    let second = try fixture.run(
      "lab", "up", "\(topologies)/quickstart.yaml", "--name", fixture.lab)
    #expect(second.status == 1)
    #expect(try fixture.run("lab", "down", fixture.lab).status == 0)
    #expect(process.wait(timeoutNanoseconds: 5_000_000_000) == .exited(0))
    fixture.expectNothingLeft()
  }

  private static let good = """
    apiVersion: martlet/v1
    kind: Topology
    name: x
    physicalSwitches: [{ name: tor1 }]
    hosts: [{ name: host1, nics: { vmnic0: tor1, vmnic1: tor1 } }]
    distributedSwitches:
      - name: dvs1
        uplinks: [uplink1, uplink2]
        hosts: [{ name: host1, uplinks: { uplink1: vmnic0, uplink2: vmnic1 } }]
        portgroups: [{ name: web, vlan: 10 }]
    vms:
      - { name: vm1, host: host1, nics: [{ portgroup: web, mac: "00:50:56:00:00:01" }] }
      - { name: vm2, host: host1, nics: [{ portgroup: web, mac: "00:50:56:00:00:02" }] }

    """

  /// The place, the mistake, and after a semicolon what to do: those of one slip in a good file.
  @Test(
    "bad input makes nothing",
    arguments: [
      ("vlan: 10", "vlam: 10", ":10:31: ", "unknown key `vlam`"),
      ("vlan: 10", "vlan: 4095", ":10:37: ", "has no VLAN 4095"),
      ("vlan: 10", "vlan: { trunk: [9-1] }", ":10:47: ", "the VLAN range `9-1` is reversed"),
      ("56:00:00:02", "56:00:00:01", ":13:61: ", "is already used by nic 1 of VM vm1"),
      ("\"00:50:56:00:00:02", "\"01:50:56:00:00:02", ":13:61: ", "is a multicast address"),
      (
        "vm2, host: host1, nics: [{ portgroup: web", "vm2, host: host1, nics: [{ portgroup: wbe",
        ":13:51: ", "wbe"
      ),
      ("uplink2: vmnic1", "uplink2: vmnic0", ":9:", "vmnic0"),
      ("vlan: 10 }]", "vlan: 10 }", ":11:1: ", "YAML"), (good, "", ":1:1: ", "the file is empty"),
    ])
  func badFile(old: String, new: String, place: String, words: String) throws {
    try #require(Self.good.contains(old))
    try expectRefused(place, words) { path in
      try appendToFile(Array(Self.good.replacing(old, with: new).utf8), path)
    }
  }

  @Test("a file of 10 MB makes nothing")
  func hugeFile() throws {
    try expectRefused(":1:1: ", "it has 10485760 bytes, more than 4194304") { path in
      try appendToFile([], path)
      // SAFETY: a C string for the call.
      try #require(unsafe truncate(path, 10 << 20) == 0)
    }
  }

  private func expectRefused(_ place: String, _ words: String, _ write: (String) throws -> Void)
    throws
  {
    let fixture = LabFixture()
    let path = "/tmp/\(fixture.lab).yaml"
    try write(path)
    defer { try? removeFile(path) }
    let outcome = try fixture.run("lab", "up", path, "--name", fixture.lab)
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix(path + place), "\(outcome.errors)")
    #expect(outcome.errors.contains("martlet: error: "))
    #expect(outcome.errors.contains(words), "\(outcome.errors)")
    #expect(outcome.errors.contains("; "), "what to do")
    fixture.expectNothingLeft()
  }

  @Test("names that cannot be, and files that are not there, make nothing")
  func badNames() throws {
    let fixture = LabFixture()
    let file = "\(topologies)/quickstart.yaml"
    for name in ["a b", "../\(fixture.lab)", "", String(repeating: "x", count: 33)] {
      let outcome = try fixture.run("lab", "up", file, "--name", name)
      #expect(outcome.status != 0, "\(name)")
    }
    #expect(try fixture.run("lab", "up", "/nonexistent.yaml").status == 1)
    #expect(try fixture.run("lab", "up", "/tmp").status == 1)
    #expect(try fixture.run("lab", "down", "../..").status == 0)
    fixture.expectNothingLeft()
  }

  @Test("a folder too deep for the sockets of an agent and its keeper makes nothing")
  func socketsThatDoNotFit() throws {
    let fixture = LabFixture()
    // The agent's own socket has the 107 bytes that a path may have.
    let rest = "/labs/\(fixture.lab)/hosts/host1/agent.sock".utf8.count
    let room = 107 - rest - fixture.runtime.utf8.count - 1
    let deep = "\(fixture.runtime)/\(String(repeating: "x", count: room))"
    let failure = #expect(throws: Failure.self) {
      try LabBuilder(
        directory: LabDirectory(runtimeFolder: deep),
        agentCommand: [try #require(program), "host", "run"]
      ).up(file: "\(topologies)/standard-switch.yaml", name: fixture.lab)
    }
    #expect(failure?.why.contains("too long for a socket") == true, "\(failure?.why ?? "")")
    fixture.expectNothingLeft()
  }

  @Test("somebody else's namespace is not touched")
  func foreignNamespace() throws {
    let fixture = LabFixture()
    let name = "\(fixture.lab)-web2"
    let foreign = try NetworkNamespace.create(named: name)
    defer { try? NetworkNamespace.delete(named: name) }
    let outcome = try fixture.run(
      "lab", "up", "\(topologies)/quickstart.yaml", "--name", fixture.lab)
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains(name))
    #expect(try NetworkNamespace.open(named: name).identity == foreign.identity)
    try NetworkNamespace.delete(named: name)
    fixture.expectNothingLeft()
  }

  @Test("a namespace that took the name of one of ours is not removed with the lab")
  func replacedNamespace() throws {
    let fixture = LabFixture()
    try fixture.up()
    let name = "\(fixture.lab)-web2"
    let own = try NetworkNamespace.open(named: name)
    try NetworkNamespace.delete(named: name)
    let foreign = try NetworkNamespace.create(named: name)
    defer { try? NetworkNamespace.delete(named: name) }
    #expect(foreign.identity != own.identity)
    let down = try fixture.run("lab", "down", fixture.lab)
    #expect(down.status == 0, "\(down.errors)")
    #expect(down.errors.contains("left alone"))
    #expect(try NetworkNamespace.open(named: name).identity == foreign.identity)
    try NetworkNamespace.delete(named: name)
    fixture.expectNothingLeft()
  }

  @Test(
    "an agent that ends, or never answers, is told with its last words",
    arguments: [
      ("echo no such luck; exit 3", "the agent of host1 has ended"),
      ("echo no such luck; exec sleep 600", "the agent of host1 does not answer"),
    ])
  func badAgent(script: String, words: String) throws {
    let fixture = LabFixture()
    let shown = Lines()
    let builder = LabBuilder(
      directory: fixture.directory, agentCommand: ["/bin/sh", "-c", script])
    let failure = #expect(throws: Failure.self) {
      try builder.up(
        file: "\(topologies)/standard-switch.yaml", name: fixture.lab, timeoutSeconds: 1,
        progress: LabProgress(isTerminal: false) { shown.add($0) })
    }
    #expect(failure?.why.contains(words) == true, "\(failure?.why ?? "")")
    #expect(shown.text.contains("| no such luck"))
    fixture.expectNothingLeft()
  }
}
