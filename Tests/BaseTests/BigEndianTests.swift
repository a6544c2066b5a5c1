// Loads and stores: network order, unaligned, and never outside.

internal import Base
internal import Testing

@Suite struct BigEndianTests {
  static let bytes: [UInt8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x10]

  @Test func numbersAreReadInNetworkOrder() {
    let span = Self.bytes.rawSpan
    let read = (span.byte(8), span.big16(1), span.big32(1), span.big48(1), span.big64(1))
    #expect(read.0 == 0x10 && read.1 == 0x2345 && read.2 == 0x2345_6789)
    #expect(read.3 == 0x2345_6789_ABCD && read.4 == 0x2345_6789_ABCD_EF10)
  }

  @Test func whatIsWrittenIsReadAndNothingElseChanges() {
    var bytes = [UInt8](repeating: 0xEE, count: 24)
    bytes.withMutableRawSpan { span in
      span.setByte(0x01, at: 1)
      span.setBig16(0x0203, at: 2)
      span.setBig32(0x0405_0607, at: 5)
      span.setBig48(0xFFFF_0809_0A0B_0C0D, at: 9)
      span.setBig64(0x0E0F_1011_1213_1415, at: 15)
    }
    #expect(
      bytes == [
        0xEE, 0x01, 0x02, 0x03, 0xEE, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D,
        0x0E, 0x0F, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0xEE,
      ])
  }

  @Test func aPartIsCountedFromItsStart() {
    var bytes = [UInt8](repeating: 0, count: 8)
    let count = bytes.withMutableRawSpan { whole in
      var part = whole.part(2..<6)
      part.setBig32(0xAABB_CCDD, at: 0)
      return part.byteCount
    }
    #expect(count == 4)
    #expect(bytes == [0, 0, 0xAA, 0xBB, 0xCC, 0xDD, 0, 0])
  }

  @Test func aReadBehindTheEndTraps() async {
    await #expect(processExitsWith: .failure) { _ = BigEndianTests.bytes.rawSpan.big64(2) }
    await #expect(processExitsWith: .failure) { _ = BigEndianTests.bytes.rawSpan.byte(-1) }
    await #expect(processExitsWith: .success) { _ = BigEndianTests.bytes.rawSpan.big64(1) }
  }

  @Test func aWriteOutsideAPartTraps() async {
    await #expect(processExitsWith: .failure) {
      var bytes = [UInt8](repeating: 0, count: 8)
      bytes.withMutableRawSpan { whole in
        var part = whole.part(2..<6)
        part.setBig16(1, at: 3)
      }
    }
    await #expect(processExitsWith: .failure) {
      var bytes = [UInt8](repeating: 0, count: 8)
      bytes.withMutableRawSpan { _ = $0.part(2..<9).byteCount }
    }
  }
}
