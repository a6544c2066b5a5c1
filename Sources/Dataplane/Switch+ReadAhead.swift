// Asking for memory before it is needed.
//
// With more flows or addresses than the caches of a core hold, looking up a frame is waiting for memory. So
// each frame that is switched asks for what a later one is looked up in. One by one: asked for in a burst,
// most is forgotten by the core.

internal import Base
internal import FrameMemory
internal import Tables
internal import Wire

extension Switch {
  /// From this many addresses on, the MAC table is larger than the first-level cache of a core.
  private static let readAheadMACs = 512
  /// How far ahead: long enough for memory to answer, and few enough that no question is lost. A core waits
  /// for some 20 lines at a time, and forgets hints beyond.
  static let readAheadFrames = 12

  /// Asks for what the first frames are looked up in. Each frame that is switched asks for a later one.
  @inline(never)
  mutating func beginReadAhead(_ batch: borrowing FrameBatch, from start: Int) {
    verdicts.judge(frames: batch.count &- start)
    var index = start
    while index < min(start &+ Self.readAheadFrames, batch.count) {
      readAhead(batch, index)
      index &+= 1
    }
  }

  /// Asks for what a frame is looked up in: its place in the verdict cache, or else the lines of a large MAC
  /// table. Decides nothing.
  @inline(__always)
  mutating func readAhead(_ batch: borrowing FrameBatch, _ index: Int) {
    guard verdicts.isAsked else {
      verdicts.skip(index)
      if macs.count >= Self.readAheadMACs { readAheadMACs(batch, index) }
      return
    }
    let frame = batch[index]
    guard !frame.tag.isPresent, !frame.offload.needsSegmentation,
      let flow = batch.flow(of: index)
    else { return verdicts.skip(index) }
    verdicts.prefetch(flow, of: index)
  }

  /// Guesses the VLAN, and a wrong guess costs a cache miss.
  @inline(never)
  private mutating func readAheadMACs(_ batch: borrowing FrameBatch, _ index: Int) {
    let frame = batch[index]
    let ingress = frame.ingress.index
    guard ingress < lines.count, frame.byteCount >= 16 else { return }
    let (first, second) = batch.firstWords(of: index)
    let vlan = lines[ingress].keyVLAN | UInt64(frame.tag.vlan)
    macs.prefetch(Self.destinationKey(first, vlan))
    let sourceKey = Self.sourceKey(first, second, vlan)
    if sourceKey != lines[ingress].sourceKey { macs.prefetch(sourceKey) }
  }
}
