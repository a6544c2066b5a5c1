// A bare standard switch with a vhost-user port at each end: the child that `martlet-bench vhost` measures.
//
// One thread goes round the ports for ever, as a worker with `--poll busy` does: a batch from each, through
// the switch, to the other. It prints `ready`, then a line when it ends (SIGTERM): frames, and processor
// time for each.

internal import Attachments
internal import Base
internal import Dataplane
internal import FrameMemory
internal import Glibc
internal import Linux
internal import VhostUser
internal import Wire

enum VhostSwitch {
  static let help = """
    usage: martlet-bench vhost-switch [--server] [--core N] --path PATH --path PATH...

    Switches frames between vhost-user ports, busily, until it is told to end (SIGTERM). Port number N has
    the address 02:00:00:00:01:NN. Connects to the paths as a client, or listens on them.
    """

  static func run(_ words: [String]) throws -> Bool {
    var options = Options(words, of: "vhost-switch")
    if options.flag("--help") {
      print(help)
      return true
    }
    let mode: VhostUserSettings.Mode = options.flag("--server") ? .server : .client
    var paths: [String] = []
    while let path = try options.text("--path") { paths.append(path) }
    let core = try options.text("--core")
    try options.end()
    guard (2...250).contains(paths.count) else {
      throw WrongUsage(text: "--path: 2 to 250 of them")
    }
    let service = try VhostUserService()
    let ports = try paths.enumerated().map { index, path in
      try service.open(VhostUserSettings(name: "port\(index)", path: path, mode: mode))
    }
    if let core {
      // The thread that forwards, and not the one that talks to the front ends.
      try shell("taskset -cp \(core) \(ProcessIdentity.current.number)")
    }
    var loop = VhostLoop(ports)
    // At once, whatever standard output is.
    let ready = "ready\n"
    // SAFETY: the text lives for the call.
    _ = unsafe ready.withCString { unsafe write(STDOUT_FILENO, $0, strlen($0)) }
    try loop.run()
    return true
  }
}

/// The ports and the switch between them.
struct VhostLoop: ~Copyable {
  private static let batchFrames = 32
  /// Between two looks at clock, signals and deadlines.
  private static let roundsPerLook = 256

  private let ports: [VhostUserAttachment]
  private var network: Switch
  private var batch = FrameBatch(capacity: batchFrames)
  private var deliveries: DeliveryList
  private var frames: UInt64 = 0

  init(_ ports: [VhostUserAttachment]) {
    self.ports = ports
    var limits = SwitchLimits()
    limits.ports = max(ports.count, 4)
    network = Switch(limits: limits, seed: 1)
    deliveries = DeliveryList(
      capacity: Self.batchFrames * (ports.count + 1), portCapacity: limits.ports)
    let now = MonotonicClock.now()
    _ = network.apply(Self.plan(ports: ports.count), now: now)
    for index in ports.indices { network.setAttached(PortIndex(index), true, now: now) }
  }

  /// The address of a port, as the front ends are told it.
  static func address(_ index: Int) -> MACAddress {
    MACAddress(rawValue: 0x0200_0000_0100 + UInt64(index))
  }

  private static func plan(ports: Int) -> SwitchPlan {
    let plans = (0..<ports).map { index in
      var port = PortPlan()
      port.kind = .vm
      port.id = UInt32(index)
      port.mac = address(index)
      return port
    }
    return SwitchPlan(
      revision: 1, mtu: 9_000, ports: plans,
      teams: [TeamPlan(policy: .originatingPortID, active: [])])
  }

  mutating func run() throws {
    let signals = try SignalDescriptor()
    var now = MonotonicClock.now()
    while signals.next() == nil {
      for _ in 0..<Self.roundsPerLook {
        for index in ports.indices { service(index, now) }
      }
      now = MonotonicClock.now()
      _ = network.tick(now: now)
    }
    print("frames \(frames)")
  }

  @inline(__always)
  private mutating func service(_ index: Int, _ now: MonotonicTime) {
    let port = PortIndex(index)
    guard case .frames = ports[index].receive(into: &batch, port: port, limit: Self.batchFrames)
    else { return }
    frames += UInt64(batch.count)
    var next = 0
    while next < batch.count {
      next = network.process(batch, from: next, into: &deliveries, now: now)
      send()
    }
    batch.removeAll()
  }

  private mutating func send() {
    for position in 0..<deliveries.touchedCount {
      let port = deliveries.touchedPort(position)
      _ = ports[port.index].transmit(batch, &deliveries, port: port)
    }
    deliveries.removeAll()
  }
}
