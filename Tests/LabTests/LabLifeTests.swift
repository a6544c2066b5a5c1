// Labs as people use them: up, list, exec, down, with the program that they run.

import Base
import Glibc
import Lab
import Linux
import Rig
import Testing

/// A topology of the checkout, with what is tried in it.
struct LabCase: CustomTestStringConvertible {
  struct Ping {
    var from: String
    var to: String
  }

  var file: String
  /// All of them have an answer.
  var pings: [Ping]
  var nodes: [String]

  var testDescription: String { file }

  static let all = [
    LabCase(
      file: "quickstart.yaml",
      pings: [
        Ping(from: "web1", to: "10.0.10.2"), Ping(from: "web1", to: "10.0.10.3"),
        Ping(from: "web1", to: "fd00:10::3"), Ping(from: "db3", to: "10.0.20.1"),
      ],
      nodes: ["tor1", "host1", "host2", "web1", "web2", "web3", "db1", "db2", "db3"]),
    LabCase(
      file: "teaming.yaml",
      pings: [
        Ping(from: "app1", to: "10.0.10.2"), Ping(from: "app2", to: "fd00:10::1"),
        Ping(from: "web1", to: "10.0.20.2"), Ping(from: "web1", to: "10.0.20.3"),
        Ping(from: "web4", to: "10.0.20.2"),
      ], nodes: ["tor1", "tor2", "host1", "host2", "app1", "app2"]),
    LabCase(
      file: "standard-switch.yaml",
      pings: [
        Ping(from: "lan1", to: "10.0.10.2"), Ping(from: "lan1", to: "10.0.10.3"),
        Ping(from: "inside1", to: "10.0.99.2"), Ping(from: "gateway", to: "10.0.99.1"),
      ], nodes: ["tor1", "host1", "lan1", "inside1", "gateway"]),
    LabCase(
      file: "trunk.yaml",
      pings: [
        Ping(from: "blue1", to: "10.0.10.2"), Ping(from: "green1", to: "fd00:20::2"),
      ], nodes: ["tor1", "host1", "host2", "router", "blue1", "green2", "red1"]),
    LabCase(
      file: "shaping.yaml",
      pings: [
        Ping(from: "slow1", to: "10.0.10.9"), Ping(from: "plain1", to: "10.0.10.2"),
        Ping(from: "up1", to: "fd00:10::9"),
      ], nodes: ["tor1", "host1", "host2", "slow1", "up1", "plain2"]),
    LabCase(
      file: "beacon.yaml",
      pings: [Ping(from: "app1", to: "10.0.10.2"), Ping(from: "old1", to: "10.0.20.2")],
      nodes: ["tor1", "tor2", "host1", "host2", "app1", "old2"]),
    LabCase(
      file: "nic-load.yaml",
      pings: [Ping(from: "load1", to: "10.0.10.11"), Ping(from: "load2", to: "10.0.10.14")],
      nodes: ["tor1", "host1", "host2", "load3", "sink3"]),
    LabCase(
      file: "filters.yaml",
      pings: [
        Ping(from: "web1", to: "10.0.10.9"), Ping(from: "plain1", to: "fd00:10::2"),
      ], nodes: ["tor1", "host1", "host2", "web2", "plain1"]),
    LabCase(
      file: "vhost-user.yaml",
      pings: [Ping(from: "box1", to: "10.0.10.2"), Ping(from: "box2", to: "10.0.10.1")],
      nodes: ["tor1", "host1", "host2", "box3", "guest1", "guest2"]),
  ]
}

@Suite("labs", .enabled(if: program != nil, needsProgram), .serialized)
struct LabLifeTests {
  @Test("a file that can be read only once is enough: a pipe")
  func fromAPipe() throws {
    let fixture = LabFixture()
    var command = try fixture.command([])
    let program = command.arguments[0]
    command.arguments = [
      "bash", "-c", #""$0" lab up <(cat "$1") --name "$2""#, program,
      "\(topologies)/standard-switch.yaml", fixture.lab,
    ]
    let up = try ChildProcess.run(command)
    #expect(up.ending == .exited(0), "\(up.errors)")
    #expect(try fixture.run("lab", "down", fixture.lab).status == 0)
    fixture.expectNothingLeft()
  }

