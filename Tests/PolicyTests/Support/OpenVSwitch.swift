// A physical switch that knows VLANs: Open vSwitch with its userspace datapath, in the namespace of one
// of the rig's switches, in the place of the bridge there.
//
// A bridge of Linux passes tags that it does not know; Open vSwitch takes them at their word, so that
// what gets through it had the right ones.

import Base
import Linux
import Netlink
import Rig
import Testing

/// Runs from its making until `stop`.
final class OpenVSwitch {
  private let rig: Rig
  private let node: String
  private let folder: String
  private var daemons: [Daemon] = []

  private final class Daemon {
    var process: ChildProcess
    init(_ process: consuming ChildProcess) { self.process = process }
  }

  /// Takes over the cables of all hosts at a physical switch, as trunks of all VLANs.
  init(_ rig: Rig, insteadOf node: String) throws {
    self.rig = rig
    self.node = node
    folder = "\(rig.folder)/ovs-\(node)"
    try makeDirectory(folder)
    let schema = "/usr/share/openvswitch/vswitch.ovsschema"
    try run("ovsdb-tool", "create", "\(folder)/conf.db", schema)
    try start(
      "ovsdb-server", "\(folder)/conf.db", "--remote=punix:\(folder)/db.sock",
      "--unixctl=\(folder)/db.ctl", "--log-file=\(folder)/db.log")
    try #require(eventually { (try? vsctl("--no-wait", "init")) != nil }, "the database of OVS")
    try start(
      "ovs-vswitchd", "unix:\(folder)/db.sock", "--unixctl=\(folder)/vs.ctl",
      "--log-file=\(folder)/vs.log")
    try vsctl("add-br", "ovs0", "--", "set", "bridge", "ovs0", "datapath_type=netdev")
    let socket = try NetlinkSocket(in: rig.namespace(node))
    for cable in rig.cables where cable.physicalSwitch == node {
      try socket.setMaster(nil, of: .name(cable.port))
      try vsctl("add-port", "ovs0", cable.port)
    }
  }

  deinit { stop() }

  func stop() {
    for daemon in daemons { daemon.process.send(.kill) }
    for daemon in daemons { _ = daemon.process.wait(timeoutNanoseconds: 5_000_000_000) }
    daemons = []
  }

  /// Plugs a machine in, with an address, at a port of one VLAN; nil for frames without a tag.
  func plug(_ machine: String, _ address: String, vlan: UInt16?) throws {
    let namespace = try rig.addNode(machine, hasIPv6: false)
    try NetlinkSocket.createVethPair(
      VethEnd("eth0", in: namespace, isUp: true),
      VethEnd(machine, in: rig.namespace(node), isUp: true))
    try rig.run(["ip", "address", "add", "\(address)/24", "dev", "eth0"], in: namespace)
    try vsctl(["add-port", "ovs0", machine] + (vlan.map { ["tag=\($0)"] } ?? []))
  }

  /// Replaces learning and VLANs by rules of OpenFlow; ports have their names.
  func setFlows(_ flows: [String]) throws {
    try AtomicFile.write(
      Array((flows.joined(separator: "\n") + "\n").utf8), to: "\(folder)/flows")
    try run("ovs-ofctl", "--names", "replace-flows", "unix:\(folder)/ovs0.mgmt", "\(folder)/flows")
  }

  private func vsctl(_ words: String...) throws { try vsctl(words) }

  private func vsctl(_ words: [String]) throws {
    try run(["ovs-vsctl", "--timeout=5", "--db=unix:\(folder)/db.sock"] + words)
  }

  private func command(_ words: [String]) -> ChildProcess.Command {
    var command = ChildProcess.Command(words, in: rig.namespace(node))
    var environment = ChildProcess.Command.inheritedEnvironment
    for name in ["OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR"] { environment[name] = folder }
    command.environment = environment
    return command
  }

  private func start(_ words: String...) throws {
    var command = command(words)
    command.output = .null
    command.errors = .append("\(folder)/errors.log")
    daemons.append(Daemon(try ChildProcess(command)))
  }

  private func run(_ words: String...) throws { try run(words) }

  private func run(_ words: [String]) throws {
    let report = try ChildProcess.run(command(words))
    guard report.ending.isSuccess else {
      throw Failure(
        "cannot run \(words.joined(separator: " "))", why: "\(report.ending): \(report.errors)",
        remedy: "look at \(folder)")
    }
  }
}
