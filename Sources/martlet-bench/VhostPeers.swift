// What `martlet-bench vhost` starts: Open vSwitch with DPDK, our own switch, DPDK's testpmd as two guests,
// and the huge pages that DPDK wants. All of it goes again at the end.

internal import Base
internal import Glibc
internal import Linux

/// Huge pages for the length of a measurement: what was reserved is given back, no more and no less.
final class HugePages {
  private static let path = "/proc/sys/vm/nr_hugepages"
  private static let pageBytes = 2 << 20
  private let count: Int
  private let isMountOurs: Bool

  init(megabytes: Int) throws {
    count = megabytes * (1 << 20) / Self.pageBytes
    let before = try Self.reserved()
    try Self.reserve(before + count)
    let after = try Self.reserved()
    guard after >= before + count else {
      try Self.reserve(before)
      throw Failure(
        "cannot reserve \(count) huge pages", why: "there is memory for \(after - before)",
        remedy: "free memory, or restart the machine")
    }
    let mount = try shell(
      "mountpoint -q /dev/hugepages || { mkdir -p /dev/hugepages; mount -t hugetlbfs none /dev/hugepages; echo ours; }"
    )
    isMountOurs = mount.contains("ours")
  }

  deinit {
    if isMountOurs { _ = try? shell("umount /dev/hugepages") }
    if let now = try? Self.reserved() { try? Self.reserve(max(0, now - count)) }
  }

  private static func reserved() throws -> Int {
    let text = String(decoding: try readFile(path, limitBytes: 64), as: UTF8.self)
    return Int(text.prefix { $0.isNumber }) ?? 0
  }

  private static func reserve(_ count: Int) throws {
    _ = try shell("echo \(count) > \(path)")
  }
}

/// Runs a line of the shell; its output.
@discardableResult
func shell(_ line: String, environment: [String: String] = [:]) throws -> String {
  var command = ChildProcess.Command(["/bin/sh", "-c", line])
  command.environment = ChildProcess.Command.inheritedEnvironment.merging(environment) { $1 }
  let report = try ChildProcess.run(command, timeoutNanoseconds: 60_000_000_000)
  guard report.ending.isSuccess else {
    throw Failure(
      "cannot run `\(line)`", why: "\(report.ending): \(report.errors)",
      remedy: "run it by hand to see more")
  }
  return report.output
}

/// Something that connects the two sockets.
enum VhostPeer: String, CaseIterable {
  case martlet
  case ovsFlow
  case ovsNormal

  /// For people.
  var title: String {
    switch self {
    case .martlet: "Martlet"
    case .ovsFlow: "Open vSwitch, a flow a port"
    case .ovsNormal: "Open vSwitch, NORMAL"
    }
  }

  static let ovs = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"

  /// Why it cannot be measured here; nil when it can.
  var absence: String? {
    guard self != .martlet else { return nil }
    return access(Self.ovs)
      ? nil : "\(Self.ovs) is missing; apt-get install openvswitch-switch-dpdk"
  }

  private func access(_ path: String) -> Bool {
    // SAFETY: a C string for the call.
    unsafe Glibc.access(path, X_OK) == 0
  }
}

/// A switch that runs, until this value goes.
final class RunningSwitch {
  /// In the order of starting; the last ends first.
  private var first: ChildProcess?
  private var second: ChildProcess?
  private let folder: String
  private let isOVS: Bool

  init(_ peer: VhostPeer, folder: String, sockets: [String]) throws {
    self.folder = folder
    isOVS = peer != .martlet
    switch peer {
    case .martlet: try startOurs(sockets)
    case .ovsFlow:
      try startOVS(sockets, flows: ["in_port=1,actions=output:2", "in_port=2,actions=output:1"])
    case .ovsNormal: try startOVS(sockets, flows: ["actions=normal"])
    }
  }

  deinit {
    _ = second?.terminate(graceNanoseconds: 10_000_000_000)
    _ = first?.terminate(graceNanoseconds: 10_000_000_000)
    if isOVS { _ = try? shell("ip netns del \(namespace)") }
  }

  private var namespace: String { "mbvhost\(ProcessIdentity.current.number)" }

  private func startOurs(_ sockets: [String]) throws {
    let own = ProcessIdentity.current.arguments.first ?? "martlet-bench"
    var command = ChildProcess.Command(
      [own, "vhost-switch", "--core", "1"] + sockets.flatMap { ["--path", $0] })
    command.output = .file("\(folder)/martlet.log")
    command.diesWithParent = true
    first = try ChildProcess(command)
  }

  private var environment: [String: String] {
    ["OVS_RUNDIR": folder, "OVS_DBDIR": folder, "OVS_LOGDIR": folder]
  }

  private func started(_ words: [String]) throws -> ChildProcess {
    // OVS makes TAPs of its own: they stay in a namespace.
    var command = ChildProcess.Command(["ip", "netns", "exec", namespace] + words)
    command.environment = ChildProcess.Command.inheritedEnvironment.merging(environment) { $1 }
    command.output = .null
    command.errors = .null
    return try ChildProcess(command)
  }

  private func configure(_ words: String) throws {
    try shell(
      "ovs-vsctl --timeout=30 --db=unix:\(folder)/db.sock \(words)", environment: environment)
  }

  private func startOVS(_ sockets: [String], flows: [String]) throws {
    try shell("ip netns add \(namespace)")
    try shell(
      "rm -f \(folder)/conf.db; ovsdb-tool create \(folder)/conf.db /usr/share/openvswitch/vswitch.ovsschema",
      environment: environment)
    first = try started([
      "ovsdb-server", "\(folder)/conf.db", "--remote=punix:\(folder)/db.sock",
      "--unixctl=\(folder)/db.ctl", "--log-file=\(folder)/db.log",
    ])
    try waitForFile("\(folder)/db.sock")
    try configure(
      "--no-wait init -- set Open_vSwitch . other_config:dpdk-init=true other_config:dpdk-lcore-mask=0x1 "
        + "other_config:pmd-cpu-mask=0x2 other_config:dpdk-socket-mem=1024 "
        + "other_config:dpdk-extra=\"--no-pci --file-prefix=\(namespace) --no-telemetry\"")
    second = try started([
      VhostPeer.ovs, "unix:\(folder)/db.sock", "--unixctl=\(folder)/vs.ctl",
      "--log-file=\(folder)/vs.log",
    ])
    try configure("add-br br0 -- set bridge br0 datapath_type=netdev")
    for (index, socket) in sockets.enumerated() {
      try configure(
        "add-port br0 v\(index) -- set interface v\(index) type=dpdkvhostuserclient "
          + "ofport_request=\(index + 1) options:vhost-server-path=\(socket)")
    }
    try shell("ovs-ofctl del-flows br0", environment: environment)
    for flow in flows { try shell("ovs-ofctl add-flow br0 \(flow)", environment: environment) }
  }

  private func waitForFile(_ path: String) throws {
    let isThere = MonotonicClock.wait(atMostNanoseconds: 10_000_000_000) {
      // SAFETY: a C string for the call.
      unsafe Glibc.access(path, F_OK) == 0
    }
    guard isThere else {
      throw Failure(
        "cannot start Open vSwitch", why: "\(path) does not appear", remedy: "look into \(folder)")
    }
  }
}
