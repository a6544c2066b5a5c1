// What people are told about a vhost-user port.

internal import Synchronization

/// A port at one moment.
public struct VhostUserState: Hashable, Sendable {
  /// A front end is connected.
  public var isConnected = false
  /// At least one ring runs: frames can move.
  public var isLinkUp = false
  /// Negotiated with the driver, in the words of the specification: `csum`, `mrgRxbuf`, ….
  public var features: [String] = []
  /// Rings that the guest receives from, and that it sends by, which run.
  public var receiveQueues = 0
  public var transmitQueues = 0
  /// Entries of the first running ring.
  public var queueEntries = 0
  /// Guest memory that is mapped, and in how many regions.
  public var memoryBytes: UInt64 = 0
  public var memoryRegions = 0
  /// What the front end says; nil when it does not.
  public var mtu: Int?
  /// Dirty pages are noted: the guest is about to move.
  public var isLogging = false
  /// How often a front end connected.
  public var connections: UInt64 = 0
  /// Front ends that were turned away because one was connected.
  public var refusals: UInt64 = 0
  /// How often one was cut off, and why the last time.
  public var cutOffs: UInt64 = 0
  public var lastCutOff: CutOffReason?
  /// The last front end was cut off, and none has come since.
  public var isCutOff = false

  public init() {}
}

/// A port, looked at by whoever does not own its attachment.
///
/// - Thread: any.
public struct VhostUserView: Sendable {
  let board: StateBoard
  let port: PortRings

  /// For people; takes a lock.
  public var state: VhostUserState { board.current }

  /// Whether frames can move at this moment: a driver runs its rings.
  public var isLinkUp: Bool { port.isLinkUp.load(ordering: .relaxed) }
}

/// Where the state is left for others to read.
///
/// - Thread: any.
final class StateBoard: Sendable {
  private let state = Mutex(VhostUserState())

  var current: VhostUserState { state.withLock { $0 } }

  /// True when that changed anything.
  func update(_ change: (inout VhostUserState) -> Void) -> Bool {
    state.withLock { state in
      let before = state
      change(&state)
      return state != before
    }
  }
}
