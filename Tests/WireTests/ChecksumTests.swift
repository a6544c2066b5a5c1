// The internet checksum against the plainest way to make it (RFC 1071, 4.1).

internal import Base
internal import Testing
internal import Wire

@Suite struct ChecksumTests {
  @Test func theExampleOfTheRFC() {
    // RFC 1071, 3: the sum is ddf2.
    let sum = Checksum(hex("0001 f203 f4f5 f6f7"))
    #expect(sum.folded == 0xDDF2 && sum.field == 0x220D)
  }

  @Test(arguments: 0..<80)
  func everyLengthOfOnesAndZeros(_ count: Int) {
    for byte: UInt8 in [0, 1, 0x80, 0xFF] {
      let bytes = [UInt8](repeating: byte, count: count)
      #expect(Checksum(bytes).folded == plainSum(bytes))
    }
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func randomBytesInRandomParts(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<400 {
      let bytes = randomBytes(&random, count: Int.random(in: 0...3000, using: &random))
      let expected = plainSum(bytes)
      #expect(Checksum(bytes).folded == expected, "seed \(seed)")
      var sum = Checksum()
      var offset = 0
      while offset < bytes.count {
        let count = Int.random(in: 1...(bytes.count - offset), using: &random)
        let part = Checksum(Array(bytes[offset..<(offset + count)]))
        sum.add(part, atOffset: offset)
        offset += count
      }
      #expect(sum.folded == expected, "seed \(seed)")
    }
  }

  @Test(arguments: [4, 5] as [UInt64])
  func anUpdateIsAsGoodAsANewSum(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<2000 {
      var bytes = randomBytes(&random, count: 40)
      bytes[0] |= 1  // never all zero
      let field = Checksum(bytes).field
      let offset = Int.random(in: 1..<19, using: &random) * 2
      let old = bytes.rawSpan.big32(offset - 2)
      let new = UInt32.random(in: 0...UInt32.max, using: &random)
      bytes.withMutableRawSpan { $0.setBig32(new | 0x0100, at: offset - 2) }
      let expected = Checksum(bytes).field
      #expect(Checksum.updated(field, from: old, to: new | 0x0100) == expected, "seed \(seed)")
      let high = Checksum.updated(
        field, from: UInt16(old >> 16), to: UInt16(truncatingIfNeeded: new >> 16))
      #expect(
        Checksum.updated(
          high, from: UInt16(truncatingIfNeeded: old),
          to: UInt16(truncatingIfNeeded: new | 0x0100)) == expected, "seed \(seed)")
    }
  }

  @Test func theCaseOfRFC1624() {
    // RFC 1624, 4: 0xDD2F with 0x5555 replaced by 0x3285 must become 0x0000, not 0xFFFF.
    #expect(Checksum.updated(0xDD2F, from: 0x5555, to: 0x3285 as UInt16) == 0x0000)
  }

  @Test func aFieldOfAPartialSumIsAPseudoHeader() {
    let whole = Checksum(
      source: IPv4Address(10, 0, 10, 1), destination: IPv4Address(10, 0, 10, 2), protocol: .udp,
      payloadBytes: 11)
    #expect(whole.folded == plainSum(hex("0a000a01 0a000a02 0011 000b")))
    var sum = Checksum(folded: whole.folded)
    var bytes = RealFrame.udp4.transport4
    bytes[6] = 0
    bytes[7] = 0
    sum.add(bytes.rawSpan)
    #expect(sum.field == 0x5B7C)
  }

  private func randomBytes(_ random: inout SeededRandom, count: Int) -> [UInt8] {
    // Long runs of ones make carries that random bytes hardly ever make.
    let isDense = Bool.random(using: &random)
    return (0..<count).map { _ in
      let byte = UInt8(truncatingIfNeeded: random.next())
      return isDense && byte < 0xE0 ? 0xFF : byte
    }
  }

  private func plainSum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for offset in stride(from: 0, to: bytes.count, by: 2) {
      sum += UInt32(bytes[offset]) << 8
      if offset + 1 < bytes.count { sum += UInt32(bytes[offset + 1]) }
      if sum > 0xFFFF { sum -= 0xFFFF }
    }
    return UInt16(sum)
  }
}
