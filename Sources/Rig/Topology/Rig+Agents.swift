// Starting, ending and asking the agents of a rig.

public import Base
internal import ConfigFile
public import HTTP
public import Linux
public import Model
internal import Wire

extension Rig {
  /// Starts every agent, waits until every port is up, and gives the VMs their addresses.
  public func start() throws {
    for host in topology.hosts { try startAgent(host.name) }
    for host in topology.hosts { try waitForPorts(host.name) }
    for vm in topology.vms { try address(vm.name) }
  }

  /// Starts the agent of a host; returns when it answers.
  public func startAgent(_ host: String) throws(Failure) {
    let process = try ChildProcess(command(host))
    agents[host] = process.identity
    let isThere = MonotonicClock.wait(atMostNanoseconds: 20_000_000_000) {
      !process.identity.isAlive || (try? status(host)) != nil
    }
    guard isThere, process.identity.isAlive else {
      throw Failure(
        "cannot start the agent of \(host)", why: log(host), remedy: "run it by hand")
    }
  }

  /// What starts the agent of a host.
  public func command(_ host: String) -> ChildProcess.Command {
    var command = ChildProcess.Command(
      [
        executable, "host", "run", "--config", configPath, "--host", host, "--socket",
        socketPath(host), "--state-dir", "\(folder)/\(host)", "--netns-prefix", prefix,
        "--workers", "\(workers)",
      ], in: namespace(host))
    command.output = .append(logPath(host))
    command.errors = .append(logPath(host))
    return command
  }

  public func agent(_ host: String) -> ProcessIdentity {
    guard let agent = agents[host] else { preconditionFailure("no agent on \(host)") }
    return agent
  }

  /// The keeper that an agent of this host started.
  public func keeper(_ host: String) -> ProcessIdentity? {
    keepers().first { $0.arguments.last == "\(folder)/\(host)/keeper.sock" }
  }

  private func keepers() -> [ProcessIdentity] {
    ProcessIdentity.all().filter { process in
      let words = process.arguments
      return words.count == 5 && words[1...2] == ["host", "keep"]
        && words[4].hasPrefix(folder + "/")
    }
  }

  /// Ends an agent as `kill -9` does.
  public func killAgent(_ host: String) throws {
    try agent(host).kill()
    agents[host] = nil
  }

  /// Ends an agent with SIGTERM.
  public func endAgent(_ host: String) {
    _ = try? agents[host]?.terminate()
    agents[host] = nil
  }

  func endKeepers() { for keeper in keepers() { _ = try? keeper.terminate() } }

  /// What an agent has logged.
  public func log(_ host: String) -> String {
    let bytes = try? readFileIfPresent(logPath(host), limitBytes: 1 << 20)
    return String(decoding: bytes ?? [], as: UTF8.self)
  }

  // MARK: - The API

  public func client(_ host: String) -> HTTPClient {
    HTTPClient(.socket(socketPath(host)), timeoutMilliseconds: 10_000)
  }

  private func list<Row: Decodable>(_ name: String, _ host: String) throws(Failure) -> [Row] {
    try client(host).request(
      .get, HTTPTarget(segments: ["v1", name]), as: [Row].self)
  }

  public func status(_ host: String) throws(Failure) -> HostStatus {
    try client(host).request(.get, HTTPTarget(segments: ["v1", "host"]), as: HostStatus.self)
  }

  public func ports(_ host: String) throws(Failure) -> [PortStatus] { try list("ports", host) }
  public func uplinks(_ host: String) throws(Failure) -> [UplinkStatus] {
    try list("uplinks", host)
  }
  public func switches(_ host: String) throws(Failure) -> [SwitchStatus] {
    try list("switches", host)
  }
  public func macs(_ host: String) throws(Failure) -> [MACEntryStatus] { try list("macs", host) }

  /// The port of a VM's first nic, or another.
  public func port(_ host: String, _ vm: String, _ device: String = "eth0") throws(Failure)
    -> PortStatus
  {
    guard let port = try ports(host).first(where: { $0.vm == vm && $0.device == device }) else {
      throw Failure(
        "cannot find \(vm)/\(device)", why: "host \(host) has no such port",
        remedy: "look at the topology")
    }
    return port
  }

  /// Lets an agent read its file again; 200 or 422.
  public func reload(_ host: String) throws(Failure) -> HTTPReply {
    try client(host).send(.post, HTTPTarget(segments: ["v1", "reload"]))
  }

  /// Waits until every port and uplink of a host is up. Ports of guests behind vhost-user, which are not
  /// ours to start, need only be open.
  public func waitForPorts(_ host: String) throws(Failure) {
    var why = "no answer"
    let isUp = MonotonicClock.wait(
      atMostNanoseconds: 20_000_000_000, everyNanoseconds: 10_000_000
    ) {
      guard let ports = try? ports(host), let uplinks = try? uplinks(host) else { return false }
      let down = ports.filter { $0.state != .up && $0.vhostUser == nil }.map {
        "\($0.vm ?? "") \($0.attachment)"
      }
      let missing = uplinks.filter { $0.state != .up }.map(\.nic)
      why = (down + missing).joined(separator: ", ")
      return down.isEmpty && missing.isEmpty
    }
    guard isUp else {
      throw Failure(
        "cannot bring up the ports of \(host)", why: why, remedy: "its log says: \(log(host))")
    }
  }
}
