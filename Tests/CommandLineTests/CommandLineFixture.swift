// The built program, run as people run it, against agents that answer what a test says.
//
// An agent here is the real HTTP server with canned rows on a real socket, in a runtime folder of
// the test's own, so no test sees a lab of this machine.

import Base
import HTTP
import Linux
import Model
import Synchronization
import Testing
import Wire

/// What one run of the program gave.
struct Outcome {
  var status: Int32
  var output: String
  var errors: String

  var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// The cells of each line of a table.
  var cells: [[String]] { lines.map { $0.split(separator: " ").map(String.init) } }
}

/// A runtime folder with running agents.
final class Runtime: Sendable {
  let folder: String
  private let servers = Mutex<[HTTPServer]>([])

  init() throws {
    folder = "/tmp/martlet-cli-\(ProcessIdentity.current.number)-\(Self.next())"
    try makeDirectory(folder)
  }

  deinit {
    for server in servers.withLock({ $0 }) { server.stop() }
    try? removeTree(folder)
  }

  private static let counter = Atomic(0)
  private static func next() -> Int { counter.add(1, ordering: .relaxed).newValue }

  /// Starts an agent for a host of a lab.
  func start(lab: String, _ rows: AgentRows) throws {
    let path = "\(folder)/labs/\(lab)/hosts/\(rows.host)"
    try makeDirectory(path)
    try start(socket: "\(path)/agent.sock", rows.router)
  }

  func start(socket: String, _ router: HTTPRouter) throws {
    let server = try HTTPServer(socketPath: socket) { router.respond(to: $0) }
    servers.withLock { $0.append(server) }
  }

  /// Runs the program and waits for its end.
  func run(words arguments: [String]) throws -> Outcome {
    var command = ChildProcess.Command([Self.program] + arguments)
    var environment = ChildProcess.Command.inheritedEnvironment
    environment["MARTLET_RUNTIME_DIRECTORY"] = folder
    command.environment = environment
    let report = try ChildProcess.run(command, limitBytes: 16 << 20)
    guard case .exited(let status) = report.ending else {
      throw Failure(
        "martlet \(arguments.joined(separator: " "))", why: "\(report.ending)", remedy: "mend it")
    }
    return Outcome(status: status, output: report.output, errors: report.errors)
  }

  /// Runs a command line without quotes.
  func run(_ line: String) throws -> Outcome {
    try run(words: line.split(separator: " ").map(String.init))
  }

  /// The program under test: MARTLET_BINARY, else the one that was built with the tests.
  static var program: String {
    if let given = ChildProcess.Command.inheritedEnvironment["MARTLET_BINARY"] { return given }
    let tests = CommandLine.arguments[0]
    return (tests.lastIndex(of: "/").map { tests[...$0] } ?? "./") + "martlet"
  }
}

/// What one agent tells.
struct AgentRows: Sendable {
  var host: String
  var switches: [SwitchStatus] = []
  var portgroups: [PortGroupStatus] = []
  var ports: [PortStatus] = []
  var uplinks: [UplinkStatus] = []
  var macs: [MACEntryStatus] = []
  var vms: [VMStatus] = []

  /// A host with one VM on a distributed switch.
  init(host: String, number: Int) throws {
    self.host = host
    let mac = try #require(MACAddress("00:50:56:00:00:0\(number)"))
    let address = try #require(IPPrefix("10.0.10.\(number)/24"))
    var counters = PortCounters()
    counters.packetsInUnicast = 40 + UInt64(number)
    counters.packetsInBroadcast = 2
    var conservation = ConservationStatus()
    conservation.received = 10
    conservation.delivered = 10
    switches = [
      SwitchStatus(
        name: "dvs1", kind: .distributed, hosts: [host], mtu: 1500, uplinks: ["uplink1"],
        portgroupCount: 1, portsUsed: 1, portLimit: 4096, revision: UInt64(number),
        conservation: conservation),
      SwitchStatus(
        name: "vSwitch0", kind: .standard, hosts: [host], mtu: 9000, uplinks: [],
        portgroupCount: 0, portsUsed: 0, portLimit: 4096),
    ]
    portgroups = [
      PortGroupStatus(
        name: "web", switch: "dvs1", vlan: .access(10), ports: 1,
        policy: EffectivePolicy(switch: Policy(), portgroup: Policy(), uplinks: ["uplink1"]))
    ]
    ports = [
      PortStatus(
        id: "web\(number)-eth0", switch: "dvs1", portgroup: "web", host: host,
        vm: "web\(number)", device: "eth0", mac: mac, vlan: .access(10), state: .up,
        teamUplink: number == 1 ? "uplink1" : nil, counters: counters,
        drops: ["forgedTransmit": 3, "vlanMismatch": 4], attachment: "tap")
    ]
    uplinks = [
      UplinkStatus(
        name: "uplink1", nic: "vmnic0", host: host, switch: "dvs1", link: .up, role: .active,
        state: .up, speedMbps: number == 1 ? 10000 : nil)
    ]
    macs = [
      MACEntryStatus(
        mac: mac, vlan: 10, port: "web\(number)-eth0", vm: "web\(number)", type: .static,
        host: host, switch: "dvs1"),
      MACEntryStatus(
        mac: MACAddress(rawValue: 0xAA), vlan: 10, port: "uplink1", type: .external,
        ageSeconds: 7, host: host, switch: "dvs1"),
    ]
    vms = [
      VMStatus(
        name: "web\(number)", host: host,
        nics: [
          .init(
            device: "eth0", portgroup: "web", switch: "dvs1", mac: mac, addresses: [address],
            portId: "web\(number)-eth0", state: .up)
        ])
    ]
  }

  /// The first VM wants two senders of a group, others want all.
  private var groups: [GroupMemberStatus] {
    ports.map { port in
      let group = GroupStatus(
        vlan: 10, group: .v4(IPv4Address(239, 1, 1, 1)),
        sources: port.vm == "web1"
          ? [7, 8].map { .v4(IPv4Address(10, 0, 10, $0)) } : [],
        expiresInSeconds: 259)
      return GroupMemberStatus(
        group, port: port.id, vm: port.vm, device: port.device, host: host, switch: port.switch)
    }
  }

  var router: HTTPRouter {
    let rows = self
    var router = HTTPRouter()
    router.on(.get, "/v1/switches") { _ in .json(rows.switches) }
    router.on(.get, "/v1/portgroups") { _ in .json(rows.portgroups) }
    router.on(.get, "/v1/ports") { _ in .json(rows.ports) }
    router.on(.get, "/v1/uplinks") { _ in .json(rows.uplinks) }
    router.on(.get, "/v1/macs") { _ in .json(rows.macs) }
    router.on(.get, "/v1/vms") { _ in .json(rows.vms) }
    router.on(.get, "/v1/groups") { _ in .json(rows.groups) }
    router.on(.get, "/v1/host") { _ in
      .json(
        HostStatus(
          name: rows.host, revision: 1, pid: 42, uptimeSeconds: 5, switchCount: 2,
          uplinkCount: 1, vmCount: 1, version: "0.1.0"))
    }
    router.on(.post, "/v1/macs/flush") { request throws(Failure) in
      guard let port = request.target.first("port") else { return .json(["flushed": 3]) }
      guard rows.ports.contains(where: { $0.id == port }) else {
        throw Failure("cannot flush", why: "no port \(port) here", remedy: "ask another host")
      }
      return .json(["flushed": 1])
    }
    return router
  }
}
