// The traffic of the pipeline benchmark: who sends to whom, and the frames that say so.
//
// Every address sends once in a round, in shuffled order, to the address half a round ahead of it in that
// order: all pairs are distinct, every address is a source once and a destination about once, and
// neighbouring frames have nothing in common that a cache could know.

internal import Base
internal import FrameMemory
internal import Wire

/// One frame of a round.
struct Flow: BitwiseCopyable {
  var source: MACAddress
  var destination: MACAddress
  var ingress: PortIndex
  /// IPv4 addresses: 10.x.x.x, one for each MAC address.
  var sourceIP: UInt32
  var destinationIP: UInt32
}

struct PipelineTraffic: ~Copyable {
  /// 64 bytes on the wire are 60 in memory: no FCS.
  static let frameBytes = 60

  let macCount: Int
  let portCount: Int
  private let flows: FixedArray<Flow>
  private var next = 0

  /// Address i is at VM port `i % portCount`.
  init(macCount: Int, portCount: Int, seed: UInt64) {
    self.macCount = macCount
    self.portCount = portCount
    var random = SeededRandom(seed: seed)
    let order = (0..<macCount).shuffled(using: &random)
    flows = FixedArray(count: macCount) { turn in
      let source = order[turn]
      var destination = order[(turn + macCount / 2) % macCount]
      if destination % portCount == source % portCount { destination = (source + 1) % macCount }
      return Flow(
        source: Self.address(source), destination: Self.address(destination),
        ingress: PortIndex(source % portCount), sourceIP: 0x0A00_0000 + UInt32(source),
        destinationIP: 0x0A00_0000 + UInt32(destination))
    }
  }

  static func address(_ index: Int) -> MACAddress {
    MACAddress(rawValue: 0x0250_5600_0000 + UInt64(index))
  }

  /// A batch full of IPv4/UDP frames, to be addressed by `fill`.
  static func makeBatch(capacity: Int) -> FrameBatch {
    var batch = FrameBatch(capacity: capacity, frameCapacityBytes: 64)
    for _ in 0..<capacity {
      let index = batch.appendZeroed(byteCount: frameBytes, ingress: PortIndex(0))
      var bytes = batch.mutableBytes(of: index)
      bytes.setBig16(0x0800, at: 12)
      bytes.setByte(0x45, at: 14)
      bytes.setBig16(46, at: 16)
      bytes.setByte(17, at: 23)
      bytes.setBig16(49_152, at: 34)
      bytes.setBig16(4_789, at: 36)
    }
    return batch
  }

  /// Writes the next flows of the round into the frames of a batch.
  mutating func fill(_ batch: inout FrameBatch) {
    for index in 0..<batch.count {
      let flow = flows[next]
      next = next + 1 == flows.count ? 0 : next + 1
      var bytes = batch.mutableBytes(of: index)
      bytes.setMACAddress(flow.destination, at: 0)
      bytes.setMACAddress(flow.source, at: 6)
      bytes.setBig32(flow.sourceIP, at: 26)
      bytes.setBig32(flow.destinationIP, at: 30)
      batch[index].ingress = flow.ingress
    }
  }
}
