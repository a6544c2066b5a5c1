// One port's side of the socket: listening or connecting, at most one front end at a time, and what to do
// when it goes. A front end that comes while another is there is turned away, unless that one has hung up
// and we have not heard of it yet: a restarted guest is not kept waiting.

internal import Base
internal import CLinux
internal import Glibc
internal import Linux

/// The control of one port.
///
/// - Thread: under the lock of `VhostUserService`.
@safe
// SAFETY: the lock of the service is held for every call.
final class VhostEndpoint: @unchecked Sendable {
  /// Which of an endpoint's descriptors is ready.
  enum Source: UInt64, CaseIterable {
    case listener, connection, alarm
  }

  /// A front end that does not listen yet is looked for this often.
  static let retryNanoseconds: UInt64 = 250_000_000
  /// Messages taken before others have their turn.
  private static let messagesMax = 64

  let settings: VhostUserSettings
  let port: PortRings
  let board: StateBoard
  private let listener: SocketListener?
  private var connection: FrontEndConnection?
  private var session: FrontEndSession?
  /// When to try to connect; nil while connected, or listening.
  private(set) var nextAttempt: MonotonicTime?

  init(_ settings: VhostUserSettings, _ port: PortRings, _ board: StateBoard) throws(Failure) {
    self.settings = settings
    self.port = port
    self.board = board
    listener = settings.mode == .server ? try SocketListener(settings) : nil
    nextAttempt = settings.mode == .client ? .zero : nil
  }

  /// What to poll for good: the rest comes and goes with connections.
  var fixedDescriptors: [(Int32, Source)] {
    let alarm = (port.alarm.descriptor, Source.alarm)
    guard let listener else { return [alarm] }
    return [alarm, (listener.descriptor, .listener)]
  }

  var connectionDescriptor: Int32? { connection?.descriptor }

  // MARK: - What happened

  /// True when the state for people has changed.
  func handle(_ source: Source, now: MonotonicTime) -> Bool {
    switch source {
    case .listener: acceptWaiting(now)
    case .connection: readMessages(now)
    case .alarm: heedAlarm(now)
    }
    return report()
  }

  /// Tries to connect when it is time.
  func connectIfDue(now: MonotonicTime) -> Bool {
    guard let due = nextAttempt, now >= due else { return false }
    nextAttempt = now.advanced(byNanoseconds: Self.retryNanoseconds)
    // SAFETY: a C string for the call.
    let number = unsafe clinux_stream_connect(settings.path)
    guard number >= 0 else { return false }
    adopt(Descriptor(owning: number), now)
    return report()
  }

  /// Lets go of everything.
  func close() {
    session?.uninstall()
    session = nil
    connection = nil
    _ = report()
  }

  // MARK: - Connections

  private func acceptWaiting(_ now: MonotonicTime) {
    guard let listener, let socket = listener.accept() else { return }
    if let connection, connection.isHungUp { disconnect(now) }
    guard connection == nil else {
      _ = board.update { $0.refusals += 1 }
      return
    }
    adopt(socket, now)
  }

  private func adopt(_ socket: consuming Descriptor, _ now: MonotonicTime) {
    guard SocketPeer.mayUse(socket, settings) else {
      count(.wrongUser)
      return
    }
    port.withRings { port.cutOff = nil }
    _ = port.alarm.clear()
    connection = FrontEndConnection(socket)
    session = FrontEndSession(settings, port)
    nextAttempt = nil
    _ = board.update {
      $0.connections += 1
      $0.isCutOff = false
    }
  }

  private func disconnect(_ now: MonotonicTime) {
    session?.uninstall()
    session = nil
    connection = nil
    if settings.mode == .client {
      nextAttempt = now.advanced(byNanoseconds: Self.retryNanoseconds)
    }
  }

  private func cutOff(because reason: CutOffReason, _ now: MonotonicTime) {
    count(reason)
    disconnect(now)
  }

  private func count(_ reason: CutOffReason) {
    _ = board.update {
      $0.cutOffs += 1
      $0.lastCutOff = reason
      $0.isCutOff = true
    }
  }

  /// The worker found a broken rule.
  private func heedAlarm(_ now: MonotonicTime) {
    _ = port.alarm.clear()
    let reason = port.withRings { port.cutOff }
    if let reason, connection != nil { cutOff(because: reason, now) }
  }

  private func readMessages(_ now: MonotonicTime) {
    guard let connection, let session else { return }
    do throws(CutOffReason) {
      for _ in 0..<Self.messagesMax {
        switch try connection.read() {
        case .nothing: return
        case .closed: return disconnect(now)
        case .message(let message, let descriptors):
          if let reply = try session.handle(message, descriptors) { try connection.send(reply) }
        }
      }
    } catch { cutOff(because: error, now) }
  }

  // MARK: - For people

  private func report() -> Bool {
    let summary = session.map { $0.summary }
    return board.update { state in
      var fresh = summary ?? VhostUserState()
      fresh.isConnected = connection != nil
      fresh.connections = state.connections
      fresh.refusals = state.refusals
      fresh.cutOffs = state.cutOffs
      fresh.lastCutOff = state.lastCutOff
      fresh.isCutOff = state.isCutOff
      state = fresh
    }
  }
}

extension FrontEndSession {
  /// The part of the state that messages decide.
  fileprivate var summary: VhostUserState {
    var state = VhostUserState()
    state.features = features.featureNames
    state.mtu = mtu
    state.memoryBytes = memory?.byteCount ?? 0
    state.memoryRegions = regions.count
    port.withRings {
      state.receiveQueues = port.receivingCount
      state.transmitQueues = port.sendingCount
      state.isLogging = port.log.isOn
      for index in 0..<port.ringCapacity where state.queueEntries == 0 {
        // SAFETY: the index is below the capacity.
        let ring = unsafe port.rings[index]
        if ring.isRunning { state.queueEntries = Int(ring.size) }
      }
    }
    state.isLinkUp = state.receiveQueues + state.transmitQueues > 0
    return state
  }
}
