// `validate` and `apply`: what they say about good and bad files, and what agents are sent.

import Base
import HTTP
import Linux
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
    #expect(long.ending == .exited(1) && long.errors.contains("larger than 1048576 bytes"))
  }

  // MARK: apply

  /// Agents of a lab that read its file: each answers with its text as the revision's proof.
  private func startLab(refusing words: String? = nil) throws -> String {
    let lab = "\(runtime.folder)/labs/small"
    for host in ["host1", "host2"] {
      try makeDirectory("\(lab)/hosts/\(host)")
      var router = HTTPRouter()
      router.on(.post, "/v1/reload") { _ throws(Failure) in
        let text = String(
          decoding: try readFile("\(lab)/topology.yaml", limitBytes: 1 << 20), as: UTF8.self)
        if host == "host2", let words, text.contains(words) {
          return .json(["errors": ["a.yaml:1:1: martlet: error: no: bad; mend it"]], status: 422)
        }
        return .json(["revision": text.utf8.count])
      }
      try runtime.start(socket: "\(lab)/hosts/\(host)/agent.sock", router)
    }
    try AtomicFile.write(Array(Self.good.utf8), to: "\(lab)/topology.yaml")
    return "\(lab)/topology.yaml"
  }

  static let changed = good.replacing("vlan: 10", with: "vlan: 20")
    .replacing("portgroups:", with: "mtu: 9000\n    portgroups:\n      - { name: db, vlan: 30 }")

  @Test func applyGivesEveryHostTheFile() throws {
    let labFile = try startLab()
    try write(Self.changed)
    let lines = [
      "switch dvs1: changed", "port group dvs1/db: added", "port group dvs1/web: changed",
    ]
    let trial = try runtime.run("apply -f \(file) --dry-run")
    #expect(trial.status == 0 && trial.lines == lines, "\(trial.errors)")
    #expect(try readFile(labFile, limitBytes: 1 << 20) == Array(Self.good.utf8))
    let real = try runtime.run("apply -f \(file)")
    let revision = Self.changed.utf8.count
    #expect(real.status == 0)
    #expect(
      real.lines == lines + [
        "host1: runs revision \(revision)", "host2: runs revision \(revision)",
      ])
    #expect(try readFile(labFile, limitBytes: 1 << 20) == Array(Self.changed.utf8))
    let again = try runtime.run("apply -f \(file)")
    #expect(again.status == 0 && again.output == "nothing changes\n")
  }

  @Test func aChangeThatOneHostRefusesIsTakenBack() throws {
    let labFile = try startLab(refusing: "vlan: 20")
    try write(Self.changed)
    let outcome = try runtime.run("apply -f \(file)")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("host host2: the configuration is refused: a.yaml:1:1: "))
    #expect(outcome.errors.contains("taken back: 2 of 2 hosts run the old topology again"))
    #expect(try readFile(labFile, limitBytes: 1 << 20) == Array(Self.good.utf8))
  }

  @Test(arguments: [
    ("name: web1", "name: web2", "the VMs"), ("tor1", "tor2", "the physical"),
    ("10.0.10.1/24", "10.0.10.2/24", "the VMs"), ("vmnic0", "vmnic9", "the hosts"),
  ])
  func nodesOfALabDoNotChange(_ old: String, _ new: String, _ words: String) throws {
    let labFile = try startLab()
    try write(Self.good.replacing(old, with: new))
    let outcome = try runtime.run("apply -f \(file)")
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors.contains("cannot change lab small: \(words)"), "\(outcome.errors)")
    #expect(try readFile(labFile, limitBytes: 1 << 20) == Array(Self.good.utf8))
  }

  @Test func applyWantsALab() throws {
    try write(Self.good)
    let outcome = try runtime.run("apply -f \(file)")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("cannot apply the file: no lab is running; bring one up"))
  }
}
