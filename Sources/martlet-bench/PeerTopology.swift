// What stands between the two containers, kind by kind: how it is started, and what it needs.
//
// Where a switch cannot pass checksums and segments that were left to it (AF_XDP, Open vSwitch without
// userspace TSO), the containers' offloads are off, as its users have to do.

internal import Base
internal import Linux
internal import Netlink
internal import Rig

/// Something that can be measured between two containers.
struct PeerTopology: Sendable {
  var name: String
  /// What people call it.
  var title: String
  /// How it is attached: compared are things of one kind.
  var group: String
  /// Whose figures are 1 in the ratios.
  var comparedWith: String?
  var isOurs = false
  var note = ""
  /// Programs that must be there, and the package that has them.
  var programs: [String] = []
  var package = ""
  var build: @Sendable (ContainerPair) throws -> Void

  /// The programs that every comparison calls.
  static let commonPrograms = [
    (name: "ip", package: "iproute2"), (name: "ping", package: "iputils-ping"),
    (name: "ethtool", package: "ethtool"), (name: "iperf3", package: "iperf3"),
    (name: "sysctl", package: "procps"),
  ]

  /// Why it cannot be measured here; nil when it can.
  var obstacle: String? {
    let missing = programs.filter { !RigEnvironment.hasPrograms($0) }
    guard !missing.isEmpty else { return nil }
    return "\(missing.joined(separator: ", ")) not found; apt-get install \(package)"
  }

  /// By kind of attachment, Martlet first.
  static let all = [tap, veth, raw].flatMap { group in
    (martlet + cables + openVSwitch + [vde] + kernel).filter { $0.group == group }
  }

  static func named(_ name: String) -> PeerTopology? { all.first { $0.name == name } }
}

extension PeerTopology {
  private static let tap = "TAP"
  private static let veth = "veth, offloads passed on"
  private static let raw = "veth, AF_XDP"

  private static let kernel = [
    PeerTopology(
      name: "vethDirect", title: "no switch", group: veth, comparedWith: "martletVeth",
      build: { try $0.joinDirectly() }),
    PeerTopology(
      name: "bridge", title: "Linux bridge", group: veth, comparedWith: "martletVeth",
      build: { pair in
        try pair.joinWithVeths(passesOffloads: true)
        try bridge(pair)
      }),
    PeerTopology(
      name: "bridgeNoOffload", title: "Linux bridge", group: raw, comparedWith: "martletXdp",
      build: { pair in
        try pair.joinWithVeths(passesOffloads: false)
        try bridge(pair)
      }),
  ]

  private static func bridge(_ pair: ContainerPair) throws {
    let socket = try NetlinkSocket(in: pair.middle)
    try socket.createBridge("br0")
    for port in ContainerPair.portNames { try socket.setMaster("br0", of: .name(port)) }
  }

  // MARK: - Martlet and cables

  private static let martlet = [
    ours("martletTap", "Martlet", tap, "the agent's worker; TAPs with virtio-net headers") { pair in
      try startSwitch(pair, pair.taps.flatMap { ["--tap", $0] })
    },
    ours("martletVeth", "Martlet", veth, "the agent's worker; packet sockets") { pair in
      try pair.joinWithVeths(passesOffloads: true)
      try startSwitch(pair, pair.ports.flatMap { ["--port", $0] })
    },
    ours("martletXdp", "Martlet, AF_XDP", raw, "the agent's worker; AF_XDP sockets") { pair in
      try pair.joinWithVeths(passesOffloads: false, receivesAtOnce: true)
      try startSwitch(pair, pair.ports.flatMap { ["--port", $0] } + ["--attach", "xdp"])
    },
  ]

  private static func ours(
    _ name: String, _ title: String, _ group: String, _ note: String,
    _ build: @escaping @Sendable (ContainerPair) throws -> Void
  ) -> PeerTopology {
    PeerTopology(
      name: name, title: title, group: group, comparedWith: name, isOurs: true, note: note,
      build: build)
  }

  /// Martlet with another way to wait than `martletTap`, which has the one that is usual.
  static func martletTap(_ name: String, poll: String) -> PeerTopology {
    ours(name, "Martlet, \(poll)", tap, "--poll \(poll)") { pair in
      try startSwitch(pair, pair.taps.flatMap { ["--tap", $0] } + ["--poll", poll])
    }
  }

  private static func startSwitch(_ pair: ContainerPair, _ words: [String]) throws {
    try pair.start([ownProgram, "switch"] + words, isSwitch: true, until: "ready")
  }

  private static let cables = [
    cable("cableTap", "C cable, read/write", tap, "martletTap", "tap"),
    cable("cableTapUring", "C cable, io_uring", tap, "martletTap", "tapUring"),
    cable("cablePacket", "C cable, recvmmsg", veth, "martletVeth", "packet"),
    cable("cableXsk", "C cable, asleep when idle", raw, "martletXdp", "xsk"),
    cable("cableXskSpin", "C cable, never sleeps", raw, "martletXdp", "xskSpin"),
  ]

