// Marking: the header is right afterwards by a full sum, and the bytes come back as they were.

internal import Base
internal import FrameMemory
internal import Testing
internal import Wire

/// A frame with a random IP header and a short payload.
private func packet(v6: Bool, _ random: inout SeededRandom) -> [UInt8] {
  var frame = (0..<80).map { _ in UInt8.random(in: 0...255, using: &random) }
  frame.withMutableRawSpan { bytes in
    bytes.setBig16(v6 ? 0x86DD : 0x0800, at: 12)
    if v6 {
      bytes.setByte(0x60 | bytes.bytes.byte(14) & 0xF, at: 14)
    } else {
      // With options in some.
      bytes.setByte(0x45 + bytes.bytes.byte(14) % 4, at: 14)
      var header = bytes.part(14..<80)
      IPv4.updateChecksum(in: &header)
    }
  }
  return frame
}

private func contents(_ batch: borrowing FrameBatch, _ index: Int) -> [UInt8] {
  let bytes = batch.bytes(of: index)
  return (0..<bytes.byteCount).map { bytes.byte($0) }
}

/// The 16-bit words of an IPv4 header added one by one.
private func plainSum(_ header: ArraySlice<UInt8>) -> UInt32 {
  var sum: UInt32 = 0
  for (index, byte) in header.enumerated() {
    sum += index % 2 == 0 ? UInt32(byte) << 8 : UInt32(byte)
  }
  while sum > 0xFFFF { sum = sum >> 16 + sum & 0xFFFF }
  return sum
}

@Suite struct MarkTests {
  @Test(arguments: Array(1...20) as [UInt64])
  func everyHeaderIsRightAndComesBack(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<200 {
      let isV6 = Bool.random(using: &random)
      let before = packet(v6: isV6, &random)
      var batch = FrameBatch(capacity: 1, frameCapacityBytes: 128)
      batch.append(copying: before.rawSpan, ingress: PortIndex(0))
      let dscp = UInt8.random(in: 0...63, using: &random)
      let mark = batch.mark(Rewrite(dscp: dscp), frame: 0)
      let after = contents(batch, 0)
      if isV6 {
        #expect((after[14] << 4 | after[15] >> 4) >> 2 == dscp, "seed \(seed)")
        #expect(after[14] >> 4 == 6 && after[15] & 0x3F == before[15] & 0x3F)
        #expect(after[16...] == before[16...])
      } else {
        #expect(after[15] >> 2 == dscp && after[15] & 3 == before[15] & 3, "seed \(seed)")
        let headerBytes = Int(after[14] & 0xF) * 4
        #expect(plainSum(after[14..<14 + headerBytes]) == 0xFFFF, "seed \(seed)")
        #expect(after[16..<24] == before[16..<24] && after[26...] == before[26...])
      }
      #expect(mark.isPresent == (after != before), "seed \(seed)")
      batch.unmark(mark, frame: 0)
      let restored = contents(batch, 0)
      #expect(restored == before, "seed \(seed)")
    }
  }

  /// A checksum of 0xFFFF is another way to write 0; it, too, comes back.
  @Test func aStrangeChecksumComesBack() {
    var random = SeededRandom(seed: 1)
    for checksum in [0x0000, 0xFFFF, 0x1234] as [UInt16] {
      var before = packet(v6: false, &random)
      before.withMutableRawSpan { $0.setBig16(checksum, at: 24) }
      var batch = FrameBatch(capacity: 1, frameCapacityBytes: 128)
      batch.append(copying: before.rawSpan, ingress: PortIndex(0))
      batch.unmark(batch.mark(Rewrite(dscp: 26), frame: 0), frame: 0)
      let restored = contents(batch, 0)
      #expect(restored == before)
    }
  }

  @Test func whatIsNoPacketIsLeftAlone() {
    var random = SeededRandom(seed: 2)
    var tagged = packet(v6: false, &random)
    tagged.withMutableRawSpan { $0.setBig16(0x8100, at: 12) }
    var wrongVersion = packet(v6: true, &random)
    wrongVersion[14] = 0x45
    let short = Array(packet(v6: false, &random)[..<33])
    for frame in [tagged, wrongVersion, short, [UInt8](repeating: 0, count: 14)] {
      var batch = FrameBatch(capacity: 1, frameCapacityBytes: 128)
      batch.append(copying: frame.rawSpan, ingress: PortIndex(0))
      let mark = batch.mark(Rewrite(dscp: 26), frame: 0)
      let after = contents(batch, 0)
      #expect(!mark.isPresent && after == frame)
    }
  }

  @Test func eachPortGetsItsOwnMark() {
    var random = SeededRandom(seed: 3)
    var batch = FrameBatch(capacity: 2, frameCapacityBytes: 128)
    var before = packet(v6: false, &random)
    before[15] = 0
    before.withMutableRawSpan { bytes in
      var header = bytes.part(14..<80)
      IPv4.updateChecksum(in: &header)
    }
    for _ in 0..<2 { batch.append(copying: before.rawSpan, ingress: PortIndex(0)) }
    var list = DeliveryList(capacity: 8, portCapacity: 4)
    list.append(frame: 0, to: PortIndex(1), tag: .none, rewrite: Rewrite(dscp: 26))
    list.append(frame: 0, to: PortIndex(1), tag: .none, rewrite: Rewrite(dscp: 27))
    list.append(frame: 1, to: PortIndex(1), tag: .none)
    list.append(frame: 0, to: PortIndex(2), tag: .none, rewrite: Rewrite(dscp: 46))
    list.append(frame: 0, to: PortIndex(3), tag: .none)
    var seen: [[UInt8]] = []
    for port in 1...3 {
      batch.mark(PortIndex(port), in: list)
      seen.append((0..<2).map { contents(batch, $0)[15] >> 2 })
      batch.unmark(PortIndex(port), in: list)
      let restored = (contents(batch, 0), contents(batch, 1))
      #expect(restored.0 == before && restored.1 == before)
    }
    #expect(seen == [[27, 0], [46, 0], [0, 0]])
    let flags = (1...3).map { list.hasRewrites(at: PortIndex($0)) }
    #expect(flags == [true, true, false])
    let any = list.hasRewrites
    #expect(any)
  }

  @Test func anEmptiedListHasNoRewrites() {
    var list = DeliveryList(capacity: 2, portCapacity: 2)
    list.append(frame: 0, to: PortIndex(0), tag: .none, rewrite: Rewrite(dscp: 0))
    let before = (list.hasRewrites, list[0].rewrite.dscp)
    list.removeAll()
    list.append(frame: 0, to: PortIndex(0), tag: .none)
    let after = (list.hasRewrites, list.hasRewrites(at: PortIndex(0)))
    #expect(before == (true, 0) && after == (false, false), "DSCP 0 is a DSCP, too")
    list.append(frame: 0, to: PortIndex(1), tag: .none, rewrite: Rewrite(dscp: 1))
    let stale = list.hasRewrites(at: PortIndex(0))
    #expect(!stale, "a port's flag outlives its list")
    #expect(MemoryLayout<Delivery>.size == 12 && Rewrite(dscp: nil) == .none)
  }
}
