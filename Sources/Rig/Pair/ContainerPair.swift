// Two containers and a switch between them: the stage on which switches are compared.
//
//   NAME-a: eth0 10.99.0.1  ──  whatever is measured, in NAME-s  ──  eth0 10.99.0.2 :NAME-b
//
// How the ends come to be depends on what is measured: cables to its namespace (`joinWithVeths`), a cable
// without anything between (`joinDirectly`), or TAPs that the switch itself makes. All is gone with
// `close`, and after Ctrl-C with `RigCleanup`.

public import Base
internal import Glibc
public import Linux
internal import Netlink
internal import Wire

/// Two namespaces with an address each, and one between for a switch.
///
/// - Thread: one at a time.
public final class ContainerPair {
  public static let firstAddress = "10.99.0.1"
  public static let secondAddress = "10.99.0.2"
  public static let firstMAC = "02:00:00:00:00:01"
  public static let secondMAC = "02:00:00:00:00:02"

  public let first: NetworkNamespace
  public let second: NetworkNamespace
  public let middle: NetworkNamespace
  /// For logs, sockets and databases.
  public let folder: String
  private let prefix: String
  private var programs: [RunningProgram] = []
  private var switchProcesses: [ProcessIdentity] = []
  private var isClosed = false

  public init() throws {
    prefix = RigEnvironment.uniquePrefix()
    folder = "/tmp/\(prefix)pair"
    first = try NetworkNamespace.create(named: prefix + "a")
    second = try NetworkNamespace.create(named: prefix + "b")
    middle = try NetworkNamespace.create(named: prefix + "s")
    try makeDirectory(folder, mode: 0o700)
    for namespace in [first, second, middle] {
      try NetlinkSocket(in: namespace).setUp("lo")
      // Nobody but the benchmark speaks here.
      for place in ["all", "default"] {
        try run(["sysctl", "-qw", "net.ipv6.conf.\(place).disable_ipv6=1"], in: namespace)
      }
    }
  }

  deinit { close() }

  // MARK: - Devices

  /// `NAMESPACE:DEVICE` of the containers' ends, for a switch that makes TAPs.
  public var taps: [String] { [first, second].map { "\($0.name ?? ""):eth0" } }
  /// The same of the switch's ends of the cables.
  public var ports: [String] { Self.portNames.map { "\(middle.name ?? ""):\($0)" } }
  public static let portNames = ["portA", "portB"]

  /// A veth pair from each container to the switch's namespace, up there.
  ///
  /// - `passesOffloads`: whether checksums and segments may be left to the switch.
  /// - `receivesAtOnce`: whether the containers poll their ends (NAPI), which AF_XDP wants.
  public func joinWithVeths(passesOffloads: Bool, receivesAtOnce: Bool = false) throws {
    for (name, container) in zip(Self.portNames, [first, second]) {
      // One queue: what is bound to queue 0 must see every frame.
      try run(
        [
          "ip", "link", "add", name, "numtxqueues", "1", "numrxqueues", "1", "type", "veth", "peer",
          "name", "eth0", "netns", container.name ?? "", "numtxqueues", "1", "numrxqueues", "1",
        ], in: middle)
      try NetlinkSocket(in: middle).setUp(.name(name))
      if !passesOffloads {
        try run(["ethtool", "-K", "eth0", "tx", "off"], in: container)
        try run(["ethtool", "-K", name, "gro", "off"], in: middle)
      }
      if receivesAtOnce {
        // Up first: a veth that is down does not start to poll.
        try NetlinkSocket(in: container).setUp("eth0")
        try run(["ethtool", "-K", "eth0", "gro", "on"], in: container)
      }
    }
  }

  /// One veth pair from container to container.
  public func joinDirectly() throws {
    try NetlinkSocket.createVethPair(VethEnd("eth0", in: first), VethEnd("eth0", in: second))
  }

  /// A device of the middle becomes the eth0 of a container.
  public func move(_ device: String, to container: NetworkNamespace) throws {
    let socket = try NetlinkSocket(in: middle)
    try socket.change(
      .name(device), LinkChange(name: "eth0", isUp: false, namespace: container))
  }