  @Test("a shipped topology comes up, is listed, carries frames, and goes", arguments: LabCase.all)
  func lives(_ given: LabCase) throws {
    let fixture = LabFixture()
    let up = try fixture.up(given.file)
    #expect(up.output.contains("lab \(fixture.lab) runs"))
    #expect(up.output.contains("martlet lab down \(fixture.lab)"))
    // Whoever reaches the keeper has the devices of all VMs.
    let state = try ChildProcess.run(
      .init(["stat", "-c", "%a", "\(fixture.folder)/hosts/host1/state"]))
    #expect(state.output == "700\n")
    let list = try fixture.run("lab", "list", "-o", "json")
    #expect(list.output.contains("\"name\": \"\(fixture.lab)\""))
    #expect(list.output.contains("\"state\": \"running\""))
    let named = NetworkNamespace.names()
    for node in given.nodes { #expect(named.contains("\(fixture.lab)-\(node)")) }
    for ping in given.pings {
      try fixture.expectDone(ping.from, "ping", "-c", "2", "-i", "0.2", "-W", "2", ping.to)
    }
    // Nothing of it shows in the machine's own network.
    let own = try ChildProcess.run(.init(["ip", "-o", "link"]))
    #expect(!own.output.contains("vmnic"))
    let down = try fixture.run("lab", "down")
    #expect(down.status == 0, "\(down.errors)")
    fixture.expectNothingLeft()
  }

  @Test(
    "a guest behind vhost-user is the user's: its port is open, its socket told, and it goes with the lab"
  )
  func vhostUserGuest() throws {
    let fixture = LabFixture()
    let up = try fixture.up("vhost-user.yaml")
    let folder = "\(fixture.folder)/hosts/host1"
    #expect(up.output.contains("3 ports up, 2 for guests behind vhost-user"), "\(up.output)")
    #expect(up.output.contains("guest1  eth0  server      1       \(folder)/guest1-eth0.sock"))
    #expect(up.output.contains("guest2  eth0  client      4       \(folder)/guest2-eth0.sock"))
    #expect(try listDirectory(folder).contains("guest1-eth0.sock"))
    guard RigEnvironment.hasPrograms("dpdk-testpmd") else { return }
    let logs = "/tmp/\(fixture.lab)-guest"
    try makeDirectory(logs)
    defer { try? removeTree(logs) }
    let guest = VhostGuest(
      socket: "\(folder)/guest1-eth0.sock", mac: "00:50:56:00:10:10", folder: logs)
    var process = try guest.runTestpmd("icmpecho")
    defer { _ = process.terminate() }
    let isThere = try RigEnvironment.eventually {
      try fixture.exec("box2", "ping", "-c", "1", "-W", "1", "10.0.10.10").status == 0
    }
    #expect(isThere, "\(guest.log) \(fixture.logs)")
    #expect(try fixture.exec("box3", "ping", "-c", "1", "-W", "1", "10.0.10.10").status != 0)
    #expect(try fixture.run("lab", "down", fixture.lab).status == 0)
    fixture.expectNothingLeft()
  }

  @Test("addresses that only a guest of the lab could be given are refused, with their place")
  func vhostUserAddresses() throws {
    let fixture = LabFixture()
    let text = """
      apiVersion: martlet/v1
      kind: Topology
      name: given
      hosts: [{ name: host1, nics: {} }]
      standardSwitches:
        - { host: host1, name: vSwitch0, portgroups: [{ name: open, vlan: 0 }] }
      vms:
        - { name: in1, host: host1, nics: [{ portgroup: open, vhostUser: {}, addresses: [10.0.99.1/24] }] }

      """
    let file = "/tmp/\(fixture.lab).yaml"
    try AtomicFile.write(Array(text.utf8), to: file)
    defer { try? removeFile(file) }
    #expect(try fixture.run("validate", file).status == 0, "an agent announces them")
    let up = try fixture.run("lab", "up", file, "--name", fixture.lab)
    #expect(up.status == 1)
    #expect(
      up.errors.contains(
        "\(file):8:83: martlet: error: cannot build lab \(fixture.lab): in1 eth0 is"),
      "\(up.errors)")
    fixture.expectNothingLeft()
  }

