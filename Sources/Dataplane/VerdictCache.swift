// What became of the last frame of a flow, so that the next one of this second need not ask again.
//
// A verdict is the port that gets the frame. It holds for one stamp: the second, because learned addresses
// are refreshed once in each, and a generation that every change of plan, port or MAC table moves on. So
// nothing need be taken out, and nothing can be stale. Stamps have a short number, their epoch, which is part
// of what is compared; before the numbers begin anew the cache is emptied.
//
// Sets of two entries, each set one cache line, which is asked for some frames ahead. A new flow takes a place
// whose epoch is over, else that of the older one. A flow that is not here costs what it costs anyway. Where
// most are not (more flows than entries), looking is a waste, and is left for a while.

internal import Base
internal import FrameMemory
internal import Tables

/// Where the frames of a flow go.
struct FlowVerdict: Sendable, BitwiseCopyable {
  var port: PortIndex
  /// Frames meet a shaper or an egress policy. What the ingress filter says is settled.
  var isStaged: Bool
}

/// A flow and its verdict: half a cache line.
struct VerdictEntry: Sendable, BitwiseCopyable {
  /// Below the bits of `origin`: epoch << 17, `isStaged` << 16, port.
  private static var verdictBits: UInt64 { 0x1_FFFF }

  /// The flow with, in the free bits of its origin, epoch and verdict. Epoch 0 is never one.
  private var flow: FlowID

  /// Nobody's verdict.
  init() { flow = FlowID() }

  init(_ flow: FlowID, epoch: UInt64, _ verdict: FlowVerdict) {
    self.flow = flow
    self.flow.origin |= epoch | (verdict.isStaged ? 0x1_0000 : 0) | UInt64(verdict.port.rawValue)
  }

  /// Whether the entry may be that of a flow, and another one of its set is not: two flows with the same
  /// network addresses, ports and sender are seldom in one set.
  @inline(__always)
  func resembles(_ other: FlowID) -> Bool {
    (flow.network ^ other.network) | (flow.senderAndPorts ^ other.senderAndPorts) == 0
  }

  @inline(__always)
  func isVerdict(of other: FlowID, epoch: UInt64) -> Bool {
    (flow.addresses ^ other.addresses) | (flow.senderAndPorts ^ other.senderAndPorts)
      | (flow.network ^ other.network)
      | ((flow.origin ^ (other.origin | epoch)) & ~Self.verdictBits) == 0
  }

  @inline(__always)
  func isOf(epoch: UInt64) -> Bool { (flow.origin ^ epoch) & VerdictCache.epochBits == 0 }

  @inline(__always)
  var verdict: FlowVerdict {
    FlowVerdict(
      port: PortIndex(rawValue: UInt16(truncatingIfNeeded: flow.origin)),
      isStaged: flow.origin & 0x1_0000 != 0)
  }
}

/// Verdicts by flow, for one stamp each.
///
/// - Thread: one worker. Nothing is allocated after `init`.
struct VerdictCache: ~Copyable, Sendable {
  /// What an entry takes.
  static let entryBytes = 32
  /// The frames of which the places are known ahead; a power of two.
  private static let aheadFrames = 32
  /// After so many frames it is judged whether looking them up pays.
  private static let windowFrames: UInt32 = 4_096
  /// So many frames are let pass without a lookup when less than half of them found anything, and twice as
  /// many each time that it stays so, up to a limit.
  private static let restFrames = 16_384
  private static let longestRestFrames = 1 << 20
  /// The bits of an entry's `origin` that are its epoch.
  static var epochBits: UInt64 { 0x1_FFFE_0000 }
  private static var epochStep: UInt64 { 0x2_0000 }
  /// In `ahead`: the frame has no flow.
  static var nowhere: UInt32 { .max }

  private var entries: FixedArray<VerdictEntry>
  /// Of each of the next frames, by the low bits of its index: the first place of its set, or `nowhere`.
  private var ahead: FixedArray<UInt32>
  private let secrets: (UInt64, UInt64)
  /// What of a hash says which set.
  private let setMask: Int
  private var stamp: UInt64 = 0
  /// The number of the stamp, in its place in an entry.
  private var epoch: UInt64 = 0
  private var asked: UInt32 = 0
  private var misses: UInt32 = 0
  /// The next frames are looked up.
  private(set) var isAsked = true
  private var rest = 0
  private var nextRest = VerdictCache.restFrames

