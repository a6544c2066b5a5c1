// The traffic of the pipeline benchmark: who sends to whom, and the frames that say so.
//
// Every address sends once in a round, in shuffled order, to the address half a round ahead of it in that
// order: all pairs are distinct, every address is a source once and a destination about once, and
// neighbouring frames have nothing in common that a cache could know.
//
// The frames of a round lie ready in memory and are copied into the batch, as DPDK's pcap driver does with
// `infinite_rx`. Frames of a million addresses do not fit into a cache, and that is part of the measure.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Wire

struct PipelineTraffic: ~Copyable {
  /// Without FCS.
  static let shortestFrameBytes = 60
  /// The first bytes of each frame, its addresses and ports, take one cache line.
  private static let headBytes = 64

  let macCount: Int
  let portCount: Int
  let frameBytes: Int
  /// Frames of a round: all, or those of a lane.
  private let frameCount: Int
  /// A line for each frame of a round.
  private let heads: [UInt8]
  private let ingress: FixedArray<PortIndex>
  /// What stands behind the first line of longer frames, the same in all.
  private let payload: [UInt8]
  private var next = 0

  /// Address i is at VM port `i % portCount`. `frameBytes` is without FCS. A lane sends what comes in by its
  /// share of the ports.
  init(
    macCount: Int, portCount: Int, frameBytes: Int = shortestFrameBytes, seed: UInt64,
    lane: Int = 0, lanes: Int = 1
  ) {
    self.macCount = macCount
    self.portCount = portCount
    self.frameBytes = frameBytes
    var random = SeededRandom(seed: seed)
    let order = (0..<macCount).shuffled(using: &random)
    let turns = (0..<macCount).filter {
      LaneHome.lane(of: PortIndex(order[$0] % portCount), lanes: lanes) == lane
    }
    frameCount = turns.count
    var heads = [UInt8](repeating: 0, count: turns.count * Self.headBytes)
    heads.withMutableRawSpan { bytes in
      for (place, turn) in turns.enumerated() {
        let source = order[turn]
        var destination = order[(turn + macCount / 2) % macCount]
        if destination % portCount == source % portCount { destination = (source + 1) % macCount }
        var head = bytes.part(place * Self.headBytes..<(place + 1) * Self.headBytes)
        Self.write(source, destination, frameBytes, into: &head)
      }
    }
    self.heads = heads
    ingress = FixedArray(count: turns.count) { PortIndex(order[turns[$0]] % portCount) }
    payload = [UInt8](repeating: 0x5A, count: frameBytes)
  }

  static func address(_ index: Int) -> MACAddress {
    MACAddress(rawValue: 0x0250_5600_0000 + UInt64(index))
  }

  /// An IPv4/UDP frame; 10.x.x.x belongs to MAC address x.
  static func write(
    _ source: Int, _ destination: Int, _ frameBytes: Int, into bytes: inout MutableRawSpan
  ) {
    bytes.setMACAddress(address(destination), at: 0)
    bytes.setMACAddress(address(source), at: 6)
    bytes.setBig16(0x0800, at: 12)
    bytes.setByte(0x45, at: 14)
    bytes.setBig16(UInt16(frameBytes - 14), at: 16)
    bytes.setByte(17, at: 23)
    bytes.setBig32(0x0A00_0000 + UInt32(source), at: 26)
    bytes.setBig32(0x0A00_0000 + UInt32(destination), at: 30)
    bytes.setBig16(49_152, at: 34)
    bytes.setBig16(4_789, at: 36)
  }

  func makeBatch(capacity: Int) -> FrameBatch {
    FrameBatch(capacity: capacity, frameCapacityBytes: max(frameBytes, 64))
  }

  /// Copies the next frames of the round into an empty batch.
  @inline(__always)
  mutating func fill(_ batch: inout FrameBatch) { next = fill(&batch, from: next) }

  /// Returns where the next batch begins.
  @inline(__always)
  private func fill(_ batch: inout FrameBatch, from start: Int) -> Int {
    unsafe heads.withUnsafeBytes { heads in
      let isShort = frameBytes <= Self.headBytes
      let shortBytes = min(frameBytes, Self.headBytes)
      var next = start
      for _ in 0..<batch.capacity {
        precondition(UInt(bitPattern: next) < UInt(bitPattern: frameCount), "no such frame")
        // SAFETY: there are `frameCount` lines, this is one of them, and the span does not leave the loop.
        let head = unsafe RawSpan(
          _unsafeStart: heads.baseAddress! + next &* Self.headBytes, byteCount: shortBytes)
        if isShort {
          batch.append(copying: head, ingress: ingress[next])
        } else {
          appendLong(head, ingress[next], to: &batch)
        }
        next = next &+ 1 == frameCount ? 0 : next &+ 1
      }
      return next
    }
  }

  /// A frame that is longer than its first line: all of it is copied, then the line once more.
  private func appendLong(_ head: RawSpan, _ ingress: PortIndex, to batch: inout FrameBatch) {
    batch.append(copying: payload.rawSpan, ingress: ingress)
    var bytes = batch.mutableBytes(of: batch.count - 1)
    for offset in stride(from: 0, to: Self.headBytes, by: 8) {
      bytes.setBig64(head.big64(offset), at: offset)
    }
  }
}
