// One round over the ports that are polled, and what it takes before the worker may sleep.
//
// Every attached port is either polled, looked at in every round, or armed, so that its descriptor becomes
// readable with its next frame. A port is polled from its first frame on, until nothing more comes and
// its attachment has agreed to tell.

internal import Attachments
internal import Base
internal import FrameMemory

extension WorkerState {
  /// With more ports than this, one that had nothing is armed at once: looking at each costs a system
  /// call, and the poller looks at all of them for the price of one.
  static let polledLimit = 8

  /// Looks at a port in every round from here on. Nothing when it is already.
  mutating func poll(_ place: Int, _ port: PortIndex) {
    // The port may have been taken away earlier in this round.
    guard place < runtimes.count, !runtimes[place].isPolled[port.index] else { return }
    runtimes[place].isPolled[port.index] = true
    polled.append(Self.token(place, port))
  }

  /// Moves at most one batch of every polled port: so none waits for more than one batch of each other.
  ///
  /// - Returns: how many frames.
  mutating func goRound(now: MonotonicTime) -> Int {
    var moved = 0
    var index = 0
    while index < polled.count {
      let token = polled[index]
      let (place, port) = Self.place(token)
      let count = runtimes[place].service(port, &batch, now: now)
      moved += count
      if count == 0, polled.count > Self.polledLimit, arm(token) {
        polled.swapAt(index, polled.count - 1)
        polled.removeLast()
      } else {
        index += 1
      }
    }
    framesSinceProbe += moved
    return moved
  }

  /// Asks every polled port to tell of its next frame. False when one has frames already.
  mutating func armAll() -> Bool {
    pollSentPorts()
    var index = 0
    var hasFrames = false
    while index < polled.count {
      if arm(polled[index]) {
        polled.swapAt(index, polled.count - 1)
        polled.removeLast()
      } else {
        hasFrames = hasFrames || hasDescriptor(polled[index])
        index += 1
      }
    }
    return !hasFrames
  }

  /// A port that was only sent to is armed, too: it may have to see that the other side takes the frames.
  private mutating func pollSentPorts() {
    for place in runtimes.indices where !runtimes[place].sentPorts.isEmpty {
      for port in runtimes[place].sentPorts { poll(place, port) }
      runtimes[place].forgetSent()
    }
  }

  /// False when the port must be looked at again: frames wait, or nothing could tell of one.
  private mutating func arm(_ token: UInt64) -> Bool {
    let (place, port) = Self.place(token)
    if let attachment = runtimes[place].attachments[port.index] {
      guard attachment.descriptor >= 0, attachment.prepareToSleep() else { return false }
    }
    runtimes[place].isPolled[port.index] = false
    return true
  }

  private func hasDescriptor(_ token: UInt64) -> Bool {
    let (place, port) = Self.place(token)
    return (runtimes[place].attachments[port.index]?.descriptor ?? -1) >= 0
  }

  /// Looks no more at a port whose device is gone.
  mutating func stopPolling(_ place: Int, _ port: PortIndex) {
    guard runtimes[place].isPolled[port.index] else { return }
    runtimes[place].isPolled[port.index] = false
    polled.removeAll { $0 == Self.token(place, port) }
  }

  /// After the switches have changed places.
  mutating func pollEveryPort() {
    polled.removeAll(keepingCapacity: true)
    for place in runtimes.indices {
      for index in runtimes[place].attachments.indices {
        runtimes[place].isPolled[index] = false
        if runtimes[place].attachments[index] != nil { poll(place, PortIndex(index)) }
      }
    }
  }
}