  /// An empty cache. Traps unless `capacity` is a power of two, at least 2.
  init(capacity: Int, seed: UInt64) {
    precondition(
      MemoryLayout<VerdictEntry>.stride == Self.entryBytes, "an entry is half a cache line")
    precondition(capacity >= 2 && capacity & (capacity - 1) == 0, "a power of two of entries")
    entries = FixedArray(repeating: VerdictEntry(), count: capacity)
    setMask = capacity - 2
    ahead = FixedArray(repeating: Self.nowhere, count: Self.aheadFrames)
    var random = SeededRandom(seed: seed)
    secrets = (random.next(), random.next())
  }

  /// Says whether the next frames are worth looking up; counts them when they are not.
  @inline(__always)
  mutating func judge(frames: Int) {
    if rest > 0 {
      rest &-= frames
      isAsked = false
      return
    }
    isAsked = true
    if asked >= Self.windowFrames {
      let isWaste = misses > asked / 2
      rest = isWaste ? nextRest : 0
      nextRest = isWaste ? min(nextRest * 2, Self.longestRestFrames) : Self.restFrames
      (asked, misses) = (0, 0)
    }
    asked &+= UInt32(truncatingIfNeeded: frames)
  }

  /// Verdicts are noted and found for this stamp from now on.
  @inline(__always)
  mutating func begin(stamp: UInt64) {
    if stamp != self.stamp || epoch == 0 { beginEpoch(stamp) }
  }

  @inline(never)
  private mutating func beginEpoch(_ stamp: UInt64) {
    self.stamp = stamp
    epoch = (epoch &+ Self.epochStep) & Self.epochBits
    guard epoch == 0 else { return }
    entries.fill(with: VerdictEntry())
    epoch = Self.epochStep
  }

  /// Notes where the verdict of a frame is looked for soon, and asks for that line.
  @inline(__always)
  mutating func prefetch(_ flow: FlowID, of frame: Int) {
    let set = self.set(of: flow)
    ahead[frame & (Self.aheadFrames &- 1)] = UInt32(truncatingIfNeeded: set)
    entries.prefetch(set)
  }

  /// Notes that a frame has no flow.
  @inline(__always)
  mutating func skip(_ frame: Int) { ahead[frame & (Self.aheadFrames &- 1)] = Self.nowhere }

  /// The first place of the set of a frame for which `prefetch` or `skip` was the last that was called.
  @inline(__always)
  func place(of frame: Int) -> UInt32 { ahead[frame & (Self.aheadFrames &- 1)] }

  /// The verdict of a flow in this stamp, or nil.
  ///
  /// - Cost: one cache line.
  @inline(__always)
  func find(_ flow: FlowID, at place: UInt32) -> FlowVerdict? {
    let set = Int(place)
    // Which of the two it is cannot be predicted, so that there is no branch for it.
    let entry = entries[set &+ (entries[set].resembles(flow) ? 0 : 1)]
    return entry.isVerdict(of: flow, epoch: epoch) ? entry.verdict : nil
  }

  /// Notes the verdict of a flow that `find` did not know.
  @inline(never)
  mutating func insert(_ flow: FlowID, _ verdict: FlowVerdict) {
    misses &+= 1
    let set = self.set(of: flow)
    if entries[set].isOf(epoch: epoch) { entries[set &+ 1] = entries[set] }
    entries[set] = VerdictEntry(flow, epoch: epoch, verdict)
  }

  /// The first place of a flow's set: by network addresses, ports and most of the sender, as few flows differ
  /// only in the rest. Secret, as a guest chooses most of a flow.
  @inline(__always)
  private func set(of flow: FlowID) -> Int {
    let product = (flow.network ^ secrets.0).multipliedFullWidth(
      by: flow.senderAndPorts ^ secrets.1)
    return Int(truncatingIfNeeded: product.high ^ product.low) & setMask
  }
}
