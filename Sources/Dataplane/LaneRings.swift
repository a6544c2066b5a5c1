// The rings between the lanes of a switch, and what a worker does with them after each batch.
//
//   process / produce          may note things, and hand frames over
//   rings.handOver(from:)      before the batch is emptied: frames for ports that another lane serves
//   rings.showHandedOver()     those that were to wait for others
//   rings.exchange(with:)      notes in, notes out
//   rings.takeOver(into:)      frames of other lanes for ports that this one serves, in a batch of their own
//
// Notes leave the lane when every other lane has room for them, so that what is lost is lost in one place.
// A frame that finds no room is dropped: queueFull.
//
// Memory of each pair of lanes, in each direction: 192 KiB of notes, 100 KiB of messages; frames have 64 bytes a
// line and 10 for its share of a head, 2.3 MiB with two lanes, and an eighth of that with 16.

public import Base
public import FrameMemory
internal import Wire

/// One lane's ends of the rings.
///
/// - Thread: the lane's worker.
public struct LaneRings: Sendable {
  public static let noteCapacity = 4_096
  public static let messageCapacity = 64
  /// Showing frames costs both lanes some four misses of the cache, however many they are. So they may wait for
  /// each other until there are so many.
  private static let runFrames = 16
  /// Lines of 64 bytes for the frames from a lane to all others together.
  private static let linesOfLane = 65_536

  /// What goes to another lane.
  private struct Outlet: Sendable {
    let notes: RingWriter<LaneNote>
    let messages: RingWriter<LaneMessage>
    let frames: LaneFrameWriter
  }

  /// What comes from another lane.
  private struct Inlet: Sendable {
    let notes: RingReader<LaneNote>
    let messages: RingReader<LaneMessage>
    let frames: LaneFrameReader
  }

  public let lane: Int
  /// By lane; nil in this lane's own place.
  private let out: [Outlet?]
  private let into: [Inlet?]

  /// The ends of every lane of a switch with `count` of them.
  public static func make(count: Int) -> [LaneRings] {
    var lines = linesOfLane
    while lines * count > linesOfLane { lines /= 2 }
    let pairs = (0..<count).map { from in
      (0..<count).map { to in from == to ? nil : pair(lines: lines) }
    }
    return (0..<count).map { lane in
      LaneRings(
        lane: lane, out: pairs[lane].map { $0?.0 }, into: pairs.map { $0[lane]?.1 })
    }
  }

  private static func pair(lines: Int) -> (Outlet, Inlet) {
    let notes = makeSharedRing(capacity: noteCapacity, filledWith: LaneNote.none)
    let messages = makeSharedRing(capacity: messageCapacity, filledWith: LaneMessage.none)
    let frames = LaneFrameWriter.make(lines: lines)
    return (
      Outlet(notes: notes.writer, messages: messages.writer, frames: frames.0),
      Inlet(notes: notes.reader, messages: messages.reader, frames: frames.1)
    )
  }

  /// Takes in what the others have noted, and sends what this lane has.
  ///
  /// - Returns: whether anything was sent: workers of other lanes that sleep are to be woken.
  /// - Cost: without notes a look at each ring.
  public func exchange(with network: inout Switch, now: MonotonicTime) -> Bool {
    for case .some(let pair) in into {
      pair.notes.read { network.observe($0, now: now) }
      pair.messages.read { network.observe($0, now: now) }
    }
    return send(from: &network, now: now)
  }

  /// The second half alone: notes out.
  public func send(from network: inout Switch, now: MonotonicTime) -> Bool {
    network.retell(now: now)
    var notes = network.lanes.noteCount
    var messages = network.lanes.messageCount
    guard notes > 0 || messages > 0 else { return false }
    for case .some(let pair) in out {
      notes = min(notes, pair.notes.freeCount)
      messages = min(messages, pair.messages.freeCount)
    }
    for case .some(let pair) in out {
      for index in 0..<notes { pair.notes.put(network.lanes.note(index)) }
      for index in 0..<messages { pair.messages.put(network.lanes.messages[index]) }
      pair.notes.publish()
      pair.messages.publish()
    }
    network.lanes.remove(notes: notes, messages: messages)
    return notes > 0 || messages > 0
  }

  /// Whether other lanes have something for this one.
  public var isWaiting: Bool {
    for case .some(let pair) in into
    where pair.notes.count > 0 || pair.messages.count > 0 || !pair.frames.isEmpty {
      return true
    }
    return false
  }

  // MARK: - Frames

  /// Sends the frames of a batch that are for ports of other lanes. Call it before the batch is emptied.
  ///
  /// - Parameter mayWait: a few frames are not shown before `showHandedOver`, or more of them.
  /// - Returns: the lanes that were shown some, as bits.
  public func handOver(
    from network: inout Switch, _ batch: borrowing FrameBatch, mayWait: Bool = false
  ) -> UInt32 {
    let count = network.handoverCount
    guard count > 0 else { return 0 }
    var given: UInt32 = 0
    for (lane, outlet) in out.enumerated() {
      guard let frames = outlet?.frames else { continue }
      for index in 0..<count {
        let handover = network.handover(index)
        guard network.homeLane(of: handover.port) == lane else { continue }
        if !frames.put(handover, batch) { network.refuseHandover(index) }
      }
      if frames.waitingCount > (mayWait ? Self.runFrames - 1 : 0) {
        frames.publish()
        given |= 1 << UInt32(lane)
      }
    }
    network.removeHandovers()
    return given
  }

  /// Shows other lanes the frames that have waited. Returns the lanes that were shown some, as bits.
  public func showHandedOver() -> UInt32 {
    var given: UInt32 = 0
    for (lane, outlet) in out.enumerated() {
      guard let frames = outlet?.frames, frames.waitingCount > 0 else { continue }
      frames.publish()
      given |= 1 << UInt32(lane)
    }
    return given
  }

  /// Whether other lanes have frames for this one.
  public var hasFrames: Bool {
    for case .some(let inlet) in into where !inlet.frames.isEmpty { return true }
    return false
  }

  /// Appends frames that other lanes have handed over to an empty batch, and takes them to their ports.
  ///
  /// - Returns: whether there may be more: send, empty both, and call again.
  public func takeOver(
    into batch: inout FrameBatch, _ deliveries: inout DeliveryList, _ network: inout Switch,
    now: MonotonicTime
  ) -> Bool {
    var tracer = NullTracer()
    return takeOver(into: &batch, &deliveries, &network, now: now, tracer: &tracer)
  }

  /// The same; `capture` then has the entries of the frames that were taken.
  public func takeOver(
    into batch: inout FrameBatch, _ deliveries: inout DeliveryList, _ network: inout Switch,
    now: MonotonicTime, capture: inout CaptureTracer
  ) -> Bool {
    network.prepare(&capture, start: 0)
    let isMore = takeOver(into: &batch, &deliveries, &network, now: now, tracer: &capture)
    capture.complete(batch)
    return isMore
  }

  private func takeOver(
    into batch: inout FrameBatch, _ deliveries: inout DeliveryList, _ network: inout Switch,
    now: MonotonicTime, tracer: inout some Tracer
  ) -> Bool {
    var isMore = false
    for case .some(let inlet) in into where !inlet.frames.isEmpty {
      let isAll = inlet.frames.take(
        into: &batch, while: { network.canTakeOver($0) && deliveries.freeCapacity > 0 },
        { network.takeOver($0, in: $1, into: &deliveries, now: now, tracer: &tracer) })
      isMore = isMore || !isAll
    }
    return isMore
  }
}
