// What became of the last frame of a flow, so that the next one of this second need not ask again.
//
// A flow is an ingress port, two MAC and two IPv4 addresses, protocol and ports: all that decides about an
// ordinary frame. Its verdict is the port that gets it. A verdict holds for one stamp: the second, because
// learned addresses are refreshed once in each, and a generation that every change of plan, port or MAC table
// moves on. So nothing need be taken out, and nothing can be stale.
//
// Sets of two entries side by side, each entry one cache line; a new flow takes a place whose stamp is over,
// else that of the older one. A flow that is not here costs what it costs anyway. Where most are not (more
// flows than entries), looking is a waste, and is left for a while.

internal import Base
internal import FrameMemory
internal import Tables

/// The flow that a frame belongs to.
struct FlowID: Sendable, BitwiseCopyable {
  /// The first 14 bytes of the frame: destination, source, EtherType.
  var first: UInt64
  var second: UInt64
  /// IPv4 source and destination.
  var network: UInt64
  /// Ports << 32, protocol << 16, ingress port.
  var transport: UInt64

  /// The flow of a frame that is IPv4 without options, no fragment, and has ports or room for them; nil for
  /// others. `first` and `second` are its first 16 bytes.
  @inline(__always)
  init?(_ first: UInt64, _ second: UInt64, _ bytes: RawSpan, ingress: PortIndex) {
    guard second & 0xFFFF_FF00 == 0x0800_4500, bytes.byteCount >= 38 else { return nil }
    let third = bytes.big64(16)
    // Ports beyond the packet's own length are padding.
    guard third & 0x3FFF_0000 == 0, third >> 48 >= 24 else { return nil }
    self.first = first
    self.second = second >> 16
    network = bytes.big64(26)
    transport =
      UInt64(bytes.big32(34)) << 32 | (third & 0xFF) << 16 | UInt64(ingress.rawValue)
  }

  /// Protocol and ports as in a filter key.
  @inline(__always)
  var filterTransport: UInt64 { transport & 0xFFFF_FFFF_0000_0000 | transport << 8 & 0xFF00_0000 }

  @inline(__always)
  func isSame(_ other: FlowID) -> Bool {
    (first ^ other.first) | (second ^ other.second) | (network ^ other.network)
      | (transport ^ other.transport) == 0
  }
}

/// Where the frames of a flow go.
struct FlowVerdict: Sendable, BitwiseCopyable {
  var port: PortIndex
  /// Frames meet a shaper or an egress policy. What the ingress filter says is settled.
  var isStaged: Bool
}

/// A flow and its verdict: one cache line.
struct VerdictEntry: Sendable, BitwiseCopyable {
  var flow: FlowID
  /// Generation << 32 | second; 0 is never one.
  var stamp: UInt64 = 0
  var verdict = FlowVerdict(port: .none, isStaged: false)
  private var padding: (UInt64, UInt64) = (0, 0)

  init(_ flow: FlowID, _ stamp: UInt64, _ verdict: FlowVerdict) {
    self.flow = flow
    self.stamp = stamp
    self.verdict = verdict
  }
}

/// Verdicts by flow, for one stamp each.
///
/// - Thread: one worker. Nothing is allocated after `init`; pages are touched when first used.
struct VerdictCache: ~Copyable, Sendable {
  /// What an entry takes.
  static let entryBytes = 64
  /// After so many lookups it is judged whether they pay.
  private static let windowLookups: UInt32 = 4_096
  /// So many frames are let pass without a lookup when less than half of them found anything, and twice as
  /// many each time that it stays so, up to a limit.
  private static let restFrames = 16_384
  private static let longestRestFrames = 1 << 20

  private var entries: FixedArray<VerdictEntry>
  private let secrets: (UInt64, UInt64)
  private var lookups: UInt32 = 0
  private var misses: UInt32 = 0
  private var rest = 0
  private var nextRest = VerdictCache.restFrames

  /// An empty cache. Traps unless `capacity` is a power of two, at least 2.
  init(capacity: Int, seed: UInt64) {
    precondition(MemoryLayout<VerdictEntry>.stride == Self.entryBytes, "an entry is a cache line")
    precondition(capacity >= 2 && capacity & (capacity - 1) == 0, "a power of two of entries")
    entries = FixedArray(repeating: .unused, count: capacity)
    var random = SeededRandom(seed: seed)
    secrets = (random.next(), random.next())
  }

  /// Whether the next frames are worth looking up; counts them when they are not.
  @inline(__always)
  mutating func isWorthAsking(frames: Int) -> Bool {
    if rest > 0 {
      rest &-= frames
      return false
    }
    if lookups >= Self.windowLookups {
      let isWaste = misses > lookups / 2
      rest = isWaste ? nextRest : 0
      nextRest = isWaste ? min(nextRest * 2, Self.longestRestFrames) : Self.restFrames
      (lookups, misses) = (0, 0)
    }
    return true
  }

  /// The verdict of a flow in this stamp, or nil.
  ///
  /// - Cost: one cache line, or two side by side.
  @inline(__always)
  mutating func find(_ flow: FlowID, stamp: UInt64) -> FlowVerdict? {
    lookups &+= 1
    let set = self.set(of: flow)
    // Which of the two it is cannot be predicted, so that there is no branch for it.
    let isFirst =
      (entries[set].flow.transport ^ flow.transport) | (entries[set].flow.network ^ flow.network)
      == 0
    let place = set &+ (isFirst ? 0 : 1)
    guard entries[place].stamp == stamp, entries[place].flow.isSame(flow) else { return nil }
    return entries[place].verdict
  }

  /// Notes the verdict of a flow that `find` did not know.
  @inline(never)
  mutating func insert(_ flow: FlowID, stamp: UInt64, _ verdict: FlowVerdict) {
    misses &+= 1
    let set = self.set(of: flow)
    if entries[set].stamp == stamp { entries[set &+ 1] = entries[set] }
    entries[set] = VerdictEntry(flow, stamp, verdict)
  }

  /// The first place of a flow's set: by the five-tuple and the port alone, as few flows differ in their MAC
  /// addresses only. Secret, as a guest chooses most of a flow.
  @inline(__always)
  private func set(of flow: FlowID) -> Int {
    let product = (flow.network ^ secrets.0).multipliedFullWidth(by: flow.transport ^ secrets.1)
    let mixed = (product.high ^ product.low) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 32) & (entries.count &- 1) & ~1
  }
}

extension VerdictEntry {
  static var unused: VerdictEntry {
    VerdictEntry(
      FlowID(first: 0, second: 0, network: 0, transport: 0), 0,
      FlowVerdict(port: .none, isStaged: false))
  }
}

extension FlowID {
  fileprivate init(first: UInt64, second: UInt64, network: UInt64, transport: UInt64) {
    self.first = first
    self.second = second
    self.network = network
    self.transport = transport
  }
}
