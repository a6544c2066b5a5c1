// A port whose guest is behind vhost-user. Frames are copied out of guest memory once, into the slots of the
// batch, and judged there; into it once. See `VhostUser.swift` for the whole.
//
// The worker polls: while frames come the guest is asked not to kick, and is woken at most once a batch.
// Without a front end the port is idle, and what is sent to it is dropped as `portDown`; it never ends.

public import Attachments
internal import Base
public import FrameMemory
package import Linux
internal import Synchronization
internal import Wire

/// Frames of a guest behind vhost-user.
///
/// - Thread: one worker; opened by `VhostUserService`, closed when nobody holds it.
@safe
public final class VhostUserAttachment: Attachment {
  public let name: String
  public let settings: VhostUserSettings
  public internal(set) var offloadCounters = OffloadCounters()
  public internal(set) var receiveDrops = ReceiveDrops()
  let port: PortRings
  private let board: StateBoard
  private let onClose: @Sendable () -> Void
  /// What the two directions look at before they touch it.
  let ahead = Lookahead()
  /// Behind a pointer, because the runtime watches who changes a property of a class in place.
  let chain: UnsafeMutablePointer<ChainReader>
  let gather = GatherSlots(count: 1, virtioBytes: 0)
  /// The guest was asked to kick.
  private var isArmed = false

  init(
    _ settings: VhostUserSettings, _ port: PortRings, _ board: StateBoard,
    onClose: @escaping @Sendable () -> Void
  ) {
    name = "vhost-user \(settings.name)"
    self.settings = settings
    self.port = port
    self.board = board
    self.onClose = onClose
    // SAFETY: one, made here and freed in `deinit`.
    unsafe chain = .allocate(capacity: 1)
    unsafe chain.initialize(to: ChainReader())
  }

  deinit {
    onClose()
    // SAFETY: made by `init`; the worker has let go of us.
    unsafe chain.deinitialize(count: 1)
    unsafe chain.deallocate()
  }

  /// The same for the life of the port, whoever connects.
  public var descriptor: Int32 { port.events.descriptor }

  /// What the guest that is connected takes as it is.
  public var offloads: OffloadSet {
    OffloadSet(rawValue: port.guestOffloads.load(ordering: .relaxed))
  }

  /// A guest's ring counts its losses itself.
  public var kernelDrops: UInt64 { 0 }

  /// Whether frames can move: a driver runs its rings.
  public var isLinkUp: Bool { port.isLinkUp.load(ordering: .relaxed) }

  /// For people; takes a lock.
  public var state: VhostUserState { board.current }

  /// The same for other threads, which are to let go of it when the port closes.
  public var view: VhostUserView { VhostUserView(board: board, port: port) }

  public func receive(into batch: inout FrameBatch, port index: PortIndex, limit: Int)
    -> ReceiveResult
  {
    guard port.enter() else { return .idle }
    defer { port.leave() }
    let room = min(limit, batch.freeCapacity)
    let before = batch.count
    if port.announcement != 0, room > 0 { announce(into: &batch, index) }
    var taken = batch.count - before
    let count = port.sendingCount
    for _ in 0..<count where taken < room {
      port.turn = port.turn + 1 < port.sendingCount ? port.turn + 1 : 0
      // SAFETY: `turn` is below the count, and the numbers are those of rings.
      let number = unsafe port.sending[port.turn]
      taken += unsafe take(&port.rings[number], into: &batch, index, room - taken)
    }
    port.checkMemory()
    if taken > 0 { return .frames(batch.count - before) }
    // It was woken for nothing, or by nothing more than before: do not let that happen again.
    if isArmed {
      isArmed = false
      port.events.drain()
    }
    return .idle
  }

  public func prepareToSleep() -> Bool {
    guard port.enter() else { return false }
    defer { port.leave() }
    port.events.drain()
    isArmed = true
    var isQuiet = port.announcement == 0
    for place in 0..<port.sendingCount {
      // SAFETY: as above.
      if unsafe !port.rings[port.sending[place]].arm(port.log) { isQuiet = false }
    }
    return isQuiet
  }

  /// The front end cannot speak for a guest that moved here; it asks us to (VHOST_USER_SEND_RARP).
  private func announce(into batch: inout FrameBatch, _ index: PortIndex) {
    // Six bytes as they are on the wire, in the lower part of a little-endian number.
    let address = MACAddress(rawValue: port.announcement.byteSwapped >> 16)
    port.announcement = 0
    let announcement = Announcement.rarp(address)
    let frame = batch.appendZeroed(byteCount: announcement.byteCount, ingress: index)
    var bytes = batch.mutableBytes(of: frame)
    announcement.emit(into: &bytes)
  }
}

extension VhostUserAttachment {
  /// A port without a socket: messages are handed to the session, by whoever tests either.
  package static func unconnected(
    _ settings: VhostUserSettings
  ) throws(Errno) -> (VhostUserAttachment, FrontEndSession) {
    let port = try PortRings(ringCapacity: 2 * settings.limits.queuePairs)
    let attachment = VhostUserAttachment(settings, port, StateBoard(), onClose: {})
    return (attachment, FrontEndSession(settings, port))
  }
}

extension VhostUserAttachment {
  /// The rule that the guest broke and has not been hung up for yet.
  package var cutOffReason: CutOffReason? { port.withRings { port.cutOff } }
}
