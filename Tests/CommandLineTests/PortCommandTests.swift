// `port block / unblock / attach / detach / set / reset`: what hosts run is read, changed and given back
// to all of them.

import Base
import HTTP
import Linux
import Model
import Synchronization
import Testing

@Suite struct PortCommandTests {
  let runtime: Runtime

  init() throws { runtime = try Runtime() }

  static let good = """
    apiVersion: martlet/v1
    kind: Topology
    name: small
    physicalSwitches: [{ name: tor1 }]
    hosts:
      - { name: host1, nics: { vmnic0: tor1 } }
      - { name: host2, nics: { vmnic0: tor1 } }
    distributedSwitches:
      - name: dvs1
        uplinks: [uplink1]
        hosts:
          - { name: host1, uplinks: { uplink1: vmnic0 } }
          - { name: host2, uplinks: { uplink1: vmnic0 } }
        portgroups:
          - { name: web, vlan: 10, allowOverride: [block, vlan, shaping, teaming] }
          - { name: db, vlan: 20 }
    vms:
      - name: web1
        host: host1
        nics: [{ portgroup: web, mac: "00:50:56:00:00:01" }]
      - name: both
        host: host2
        nics:
          - { portgroup: web, mac: "00:50:56:00:00:02" }
          - { portgroup: db, mac: "00:50:56:00:00:03", port: { id: 7 } }

    """

  /// An agent that runs what it is given.
  private final class FakeAgent: Sendable {
    struct State {
      var text: String
      var revision: UInt64
      /// Each request to change it.
      var requests: [String] = []
    }

    let host: String
    let state: Mutex<State>
    /// Somebody else changes what runs right after it was read.
    let isOvertaken: Bool

    init(_ host: String, text: String, revision: UInt64, isOvertaken: Bool) {
      self.host = host
      state = Mutex(State(text: text, revision: revision))
      self.isOvertaken = isOvertaken
    }

    var text: String { state.withLock { $0.text } }
    var requests: [String] { state.withLock { $0.requests } }

    private struct Running: Encodable {
      var host: String
      var revision: UInt64
      var topology: String
    }

    private struct Applied: Encodable {
      var host: String
      var revision: UInt64
      var changes: [String]
    }

    var router: HTTPRouter {
      var router = HTTPRouter()
      router.on(.get, "/v1/config") { _ in
        self.state.withLock { state in
          defer { if self.isOvertaken { state.revision += 1 } }
          return .json(
            Running(host: self.host, revision: state.revision, topology: state.text))
        }
      }
      router.on(.put, "/v1/config") { request in self.configure(request) }
      router.on(.get, "/v1/ports") { _ in
        .json([
          PortStatus(
            id: "7", switch: "dvs1", portgroup: "db", host: "host2", vm: "both", device: "eth1",
            state: .up, attachment: "tap")
        ])
      }
      return router
    }

    private func configure(_ request: HTTPRequest) -> HTTPResponse {
      state.withLock { state in
        state.requests.append(request.target.text)
        guard request.target.first("revision") == "\(state.revision)" else {
          return .failure(Failure("no", why: "changed meanwhile", remedy: "again"), status: 409)
        }
        if request.target.first("dryRun") != "true" {
          state.text = String(decoding: request.body, as: UTF8.self)
          state.revision += 1
        }
        return .json(Applied(host: host, revision: state.revision, changes: ["something"]))
      }
    }
  }

  private func startLab(
    text: String = good, other: String? = nil, isOvertaken: Bool = false
  ) throws -> [FakeAgent] {
    let agents = [
      FakeAgent("host1", text: text, revision: 4, isOvertaken: false),
      FakeAgent("host2", text: other ?? text, revision: 6, isOvertaken: isOvertaken),
    ]
    for agent in agents {
      let folder = "\(runtime.folder)/labs/small/hosts/\(agent.host)"
      try makeDirectory(folder)
      try runtime.start(socket: "\(folder)/agent.sock", agent.router)
    }
    return agents
  }