  @Test("ports that are declared blocked or unplugged do not hold up a lab")
  func blockedPorts() throws {
    let fixture = LabFixture()
    let text = """
      apiVersion: martlet/v1
      kind: Topology
      name: closed
      hosts: [{ name: host1, nics: {} }]
      standardSwitches:
        - host: host1
          name: vSwitch0
          portgroups:
            - { name: open, vlan: 0 }
            - { name: shut, vlan: 0, policy: { blocked: true } }
      vms:
        - { name: in1, host: host1, nics: [{ portgroup: open, addresses: [10.0.99.1/24] }] }
        - { name: in2, host: host1, nics: [{ portgroup: shut, addresses: [10.0.99.2/24] }] }
        - { name: in3, host: host1, nics: [{ portgroup: open, connected: false }] }

      """
    let path = "\(fixture.runtime)-closed.yaml"
    try AtomicFile.write(Array(text.utf8), to: path)
    defer { try? removeFile(path) }
    let up = try fixture.run(["lab", "up", path, "--name", fixture.lab, "--timeout", "20"])
    #expect(up.status == 0, "\(up.errors)")
    #expect(up.output.contains("1 port up, 1 blocked, 1 unplugged"), "\(up.output)")
    let address = try fixture.run([
      "lab", "exec", "--lab", fixture.lab, "in2", "--", "ip", "-4", "-br", "address",
    ])
    #expect(address.output.contains("10.0.99.2/24"), "\(address.output)")
  }

  @Test("a running lab is not built twice, and is not disturbed by the try")
  func refusesSecondUp() throws {
    let fixture = LabFixture()
    try fixture.up()
    let agent = try fixture.agent(of: "host1")
    let again = try fixture.run(
      "lab", "up", "\(topologies)/quickstart.yaml", "--name", fixture.lab)
    #expect(again.status == 1)
    #expect(again.errors.contains("it is already running"))
    #expect(again.errors.contains("martlet lab down \(fixture.lab)"))
    #expect(agent.isAlive)
    try fixture.expectDone("web1", "ping", "-c", "1", "-W", "2", "10.0.10.3")
    #expect(try fixture.run("lab", "down", fixture.lab).status == 0)
    fixture.expectNothingLeft()
  }

  @Test("down a second time has nothing to do, and says so")
  func downTwice() throws {
    let fixture = LabFixture()
    try fixture.up("standard-switch.yaml")
    #expect(try fixture.run("lab", "down", fixture.lab).status == 0)
    let named = try fixture.run("lab", "down", fixture.lab)
    #expect(named.status == 0)
    #expect(named.errors.contains("lab \(fixture.lab) is not running"))
    let unnamed = try fixture.run("lab", "down")
    #expect(unnamed.status == 0)
    #expect(unnamed.errors.contains("no lab is running"))
    #expect(try fixture.run("lab", "down", "--all").status == 0)
    fixture.expectNothingLeft()
  }