  /// Gives both ends their addresses and waits until one reaches the other.
  public func settle() throws {
    let ends = [
      (first, Self.firstMAC, Self.firstAddress), (second, Self.secondMAC, Self.secondAddress),
    ]
    for (container, mac, address) in ends {
      try run(["ip", "link", "set", "eth0", "address", mac], in: container)
      try run(["ip", "address", "add", "\(address)/24", "dev", "eth0"], in: container)
      try NetlinkSocket(in: container).setUp("eth0")
    }
    let isConnected = MonotonicClock.wait(
      atMostNanoseconds: 15_000_000_000, everyNanoseconds: 50_000_000, until: reachesSecond)
    guard isConnected else {
      throw Failure(
        "cannot reach one container from the other", why: "no answer to a ping in 15 s",
        remedy: "the switch's last words: \(words())")
    }
  }

  /// Whether a ping is answered; both ends then know each other's address, and so does the switch.
  public func reachesSecond() -> Bool {
    let command = ["ping", "-n", "-q", "-c1", "-W1", Self.secondAddress]
    let report = try? ChildProcess.run(.init(command, in: first))
    return report?.ending.isSuccess ?? false
  }

  // MARK: - Programs

  /// Starts a program that stays until `close`. Its input stays open; what it prints goes to a file.
  ///
  /// - `isSwitch`: whether its processor time is the switch's.
  /// - `line`: what it prints when it is ready; nil does not wait.
  public func start(
    _ words: [String], in namespace: NetworkNamespace? = nil, isSwitch: Bool = false,
    until line: String? = nil, environment: [String: String] = [:]
  ) throws {
    let log = "\(folder)/program\(programs.count).log"
    var command = ChildProcess.Command(words, in: namespace ?? middle)
    command.input = .pipe
    command.output = .file(log)
    command.errors = .append(log)
    if !environment.isEmpty {
      command.environment = ChildProcess.Command.inheritedEnvironment.merging(environment) { $1 }
    }
    let program = RunningProgram(try ChildProcess(command), log: log)
    programs.append(program)
    if isSwitch { switchProcesses.append(program.identity) }
    guard let line else { return }
    let isReady = MonotonicClock.wait(atMostNanoseconds: 20_000_000_000) {
      program.text.contains(line) || !program.identity.isAlive
    }
    guard isReady, program.text.contains(line) else {
      throw Failure(
        "cannot start \(words.prefix(3).joined(separator: " "))", why: program.text,
        remedy: "run it by hand")
    }
  }

  /// Ends the programs from the one that was started at `position` on.
  public func endPrograms(from position: Int) {
    while programs.count > position {
      let last = programs.removeLast()
      switchProcesses.removeAll { $0 == last.identity }
      last.end()
    }
  }

  public var programCount: Int { programs.count }

  /// Runs a program to its end and returns what it printed; fails unless it succeeds.
  @discardableResult
  public func run(_ words: [String], in namespace: NetworkNamespace? = nil) throws(Failure)
    -> String
  {
    let report = try ChildProcess.run(.init(words, in: namespace ?? middle))
    guard report.ending.isSuccess else {
      throw Failure(
        "cannot run \(words.joined(separator: " "))",
        why: "\(report.ending): \(report.errors)\(report.output)", remedy: "run it by hand")
    }
    return report.output
  }

  /// User and system time of the switch's processes, in seconds; 0 for a switch in the kernel.
  public func switchProcessorSeconds() -> Double {
    switchProcesses.reduce(0) { sum, process in
      sum + ((try? ResourceUse.of(process: process.number))?.processorSeconds ?? 0)
    }
  }

  public var hasSwitchProcess: Bool { !switchProcesses.isEmpty }

  private func words() -> String { programs.map { String($0.text.suffix(400)) }.joined() }

  /// Ends every program and removes everything. Safe to call again.
  public func close() {
    guard !isClosed else { return }
    isClosed = true
    endPrograms(from: 0)
    RigCleanup.demolish(prefix: prefix)
  }
}

/// A program with its log.
private final class RunningProgram {
  private var process: ChildProcess
  private let log: String

  init(_ process: consuming ChildProcess, log: String) {
    self.process = process
    self.log = log
  }

  var identity: ProcessIdentity { process.identity }
  var text: String {
    String(decoding: (try? readFileIfPresent(log, limitBytes: 1 << 20)) ?? [], as: UTF8.self)
  }
  func end() { _ = process.terminate() }
}
