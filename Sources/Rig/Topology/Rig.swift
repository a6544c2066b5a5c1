// A network to measure and test on: what a topology file declares, built from namespaces, bridges and
// veth pairs, with a real agent on each host.
//
// The same shape as a lab, without its comfort, and with a grip on every part: a cable can be pulled at
// the physical switch, an agent killed, a file changed. Names begin with the prefix of the rig, so that
// rigs do not meet. Everything that a rig made is gone when it ends.

public import Base
internal import ConfigFile
internal import HTTP
public import Linux
public import Model
public import Netlink
public import Wire

/// A topology that runs.
///
/// - Thread: one at a time.
public final class Rig {
  /// The end of a host's cable at its physical switch.
  public struct Cable: Sendable {
    public var host: String
    public var nic: String
    public var physicalSwitch: String
    /// The name of the bridge's port.
    public var port: String
    public var portIndex: Int32
  }

  /// Names of namespaces begin with it.
  public let prefix: String
  /// Configuration, sockets, logs and state.
  public let folder: String
  public internal(set) var topology: Topology
  public internal(set) var cables: [Cable] = []
  public let bridge: LinkKey = "br0"
  /// The program `martlet`.
  let executable: String
  var namespaces: [String: NetworkNamespace] = [:]
  var agents: [String: ProcessIdentity] = [:]
  /// Of every agent that is started from now on.
  public var workers = RigEnvironment.workers
  private var isClosed = false

  /// Builds the network without agents.
  public init(_ text: String, executable: String, prefix: String) throws {
    self.prefix = prefix
    self.executable = executable
    folder = "/tmp/\(prefix)rig"
    topology = try TopologyFile.parse(text: text, file: "\(folder)/topology.yaml")
    do {
      try makeDirectory(folder, mode: 0o700)
      try write(text)
      try build()
    } catch {
      close()
      throw error
    }
  }

  deinit { close() }

  public var configPath: String { "\(folder)/topology.yaml" }
  public func socketPath(_ host: String) -> String { "\(folder)/\(host).sock" }
  public func logPath(_ host: String) -> String { "\(folder)/\(host).log" }

  /// The namespace of a physical switch, host or VM.
  public func namespace(_ node: String) -> NetworkNamespace {
    guard let namespace = namespaces[node] else { preconditionFailure("no node \(node)") }
    return namespace
  }

  /// Replaces the topology file. Agents read it when they are told.
  public func write(_ text: String) throws(Failure) {
    try AtomicFile.write(Array(text.utf8), to: configPath)
  }

  public func cable(_ host: String, _ nic: String) -> Cable {
    guard let cable = cables.first(where: { $0.host == host && $0.nic == nic }) else {
      preconditionFailure("host \(host) has no nic \(nic)")
    }
    return cable
  }

  /// Pulls a host's cable at the physical switch, or plugs it in again.
  public func setCable(_ host: String, _ nic: String, isUp: Bool) throws(Failure) {
    let cable = cable(host, nic)
    try NetlinkSocket(in: namespace(cable.physicalSwitch)).change(
      .name(cable.port), LinkChange(isUp: isUp))
  }

  /// Cuts the cable between two physical switches, or mends it. No nic of a host sees its link go.
  public func setJoint(_ first: String, _ second: String, isUp: Bool) throws(Failure) {
    try NetlinkSocket(in: namespace(first)).change(
      .name("to-\(second)"), LinkChange(isUp: isUp))
  }

  /// The learned addresses of a physical switch behind a host's cable.
  public func learned(behind host: String, _ nic: String) throws(Failure) -> Set<MACAddress> {
    let cable = cable(host, nic)
    let entries = try NetlinkSocket(in: namespace(cable.physicalSwitch)).bridgeEntries(bridge)
    return Set(
      entries.filter { $0.portIndex == cable.portIndex && !$0.isPermanent }.map(\.macAddress))
  }

  /// Ends every agent and removes everything. Safe to call again.
  public func close() {
    guard !isClosed else { return }
    isClosed = true
    for host in agents.keys { endAgent(host) }
    endKeepers()
    for node in namespaces.keys { try? NetworkNamespace.delete(named: prefix + node) }
    namespaces = [:]
    try? removeTree(folder)
  }
}