  @Test("exec passes on streams and exit status, and knows its nodes")
  func executes() throws {
    let fixture = LabFixture()
    try fixture.up("standard-switch.yaml")
    let echo = try fixture.exec("lan1", "sh", "-c", "echo out; echo err >&2; exit 7")
    #expect(echo.status == 7)
    #expect(echo.output == "out\n")
    #expect(echo.errors == "err\n")
    #expect(try fixture.exec("lan1", "sh", "-c", "kill -9 $$").status == 128 + 9)
    // /sys is that of the namespace.
    #expect(try fixture.exec("host1", "ls", "/sys/class/net").output == "lo\nvmnic0\nvmnic1\n")
    #expect(
      try fixture.exec("tor1", "cat", "/sys/class/net/br0/bridge/stp_state").output == "0\n")
    let unknown = try fixture.exec("nobody", "true")
    #expect(unknown.status == 1)
    #expect(unknown.errors.contains("there is no such node"))
    #expect(unknown.errors.contains("tor1, host1, lan1"))
    let missing = try fixture.exec("lan1", "no-such-program")
    #expect(missing.status == 1)
    #expect(missing.errors.contains("there is no such program"))
    #expect(try fixture.run("lab", "down").status == 0)
    fixture.expectNothingLeft()
  }

  @Test("two labs at once do not know each other")
  func twoAtOnce() throws {
    let fixture = LabFixture()
    let second = "\(fixture.lab)-b"
    let file = "\(topologies)/quickstart.yaml"
    var other = try ChildProcess(
      try fixture.command(["lab", "up", file, "--name", second]).silenced)
    try fixture.up()
    #expect(other.wait(timeoutNanoseconds: 120_000_000_000) == .exited(0))
    let unclear = try fixture.run("lab", "exec", "web1", "--", "true")
    #expect(unclear.status == 1)
    #expect(unclear.errors.contains("\(fixture.lab), \(second)"))
    // The same addresses, and each has its own.
    for lab in [fixture.lab, second] {
      let ping = try fixture.run(
        "lab", "exec", "--lab", lab, "web1", "--", "ping", "-c", "1", "-W", "2", "10.0.10.3")
      #expect(ping.status == 0, "\(ping.output) \(fixture.logs)")
    }
    #expect(try fixture.run("lab", "down", fixture.lab).status == 0)
    let ping = try fixture.run("lab", "exec", "web1", "--", "ping", "-c", "1", "10.0.10.3")
    #expect(ping.status == 0, "the other lab goes on")
    #expect(try fixture.run("lab", "down", "--all").status == 0)
    fixture.expectNothingLeft()
  }

  @Test("down also ends what was started inside by hand")
  func endsGuests() throws {
    let fixture = LabFixture()
    try fixture.up("standard-switch.yaml")
    var guest = try ChildProcess(
      .init(["ip", "netns", "exec", "\(fixture.lab)-lan1", "sleep", "600"]))
    let lan1 = try NetworkNamespace.open(named: "\(fixture.lab)-lan1")
    #expect(MonotonicClock.wait(atMostNanoseconds: 5_000_000_000) { !lan1.processes().isEmpty })
    #expect(try fixture.run("lab", "down").status == 0)
    #expect(guest.wait(timeoutNanoseconds: 5_000_000_000) == .signaled(SIGTERM))
    fixture.expectNothingLeft()
  }

  @Test("down from a shell inside the lab is refused")
  func refusesFromInside() throws {
    let fixture = LabFixture()
    try fixture.up("standard-switch.yaml")
    let inside = try fixture.exec("lan1", try #require(program), "lab", "down", fixture.lab)
    #expect(inside.status == 1)
    #expect(inside.errors.contains("\(fixture.lab)-lan1"))
    #expect(try fixture.run("lab", "list", "-o", "json").output.contains("running"))
    #expect(try fixture.run("lab", "down").status == 0)
    fixture.expectNothingLeft()
  }

  @Test("a lab whose agent was killed is told so, and goes down")
  func agentKilled() throws {
    let fixture = LabFixture()
    try fixture.up()
    try fixture.agent(of: "host2").kill()
    #expect(try fixture.run("lab", "list", "-o", "json").output.contains("degraded"))
    let again = try fixture.run(
      "lab", "up", "\(topologies)/quickstart.yaml", "--name", fixture.lab)
    #expect(again.status == 1)
    #expect(again.errors.contains("a host agent of it has died"))
    #expect(try fixture.run("lab", "down").status == 0)
    fixture.expectNothingLeft()
  }
}

extension ChildProcess.Command {
  /// The same, with nothing shown.
  var silenced: Self {
    var command = self
    command.output = .null
    command.errors = .null
    return command
  }
}
