// IPv4 headers.

internal import Base
internal import Testing
internal import Wire

@Suite struct IPv4Tests {
  @Test func aRealHeaderIsRead() throws {
    let header = try #require(IPv4Header(RealFrame.ping4.payload))
    #expect(header.source == IPv4Address(10, 0, 10, 1))
    #expect(header.destination == IPv4Address(10, 0, 10, 2))
    #expect(header.protocol == .icmp && header.timeToLive == 64 && header.dscp == 46)
    #expect(header.dontFragment && !header.moreFragments && header.payloadBytes == 64)
    #expect(header.description == "10.0.10.1 > 10.0.10.2, icmp, ttl 64, 64 bytes")
  }

  @Test(arguments: [RealFrame.ping4, .tcp4, .udp4, .fragment4])
  func theBytesComeOutAgain(_ frame: RealFrame) throws {
    let header = try #require(IPv4Header(frame.payload))
    #expect(header.emitted == Array(frame.payload[..<20]))
  }

  @Test func optionsAreInTheHeader() {
    let bytes = RealFrame.recordRoute4.payload
    guard let view = IPv4View(bytes.rawSpan) else {
      Issue.record("no view")
      return
    }
    let option = (view.options.byteCount, view.options.byte(1))
    let payload = (view.payload.byteCount, view.payload.byte(0))
    #expect(view.headerBytes == 60 && view.isChecksumValid)
    #expect(option == (40, 7), "record route")
    #expect(payload == (64, 8))
  }

  @Test func aFragmentIsTold() {
    let bytes = RealFrame.fragment4.payload
    guard let view = IPv4View(bytes.rawSpan) else {
      Issue.record("no view")
      return
    }
    let payloadBytes = view.payload.byteCount
    #expect(view.isFragment && !view.moreFragments && view.fragmentOffsetBytes == 1480)
    #expect(payloadBytes == 4)
  }

  @Test func paddingIsNoPayload() throws {
    let padded = RealFrame.udp4.payload + [UInt8](repeating: 0, count: 15)
    #expect(try #require(IPv4Header(padded)).payloadBytes == 11)
  }

  @Test(arguments: [
    (0, UInt8(0x65)),  // version 6
    (0, 0x44),  // a header of 16 bytes
    (0, 0x4F),  // a header beyond the packet
    (2, 0x01),  // a packet beyond the bytes
    (3, 0x13),  // a packet smaller than its header
  ])
  func contradictionsAreRefused(offset: Int, value: UInt8) {
    var bytes = RealFrame.udp4.payload
    bytes[offset] = value
    #expect(IPv4Header(bytes) == nil)
  }

  @Test func settersChangeOneFieldAndTheChecksumFollows() throws {
    var bytes = RealFrame.ping4.payload
    let before = try #require(IPv4Header(bytes))
    bytes.withMutableRawSpan { packet in
      IPv4.setDSCP(10, in: &packet)
      IPv4.setTimeToLive(7, in: &packet)
      IPv4.setIdentification(0xBEEF, in: &packet)
      IPv4.setSource(before.destination, in: &packet)
      IPv4.setDestination(before.source, in: &packet)
    }
    #expect(!isChecksumValid(bytes))
    bytes.withMutableRawSpan { IPv4.updateChecksum(in: &$0) }
    #expect(isChecksumValid(bytes))
    var expected = before
    expected.dscp = 10
    expected.timeToLive = 7
    expected.identification = 0xBEEF
    swap(&expected.source, &expected.destination)
    #expect(IPv4Header(bytes) == expected)
  }

  private func isChecksumValid(_ packet: [UInt8]) -> Bool {
    IPv4View(packet.rawSpan)?.isChecksumValid ?? false
  }
}
