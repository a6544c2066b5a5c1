// One host for the idle benchmark: a namespace with a nic, a namespace for each VM, a topology file, and a
// host agent in the middle. Everything has a name with this process's number in it, and goes with `end`.

internal import Base
internal import HTTP
internal import Linux
internal import Model
internal import Netlink
internal import Rig

final class IdleHost {
  private let ports: Int
  private let binary: String
  private let name = RigEnvironment.uniquePrefix() + "idle"
  private let folder: String
  private let namespace: NetworkNamespace
  private var agent: ChildProcess?
  private var keeper: ProcessIdentity?

  /// How long the agent may take until every port is up.
  private static let startNanoseconds: UInt64 = 60_000_000_000
  /// Announcements go out in the first second; after this the host is idle.
  private static let settleNanoseconds: UInt64 = 3_000_000_000

  init(ports: Int, binary: String) throws {
    self.ports = ports
    self.binary = binary
    folder = "/tmp/\(name)"
    namespace = try NetworkNamespace.create(named: name)
  }

  /// Makes the surroundings, starts the agent, and waits until it is idle.
  func start() throws {
    for vm in 0..<ports { _ = try NetworkNamespace.create(named: "\(name)-vm\(vm)") }
    try makeDirectory(folder)
    try AtomicFile.write(Array(topology.utf8), to: "\(folder)/idle.yaml")
    // The far end stays in the host's namespace: all that counts is a carrier.
    _ = try NetlinkSocket.createVethPair(
      VethEnd("vmnic0", in: namespace, isUp: true),
      VethEnd("wire0", in: namespace, isUp: true))
    var command = ChildProcess.Command(
      [
        binary, "host", "run", "--config", "\(folder)/idle.yaml", "--host", "host1", "--socket",
        "\(folder)/agent.sock", "--state-dir", folder, "--netns-prefix", "\(name)-",
      ], in: namespace)
    command.output = .file("\(folder)/agent.log")
    command.errors = .append("\(folder)/agent.log")
    agent = try ChildProcess(command)
    try waitForPorts()
    _ = MonotonicClock.wait(
      atMostNanoseconds: Self.settleNanoseconds, everyNanoseconds: 500_000_000
    ) { false }
    let others = namespace.processes().filter { $0 != agent?.identity }
    guard others.count == 1 else {
      throw Failure(
        "cannot tell the agent's processes", why: "\(others.count) beside it, not the keeper alone",
        remedy: "look at \(folder)/agent.log")
    }
    keeper = others[0]
  }

  private var topology: String {
    var text = """
      apiVersion: martlet/v1
      kind: Topology
      name: idle
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
            - { name: vms, vlan: 10 }
      vms:

      """
    for vm in 0..<ports {
      text += "  - { name: vm\(vm), host: host1, nics: [ { portgroup: vms } ] }\n"
    }
    return text
  }

  private func waitForPorts() throws {
    let client = HTTPClient(.socket("\(folder)/agent.sock"), timeoutMilliseconds: 5_000)
    var up = 0
    let isReady = MonotonicClock.wait(
      atMostNanoseconds: Self.startNanoseconds, everyNanoseconds: 50_000_000
    ) {
      let ports = try? client.request(
        .get, HTTPTarget(segments: ["v1", "ports"]), as: [PortStatus].self)
      up = (ports ?? []).count { $0.state == .up && $0.vm != nil }
      return up >= self.ports
    }
    guard isReady else {
      let log = (try? readFile("\(folder)/agent.log", limitBytes: 4_096)) ?? []
      throw Failure(
        "the agent did not bring up its ports", why: "\(up) of \(ports) after a minute",
        remedy: "its last words: \(String(decoding: log, as: UTF8.self))")
    }
  }

  func use() throws -> (agent: ResourceUse, keeper: ResourceUse) {
    guard let agent = agent?.identity, let keeper else { throw Errno.noProcess }
    return (
      try ResourceUse.of(process: agent.number), try ResourceUse.of(process: keeper.number)
    )
  }

  /// Ends the processes and removes what was made, as far as that came.
  func end() {
    _ = agent?.terminate()
    agent = nil
    for process in namespace.processes() { _ = try? process.terminate() }
    for vm in 0..<ports { try? NetworkNamespace.delete(named: "\(name)-vm\(vm)") }
    try? NetworkNamespace.delete(named: name)
    try? removeTree(folder)
  }
}