  /// A cable of the C part.
  static func cable(
    _ name: String, _ title: String, _ group: String, _ comparedWith: String, _ kind: String,
    tool: String = "cable", isOurs: Bool = false
  ) -> PeerTopology {
    PeerTopology(
      name: name, title: title, group: group, comparedWith: comparedWith, isOurs: isOurs,
      build: { pair in
        var places = pair.taps
        if !kind.hasPrefix("tap") {
          let isRaw = kind.hasPrefix("x")
          try pair.joinWithVeths(passesOffloads: !isRaw, receivesAtOnce: isRaw)
          places = pair.ports
        }
        try pair.start(
          [ownProgram, "tool", tool, kind] + places, isSwitch: true, until: "ready")
      })
  }

  // MARK: - Other userspace switches

  private static let vde = PeerTopology(
    name: "vdeTap", title: "vde_switch", group: tap, comparedWith: "martletTap",
    programs: ["vde_switch"],
    package: "vde2",
    build: { pair in
      try pair.start(
        ["vde_switch", "-s", "\(pair.folder)/vde", "-tap", "tapA", "-tap", "tapB"], isSwitch: true)
      try takeTaps(pair)
    })

  private static let openVSwitch = [
    openVSwitch("ovsVethTso", "Open vSwitch, TSO", veth, "martletVeth", isTSO: true) { pair in
      try pair.joinWithVeths(passesOffloads: true)
      for port in ContainerPair.portNames { try OpenVSwitch.call(pair, ["add-port", "br0", port]) }
    },
    openVSwitch("ovsTap", "Open vSwitch", tap, "martletTap", isTSO: false, openVSwitchTaps),
    openVSwitch("ovsTapTso", "Open vSwitch, TSO", tap, "martletTap", isTSO: true, openVSwitchTaps),
    openVSwitch("ovsAfxdp", "Open vSwitch, AF_XDP", raw, "martletXdp", isTSO: false) { pair in
      try pair.joinWithVeths(passesOffloads: false)
      // A polling thread of its own, away from the sender's processor.
      try OpenVSwitch.call(
        pair, ["set", "Open_vSwitch", ".", "other_config:pmd-cpu-mask=0x2"])
      for port in ContainerPair.portNames {
        try OpenVSwitch.call(
          pair,
          [
            "add-port", "br0", port, "--", "set", "interface", port, "type=afxdp",
            "options:n_rxq=1",
          ])
      }
    },
  ]

  private static func openVSwitch(
    _ name: String, _ title: String, _ group: String, _ comparedWith: String, isTSO: Bool,
    _ ports: @escaping @Sendable (ContainerPair) throws -> Void
  ) -> PeerTopology {
    PeerTopology(
      name: name, title: title, group: group, comparedWith: comparedWith,
      programs: ["ovs-vswitchd", "ovsdb-server", "ovs-vsctl", "ovsdb-tool"],
      package: "openvswitch-switch",
      build: { pair in
        try OpenVSwitch.start(pair, isTSO: isTSO)
        try ports(pair)
      })
  }

  private static let openVSwitchTaps: @Sendable (ContainerPair) throws -> Void = { pair in
    for port in ["tapA", "tapB"] {
      try OpenVSwitch.call(
        pair, ["add-port", "br0", port, "--", "set", "interface", port, "type=tap"])
    }
    try takeTaps(pair)
  }

  /// Moves the TAPs that a switch made to the containers.
  private static func takeTaps(_ pair: ContainerPair) throws {
    for (device, container) in [("tapA", pair.first), ("tapB", pair.second)] {
      let isThere = try MonotonicClock.wait(atMostNanoseconds: 5_000_000_000) {
        try NetlinkSocket(in: pair.middle).link(.name(device)) != nil
      }
      guard isThere else {
        throw Failure(
          "cannot find \(device)", why: "the switch did not make it in 5 s",
          remedy: "look at the logs in \(pair.folder)")
      }
      try pair.move(device, to: container)
    }
  }
}

/// Open vSwitch's userspace datapath, with a database of its own.
enum OpenVSwitch {
  static func start(_ pair: ContainerPair, isTSO: Bool) throws {
    let folder = pair.folder
    try pair.run(
      ["ovsdb-tool", "create", "\(folder)/conf.db", "/usr/share/openvswitch/vswitch.ovsschema"])
    let places = ["OVS_RUNDIR": folder, "OVS_DBDIR": folder, "OVS_LOGDIR": folder]
    try pair.start(
      [
        "ovsdb-server", "\(folder)/conf.db", "--remote=punix:\(folder)/db.sock",
        "--unixctl=\(folder)/db.ctl",
      ], environment: places)
    _ = try MonotonicClock.wait(atMostNanoseconds: 5_000_000_000) {
      try listDirectory(folder).contains("db.sock")
    }
    try call(pair, ["--no-wait", "init"])
    try call(
      pair,
      [
        "--no-wait", "set", "Open_vSwitch", ".",
        "other_config:userspace-tso-enable=\(isTSO ? "true" : "false")",
      ])
    try pair.start(
      ["ovs-vswitchd", "unix:\(folder)/db.sock", "--unixctl=\(folder)/vs.ctl"], isSwitch: true,
      environment: places)
    try call(pair, ["add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"])
  }

  static func call(_ pair: ContainerPair, _ words: [String]) throws {
    try pair.run(["ovs-vsctl", "--timeout=10", "--db=unix:\(pair.folder)/db.sock"] + words)
  }
}

/// This program, for the parts that it starts as programs of their own.
var ownProgram: String { ProcessIdentity.ownExecutablePath }
