// `validate` and `apply`: what they say about good and bad files, and what agents are sent.

import Base
import HTTP
import Linux
import Synchronization
import Testing

@Suite struct FileCommandTests {
  let runtime: Runtime
  let file: String

  init() throws {
    runtime = try Runtime()
    file = "\(runtime.folder)/topology.yaml"
  }

  static let good = """
    apiVersion: martlet/v1
    kind: Topology
    name: small
    physicalSwitches:
      - { name: tor1 }
    hosts:
      - { name: host1, nics: { vmnic0: tor1 } }
    distributedSwitches:
      - name: dvs1
        uplinks: [uplink1]
        hosts:
          - { name: host1, uplinks: { uplink1: vmnic0 } }
        portgroups:
          - { name: web, vlan: 10 }
    vms:
      - name: web1
        host: host1
        nics: [ { portgroup: web, mac: "00:50:56:00:00:01", addresses: [10.0.10.1/24] } ]

    """

  func write(_ text: String) throws { try AtomicFile.write(Array(text.utf8), to: file) }

  @Test func aValidFileIsSummed() throws {
    try write(Self.good)
    let outcome = try runtime.run("validate \(file)")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(
      outcome.output
        == "\(file): topology small is valid: 1 host, 1 switch, 1 port group, 1 VM\n")
  }

  @Test func mistakesAreToldAtTheirPlaces() throws {
    try write(
      Self.good.replacing("vlan: 10", with: "vlan: 4095").replacing("host: h", with: "hots: h"))
    for command in ["validate \(file)", "apply -f \(file)"] {
      let outcome = try runtime.run(command)
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      let lines = outcome.errors.split(separator: "\n")
      #expect(lines.count >= 2)
      #expect(lines.contains { $0.hasPrefix("\(file):14:") }, "the VLAN: \(lines)")
      #expect(lines.contains { $0.hasPrefix("\(file):17:") }, "the unknown key: \(lines)")
      #expect(lines.allSatisfy { $0.contains(": martlet: error: ") })
    }
  }

