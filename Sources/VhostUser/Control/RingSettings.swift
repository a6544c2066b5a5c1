// What the front end said about one ring, kept apart from the ring that the worker works on: a ring runs
// when all of it has been said.

internal import Linux

/// A kick of the front end (VHOST_USER_SET_VRING_KICK): wakes the worker as long as it lives.
final class KickEvent: Sendable {
  private let descriptor: Descriptor
  private let events: EventSet

  /// Takes an eventfd over.
  init(_ descriptor: consuming Descriptor, in events: EventSet) throws(CutOffReason) {
    guard EventDescriptor.isOne(descriptor), events.add(descriptor) else { throw .badEvent }
    self.descriptor = descriptor
    self.events = events
  }

  deinit { events.remove(descriptor) }
}

/// One ring as the messages describe it.
struct RingSettings {
  /// By the addresses of the front end's process.
  struct Addresses: Hashable, Sendable {
    var descriptors: UInt64
    var used: UInt64
    var available: UInt64
    var log: UInt64
    var isLogged: Bool
  }

  var size = 0
  var addresses: Addresses?
  /// Where the available part goes on.
  var base: UInt16 = 0
  /// Where the used part goes on; nil: as it says in memory.
  var usedIndex: UInt16?
  var kick: KickEvent?
  var bell: CallBell?
  /// Between SET_VRING_KICK and GET_VRING_BASE.
  var isStarted = false
  var isEnabled = false

  /// Everything that a ring needs has been said.
  var isComplete: Bool { isStarted && size > 0 && addresses != nil && kick != nil }

  /// Forgets what belongs to one run.
  mutating func stop() {
    isStarted = false
    usedIndex = nil
    kick = nil
    bell = nil
  }
}
