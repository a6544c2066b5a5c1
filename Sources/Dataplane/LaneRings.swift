// The rings between the lanes of a switch, and what a worker does with them after each batch.
//
//   process / produce          may note things, and hand frames over
//   rings.handOver(from:)      before the batch is emptied: frames for shaped ports of other lanes
//   rings.exchange(with:)      notes in, notes out
//   rings.takeOver(into:)      frames of other lanes for this one's shaped ports, in a batch of their own
//
// Notes leave the lane when every other lane has room for them, so that what is lost is lost in one place.
// A frame that finds no room is dropped: queueFull.
//
// Memory of each pair of lanes, in each direction: 192 KiB of notes, 100 KiB of messages, 1.1 MiB of frames.

public import Base
public import FrameMemory
internal import Wire

/// A part of a frame that is handed over: a frame of up to 240 bytes is one.
public struct LaneFramePart: Sendable, BitwiseCopyable {
  static let bytesOfPart = 240

  var handover: LaneHandover
  var ingress: PortIndex
  var offload: Offload
  /// Of the whole frame in its first part, 0 in the others.
  var frameBytes: UInt32
  var words: [30 of UInt64]

  static var none: LaneFramePart {
    LaneFramePart(
      handover: .none, ingress: .none, offload: .none, frameBytes: 0,
      words: .init(repeating: 0))
  }
}

/// One lane's ends of the rings.
///
/// - Thread: the lane's worker.
public struct LaneRings: Sendable {
  public static let noteCapacity = 4_096
  public static let messageCapacity = 64
  public static let partCapacity = 4_096

  /// The three rings from one lane to another.
  struct Pair: Sendable {
    let notes = SharedRing<LaneNote>(capacity: noteCapacity, filledWith: .none)
    let messages = SharedRing<LaneMessage>(capacity: messageCapacity, filledWith: .none)
    let parts = SharedRing<LaneFramePart>(capacity: partCapacity, filledWith: .none)
  }

  public let lane: Int
  /// By lane; nil in this lane's own place.
  private let out: [Pair?]
  private let into: [Pair?]

  /// The ends of every lane of a switch with `count` of them.
  public static func make(count: Int) -> [LaneRings] {
    let pairs = (0..<count).map { from in
      (0..<count).map { to in from == to ? nil : Pair() }
    }
    return (0..<count).map { lane in
      LaneRings(lane: lane, out: pairs[lane], into: pairs.map { $0[lane] })
    }
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
      pair.notes.write(count: notes) { network.lanes.note($0) }
      pair.messages.write(count: messages) { network.lanes.messages[$0] }
    }
    network.lanes.remove(notes: notes, messages: messages)
    return notes > 0 || messages > 0
  }

  /// Whether other lanes have something for this one.
  public var isWaiting: Bool {
    for case .some(let pair) in into
    where pair.notes.count > 0 || pair.messages.count > 0 || pair.parts.count > 0 {
      return true
    }
    return false
  }

  // MARK: - Frames

  /// Sends the frames of a batch that are for shaped ports of other lanes. Call it before the batch is
  /// emptied. Returns whether there were any.
  public func handOver(from network: inout Switch, _ batch: borrowing FrameBatch) -> Bool {
    let count = network.handoverCount
    guard count > 0 else { return false }
    for index in 0..<count {
      let handover = network.handover(index)
      guard let pair = out[network.homeLane(of: handover.port)],
        Self.write(handover, batch, to: pair.parts)
      else {
        network.refuseHandover(index)
        continue
      }
    }
    network.removeHandovers()
    return true
  }

  private static func write(
    _ handover: LaneHandover, _ batch: borrowing FrameBatch, to ring: SharedRing<LaneFramePart>
  ) -> Bool {
    let frame = batch[Int(handover.frame)]
    let count = (Int(frame.byteCount) + LaneFramePart.bytesOfPart - 1) / LaneFramePart.bytesOfPart
    guard ring.freeCount >= count else { return false }
    ring.write(count: count) { part in
      LaneFramePart(handover, frame, batch.bytes(of: Int(handover.frame)), part: part)
    }
    return true
  }

  /// Appends frames that other lanes have handed over to an empty batch, and takes them to their ports.
  ///
  /// - Returns: whether there may be more: send, empty both, and call again.
  public func takeOver(
    into batch: inout FrameBatch, _ deliveries: inout DeliveryList, _ network: inout Switch,
    now: MonotonicTime
  ) -> Bool {
    var isMore = false
    for case .some(let pair) in into {
      var handover = LaneHandover.none
      var written = 0
      pair.parts.read { part in
        if part.frameBytes > 0 {
          guard !batch.isFull, deliveries.freeCapacity > 0 else {
            isMore = true
            return false
          }
          handover = part.begin(in: &batch)
          written = 0
        }
        written += part.copy(to: &batch, at: written)
        // All parts of a frame come at once.
        if written == Int(batch[batch.count - 1].byteCount) {
          network.takeOver(handover, in: batch, into: &deliveries, now: now)
        }
        return true
      }
    }
    return isMore
  }
}

extension LaneFramePart {
  /// Part number `part` of a frame.
  fileprivate init(_ handover: LaneHandover, _ frame: Frame, _ bytes: RawSpan, part: Int) {
    self.handover = handover
    ingress = frame.ingress
    offload = frame.offload
    frameBytes = part == 0 ? frame.byteCount : 0
    words = .init(repeating: 0)
    let start = part * Self.bytesOfPart
    let count = min(Self.bytesOfPart, bytes.byteCount - start)
    for word in 0..<count / 8 { words[word] = bytes.big64(start + word * 8) }
    for offset in count / 8 * 8..<count {
      words[offset / 8] |= UInt64(bytes.byte(start + offset)) << UInt64(56 - offset % 8 * 8)
    }
  }

  /// Appends an empty frame for this part and those behind it.
  fileprivate func begin(in batch: inout FrameBatch) -> LaneHandover {
    let index = batch.appendZeroed(byteCount: Int(frameBytes), ingress: ingress)
    batch[index].offload = offload
    var own = handover
    own.frame = UInt16(index)
    return own
  }

  /// Copies the bytes of this part to the last frame of a batch. Returns how many they are.
  fileprivate func copy(to batch: inout FrameBatch, at start: Int) -> Int {
    var bytes = batch.mutableBytes(of: batch.count - 1)
    let count = min(Self.bytesOfPart, bytes.byteCount - start)
    for word in 0..<count / 8 { bytes.setBig64(words[word], at: start + word * 8) }
    for offset in count / 8 * 8..<count {
      let byte = UInt8(truncatingIfNeeded: words[offset / 8] >> UInt64(56 - offset % 8 * 8))
      bytes.setByte(byte, at: start + offset)
    }
    return count
  }
}