  @Test func aFileThatIsNotThereIsTold() throws {
    let outcome = try runtime.run("validate \(file)")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("martlet: error: cannot read \(file): No such file"))
  }

  @Test func standardInputIsRead() throws {
    try write(Self.good)
    let program = Runtime.program
    let good = try ChildProcess.run(
      ChildProcess.Command(["/bin/sh", "-c", "'\(program)' validate - <'\(file)'"]))
    #expect(good.output.contains("topology small is valid"))
    let long = try ChildProcess.run(
      ChildProcess.Command(["/bin/sh", "-c", "'\(program)' validate - </dev/zero"]))
    #expect(long.ending == .exited(1) && long.errors.contains("larger than 4194304 bytes"))
  }

  // MARK: apply

  /// What an agent was sent for good, and how it answers.
  private final class FakeAgent: Sendable {
    let host: String
    let runs = Mutex(["old"])
    /// Refused when it is tried, or only when it is sent for good.
    let refuses: (words: String, whenTried: Bool)?

    init(_ host: String, refuses: (words: String, whenTried: Bool)?) {
      self.host = host
      self.refuses = refuses
    }

    func configure(_ request: HTTPRequest) -> HTTPResponse {
      let text = String(decoding: request.body, as: UTF8.self)
      let isTrial = request.target.first("dryRun") == "true"
      if let refuses, refuses.whenTried == isTrial, text.contains(refuses.words) {
        return .json(["errors": ["a.yaml:1:1: martlet: error: no: bad; mend it"]], status: 422)
      }
      if !isTrial { runs.withLock { $0.append(text) } }
      let changes = text.contains("vlan: 20") ? ["port group dvs1/web: vlan 10 -> 20"] : []
      return .json(Applied(host: host, revision: runs.withLock { $0.count }, changes: changes))
    }

    private struct Applied: Encodable {
      var host: String
      var revision: Int
      var changes: [String]
    }
  }

  /// A lab of two hosts that runs the good file; the second agent may refuse a text.
  private func startLab(refuses: (words: String, whenTried: Bool)? = nil) throws -> [FakeAgent] {
    let lab = "\(runtime.folder)/labs/small"
    let agents = [FakeAgent("host1", refuses: nil), FakeAgent("host2", refuses: refuses)]
    for agent in agents {
      try makeDirectory("\(lab)/hosts/\(agent.host)")
      var router = HTTPRouter()
      router.on(.put, "/v1/config") { agent.configure($0) }
      try runtime.start(socket: "\(lab)/hosts/\(agent.host)/agent.sock", router)
    }
    try AtomicFile.write(Array(Self.good.utf8), to: "\(lab)/topology.yaml")
    return agents
  }

  static let changed = good.replacing("vlan: 10", with: "vlan: 20")

  @Test func applyGivesEveryHostTheFile() throws {
    let agents = try startLab()
    try write(Self.changed)
    let lines = ["host1", "host2"].map { "\($0): port group dvs1/web: vlan 10 -> 20" }
    let trial = try runtime.run("apply -f \(file) --dry-run")
    #expect(trial.status == 0 && trial.lines == lines, "\(trial.errors)")
    #expect(agents.allSatisfy { $0.runs.withLock { $0 } == ["old"] }, "a trial changes nothing")
    let real = try runtime.run("apply -f \(file)")
    #expect(real.status == 0)
    #expect(real.lines == lines + ["host1: runs revision 2", "host2: runs revision 2"])
    #expect(agents.allSatisfy { $0.runs.withLock { $0 } == ["old", Self.changed] })
    try write(Self.good)
    #expect(try runtime.run("apply -f \(file)").lines[0] == "host1: nothing changes")
  }

  @Test func aChangeThatOneHostRefusesIsNotBegun() throws {
    let agents = try startLab(refuses: ("vlan: 20", whenTried: true))
    try write(Self.changed)
    let outcome = try runtime.run("apply -f \(file)")
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors.contains("host host2: the configuration is refused: a.yaml:1:1: "))
    #expect(outcome.errors.hasSuffix("nothing was changed\n"))
    #expect(agents.allSatisfy { $0.runs.withLock { $0 } == ["old"] })
  }

  @Test func aChangeThatFailsOnOneHostIsTakenBackOnTheOthers() throws {
    let agents = try startLab(refuses: ("vlan: 20", whenTried: false))
    try write(Self.changed)
    let outcome = try runtime.run("apply -f \(file)")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("taken back on 1 of 1 hosts that had it"))
    #expect(outcome.errors.contains("host host2: the configuration is refused: "))
    #expect(agents[0].runs.withLock { $0 } == ["old", Self.changed, Self.good])
    #expect(agents[1].runs.withLock { $0 } == ["old"])
  }

  @Test(arguments: [
    ("name: web1", "name: web2", "the VMs"), ("tor1", "tor2", "the physical switches"),
    ("10.0.10.1/24", "10.0.10.2/24", "the VMs"), ("vmnic0", "vmnic9", "the hosts"),
  ])
  func nodesOfALabDoNotChange(_ old: String, _ new: String, _ words: String) throws {
    let agents = try startLab()
    try write(Self.good.replacing(old, with: new))
    let outcome = try runtime.run("apply -f \(file)")
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors.contains("cannot change lab small: \(words)"), "\(outcome.errors)")
    #expect(agents.allSatisfy { $0.runs.withLock { $0 } == ["old"] })
  }

  @Test func applyWantsAnAgent() throws {
    try write(Self.good)
    let outcome = try runtime.run("apply -f \(file)")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("cannot find an agent: no lab is running"))
  }

  @Test func oneAgentIsChangedWithoutALab() throws {
    let agent = FakeAgent("solo", refuses: nil)
    var router = HTTPRouter()
    router.on(.put, "/v1/config") { agent.configure($0) }
    try runtime.start(socket: "\(runtime.folder)/agent.sock", router)
    try write(Self.changed)
    let outcome = try runtime.run("apply -f \(file)")
    #expect(outcome.status == 0 && outcome.lines.last == "solo: runs revision 2")
  }
}
