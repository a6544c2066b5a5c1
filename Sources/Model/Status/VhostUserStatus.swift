// What the host agent tells about the guest's side of a vhost-user port: a part of `PortStatus`.

/// A vhost-user port at one moment.
public struct VhostUserStatus: Hashable, Codable, Sendable {
  public enum State: String, CaseIterable, Hashable, Codable, Sendable {
    /// Nobody is connected.
    case waiting
    /// QEMU, or whoever runs the guest, is connected. The port is up once the guest's driver runs.
    case connected
    /// The last one broke a rule and was hung up; it may connect again.
    case cutOff
  }

  /// The path of the socket.
  public var socket: String
  public var mode: VhostUserMode
  public var state: State
  /// Why one was cut off the last time: a name that stays; nothing when none was.
  public var lastCutOff: String?
  /// Negotiated with the driver, as virtio names them: `csum`, `guestTso4`, `mrgRxbuf` …
  public var features: [String]
  /// Queues that the guest receives from, and that it sends by, which run.
  public var receiveQueues: Int
  public var transmitQueues: Int
  /// Entries of a queue; 0 when none runs.
  public var queueEntries: Int
  /// Guest memory that is shared with the switch.
  public var memoryBytes: UInt64
  /// How often a guest connected, was turned away because one was there, and was cut off.
  public var connections: UInt64
  public var refusals: UInt64
  public var cutOffs: UInt64

  public init(
    socket: String, mode: VhostUserMode, state: State = .waiting, lastCutOff: String? = nil,
    features: [String] = [], receiveQueues: Int = 0, transmitQueues: Int = 0,
    queueEntries: Int = 0, memoryBytes: UInt64 = 0, connections: UInt64 = 0, refusals: UInt64 = 0,
    cutOffs: UInt64 = 0
  ) {
    self.socket = socket
    self.mode = mode
    self.state = state
    self.lastCutOff = lastCutOff
    self.features = features
    self.receiveQueues = receiveQueues
    self.transmitQueues = transmitQueues
    self.queueEntries = queueEntries
    self.memoryBytes = memoryBytes
    self.connections = connections
    self.refusals = refusals
    self.cutOffs = cutOffs
  }
}