  @Test func aChangeGoesToEveryHost() throws {
    let agents = try startLab()
    let trial = try runtime.run("port block web1/eth0 --dry-run")
    #expect(trial.status == 0 && trial.lines == ["host1: something", "host2: something"])
    #expect(agents.allSatisfy { $0.text == Self.good }, "a trial changes nothing")
    let real = try runtime.run("port block web1/eth0")
    #expect(real.status == 0 && real.errors.isEmpty, "\(real.errors)")
    #expect(
      real.lines == [
        "host1: something", "host2: something", "host1: runs revision 5", "host2: runs revision 7",
      ])
    #expect(agents[0].text == agents[1].text)
    #expect(agents[0].text.contains("blocked: true"))
    #expect(
      agents[0].requests == [
        "/v1/config?dryRun=true&revision=4", "/v1/config?dryRun=true&revision=4",
        "/v1/config?revision=4",
      ])
    #expect(try runtime.run("port unblock web1").status == 0)
    #expect(!agents[0].text.contains("blocked"))
  }

  @Test(arguments: [
    (
      "port set web1 vlan=30 inShaping.averageBandwidth=10M",
      ["vlan: 30", "averageBandwidth: 10000000"]
    ),
    ("port set 00:50:56:00:00:01 teaming.activeUplinks=[uplink1]", ["activeUplinks:"]),
    ("port set web1 vlan=0-99,200", ["trunk:", "\"0-99\"", "200"]),
    ("port attach web1 db", ["portgroup: db"]), ("port detach web1", ["connected: false"]),
    ("port detach 7", ["connected: false", "id: 7"]),
  ])
  func whatHostsGet(_ line: String, _ words: [String]) throws {
    let agents = try startLab()
    let outcome = try runtime.run(line)
    #expect(outcome.status == 0, "\(outcome.errors)")
    for word in words { #expect(agents[1].text.contains(word), "\(agents[1].text)") }
  }

  @Test func settingsStayUntilTheyAreReset() throws {
    let agents = try startLab()
    for line in [
      "port set web1 vlan=30 blocked=true", "port set web1 inShaping.enabled=true --reset vlan",
    ] {
      #expect(try runtime.run(line).status == 0)
    }
    let text = agents[0].text
    #expect(text.contains("blocked: true") && text.contains("enabled: true"))
    #expect(!text.contains("vlan: 30"))
    #expect(try runtime.run("port reset web1 inShaping").status == 0)
    #expect(!agents[0].text.contains("inShaping"))
    #expect(try runtime.run("port reset web1").status == 0)
    #expect(!agents[0].text.contains("blocked: true"))
    #expect(agents[0].text.contains("id: 7"), "that of another nic")
  }

  @Test(arguments: [
    (
      "port block both/eth1",
      "cannot block port both/eth1: port group db does not let its ports set `blocked`; add `block` "
        + "to its `allowOverride`"
    ),
    ("port set web1 security.macChanges=true", "does not let its ports set `security.macChanges`"),
    ("port block both", "cannot choose a port of both: it may be both/eth0, both/eth1; name one"),
    (
      "port block web9", "cannot find port web9: the known ones are web1/eth0, both/eth0, both/eth1"
    ),
    (
      "port attach web1 wbe", "cannot attach port web1/eth0: unknown port group `wbe`; did you mean"
    ),
    ("port set web1 teaming.activeUplinks=uplink9", "unknown uplink `uplink9`"),
    ("port set web1 vlan=4095", "a distributed switch has no VLAN 4095"),
  ])
  func whatCannotBeIsRefusedBeforeAnythingIsSent(_ line: String, _ words: String) throws {
    let agents = try startLab()
    let outcome = try runtime.run(line)
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("martlet: error: ") && outcome.errors.contains(words))
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    #expect(agents.allSatisfy { $0.requests.isEmpty })
  }

  @Test func aListIsWrittenAsInAFile() throws {
    let text = Self.good.replacing("shaping, teaming", with: "filter")
    let agents = try startLab(text: text)
    let rule = "filter=[{name: no-dns, protocol: udp, destinationPorts: [53], action: drop}]"
    let outcome = try runtime.run(words: ["port", "set", "web1/eth0", rule])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(agents[0].text.contains("name: no-dns"))
    let wrong = try runtime.run(words: ["port", "set", "web1/eth0", "filter=[{name: x"])
    #expect(wrong.status == 2 && wrong.errors.contains("cannot take filter=[{name: x: "))
  }

  @Test func somebodyElseWasFaster() throws {
    let agents = try startLab(isOvertaken: true)
    let outcome = try runtime.run("port block web1")
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors.contains("host host2: no: changed meanwhile; again"))
    #expect(outcome.errors.hasSuffix("nothing was changed\n"))
    #expect(agents.allSatisfy { $0.text == Self.good })
  }

  @Test func hostsMustRunTheSame() throws {
    let agents = try startLab(other: Self.good.replacing("vlan: 10", with: "vlan: 11"))
    let outcome = try runtime.run("port block web1")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("host1 and host2 run different configurations; give all hosts"))
    #expect(agents.allSatisfy { $0.requests.isEmpty })
    try makeDirectory("\(runtime.folder)/labs/small/hosts/host3")
    #expect(try runtime.run("port block web1").errors.contains("host host3: cannot GET /v1/config"))
  }

  @Test func theSameInOtherWordsIsTheSame() throws {
    _ = try startLab(other: "# a comment\n" + Self.good)
    #expect(try runtime.run("port block web1").status == 0)
  }
}
