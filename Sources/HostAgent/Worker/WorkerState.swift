// What the worker owns, and what other threads may ask it to change between two batches.

internal import Attachments
internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux

/// Everything that belongs to the worker's thread.
struct WorkerState: ~Copyable {
  /// A batch of this many frames is received, switched and sent before the next port has its turn: small
  /// enough to stay in the cache and to be fair, large enough to share the cost of a wake-up.
  static let batchFrames = 64
  /// Tokens of the poller: a port of a switch is `switch << 16 | port`; these are beyond all ports.
  static let mailboxToken = UInt64.max
  static let linksToken = UInt64.max - 1
  static let bellToken = UInt64.max - 2

  /// Which of the host's workers this is: its lane of every switch.
  let number: Int
  let bells: [WorkerBell]
  /// When notes that found no room are tried again.
  var notesDeadline = MonotonicTime.never

  private(set) var runtimes: [SwitchRuntime] = []
  var poller: Poller
  var batch = FrameBatch(capacity: batchFrames)
  /// Ports that are looked at in every round, by their tokens; each has `isPolled` set. All others are
  /// armed: their descriptors tell when a frame comes.
  var polled: [UInt64] = []
  /// Frames moved since the links were last looked at.
  var framesSinceProbe = 0
  var isStopping = false
  /// Ports that have an attachment: what `polled` must have room for.
  private var attachmentCount = 0

  init(poller: consuming Poller, number: Int, bells: [WorkerBell]) {
    self.poller = poller
    self.number = number
    self.bells = bells
  }

  static func token(_ runtime: Int, _ port: PortIndex) -> UInt64 {
    UInt64(runtime) << 16 | UInt64(port.rawValue)
  }

  static func place(_ token: UInt64) -> (place: Int, port: PortIndex) {
    (Int(token >> 16), PortIndex(rawValue: UInt16(truncatingIfNeeded: token)))
  }

  func runtime(named name: String) -> SwitchRuntime? { runtimes.first { $0.name == name } }

  mutating func add(_ runtime: SwitchRuntime) { runtimes.append(runtime) }

  /// Takes a switch away whose ports have no attachments any more; whoever asked frees it. Those after it
  /// move up, and an event of theirs that waits at its old place is only a look at another port.
  mutating func remove(named name: String) -> SwitchRuntime? {
    guard let place = runtimes.firstIndex(where: { $0.name == name }) else { return nil }
    let removed = runtimes.remove(at: place)
    for place in place..<runtimes.count { listen(to: runtimes[place], at: place) }
    pollEveryPort()
    return removed
  }

  private func listen(to runtime: SwitchRuntime, at place: Int) {
    for index in runtime.attachments.indices {
      guard let descriptor = runtime.attachments[index]?.descriptor, descriptor >= 0 else {
        continue
      }
      // One that is silenced stays so.
      try? poller.modify(descriptor, token: Self.token(place, PortIndex(index)), for: .readable)
    }
  }

  /// Gives a port its attachment and starts to listen to it.
  mutating func attach(
    _ attachment: any Attachment, to port: PortIndex, of name: String, isUp: Bool = true,
    now: MonotonicTime
  ) {
    guard let place = runtimes.firstIndex(where: { $0.name == name }) else { return }
    runtimes[place].attach(attachment, to: port, isUp: isUp, now: now)
    attachmentCount += 1
    polled.reserveCapacity(attachmentCount)
    poll(place, port)
    guard attachment.descriptor >= 0 else { return }
    do throws(Errno) {
      try poller.add(attachment.descriptor, token: Self.token(place, port))
    } catch {
      // Only a descriptor that is no device, or listed twice, is refused: a mistake in this program.
      preconditionFailure("cannot poll \(attachment.name): \(error)")
    }
  }

  /// Takes a port's attachment away. It closes when the caller lets go of it.
  mutating func detach(_ port: PortIndex, of name: String, now: MonotonicTime) -> (any Attachment)?
  {
    guard let attachment = runtime(named: name)?.detach(port, now: now) else { return nil }
    attachmentCount -= 1
    if attachment.descriptor >= 0 { try? poller.remove(attachment.descriptor) }
    return attachment
  }

  /// Gives a port of another worker a sender, or nothing where only that worker can send.
  func attachSender(
    _ sender: (any Attachment)?, to port: PortIndex, of name: String, isAtHomeOnly: Bool,
    isUp: Bool, now: MonotonicTime
  ) {
    runtime(named: name)?.attachSender(
      sender, to: port, isAtHomeOnly: isAtHomeOnly, isUp: isUp, now: now)
  }

  /// Takes the sender of another worker's port away. It closes when the caller lets go of it.
  func detachSender(_ port: PortIndex, of name: String, now: MonotonicTime) -> (any Attachment)? {
    runtime(named: name)?.detachSender(port, now: now)
  }

  /// Hears no more of a device that is gone: it would be ready for ever.
  mutating func silence(_ port: PortIndex, of name: String) {
    guard let place = runtimes.firstIndex(where: { $0.name == name }),
      let attachment = runtimes[place].attachments[port.index]
    else { return }
    stopPolling(place, port)
    if attachment.descriptor >= 0 { try? poller.remove(attachment.descriptor) }
  }

  /// The uplink of a nic, on whatever switch.
  func uplink(of nic: String) -> UplinkWatch? {
    for runtime in runtimes {
      if let watch = runtime.watches.first(where: { $0.nic == nic }) { return watch }
    }
    return nil
  }

  /// Starts to watch the nic of an uplink, in place of what was watched for that port.
  func watch(_ uplink: UplinkWatch, isUp: Bool, now: MonotonicTime) {
    unwatch(uplink.port, of: uplink.switchName)
    runtime(named: uplink.switchName)?.watches.append(uplink)
    setLink(uplink, isUp: isUp, now: now)
  }

  func unwatch(_ port: PortIndex, of name: String) {
    runtime(named: name)?.watches.removeAll { $0.port == port }
  }

  func setLink(_ uplink: UplinkWatch, isUp: Bool, now: MonotonicTime) {
    runtime(named: uplink.switchName)?.network.setLink(uplink.port, isUp: isUp, now: now)
  }
}
