// IPv6 headers and the walk over extension headers.

internal import Base
internal import Testing
internal import Wire

@Suite struct IPv6Tests {
  @Test func aRealHeaderIsRead() throws {
    let header = try #require(IPv6Header(RealFrame.tcp6.payload))
    #expect(header.source == IPv6Address("fd00:10::1"))
    #expect(header.destination == IPv6Address("fd00:10::2"))
    #expect(header.nextHeader == .tcp && header.hopLimit == 64 && header.payloadBytes == 45)
    #expect(header.flowLabel == 0x2CB8C && header.dscp == 0)
    #expect(header.description == "fd00:10::1 > fd00:10::2, tcp, hop limit 64, 45 bytes")
  }

  @Test(arguments: [RealFrame.ping6, .tcp6, .udp6, .fragment6, .multicastReport, .solicitation])
  func theBytesComeOutAgain(_ frame: RealFrame) throws {
    let header = try #require(IPv6Header(frame.payload))
    #expect(header.emitted == Array(frame.payload[..<40]))
  }

  @Test func contradictionsAreRefused() {
    var bytes = RealFrame.udp6.payload
    #expect(IPv6Header(Array(bytes[..<39])) == nil)
    bytes[5] += 1
    #expect(IPv6Header(bytes) == nil, "a payload beyond the bytes")
    bytes[5] -= 1
    bytes[0] = 0x45
    #expect(IPv6Header(bytes) == nil, "version 4")
  }

  @Test func theClassLiesAcrossTwoBytes() throws {
    var bytes = RealFrame.udp6.payload
    bytes.withMutableRawSpan { IPv6.setDSCP(46, in: &$0) }
    let header = try #require(IPv6Header(bytes))
    #expect(header.dscp == 46 && header.ecn == 0 && header.flowLabel == 0xCBF63)
    #expect(bytes[0] == 0x6B && bytes[1] == 0x8C)
  }

  @Test func hopByHopOptionsAreWalked() throws {
    let layer = try #require(upperLayer(RealFrame.multicastReport.payload))
    #expect(layer.protocol == .icmpv6 && layer.offset == 48 && !layer.isFragment)
  }

  @Test func aLaterFragmentHasNoUpperHeader() throws {
    let layer = try #require(upperLayer(RealFrame.fragment6.payload))
    #expect(layer.isFragment && layer.fragmentOffsetBytes == 1448)
    #expect(layer.protocol == .icmpv6 && layer.offset == 48)
  }

  @Test func theFirstFragmentIsWalkedThrough() throws {
    // Destination options behind the fragment header: offset 0, more fragments.
    let chain = hex("3c 00 0001 00000007") + hex("06 00 0104 00000000") + hex("1234")
    let layer = try #require(upperLayer(packet(next: .fragment, chain)))
    #expect(layer.isFragment && layer.fragmentOffsetBytes == 0)
    #expect(layer.protocol == .tcp && layer.offset == 56)
  }

  @Test func anAtomicFragmentIsWhole() throws {
    let layer = try #require(upperLayer(packet(next: .fragment, hex("11 00 0000 00000007"))))
    #expect(!layer.isFragment && layer.protocol == .udp && layer.offset == 48)
  }

  @Test func authenticationCountsInWordsOfFour() throws {
    let chain = hex("06 04 0000") + [UInt8](repeating: 0, count: 20)
    let layer = try #require(upperLayer(packet(next: .authentication, chain)))
    #expect(layer.protocol == .tcp && layer.offset == 64)
  }

  @Test func aHeaderCutOffIsRefused() {
    #expect(upperLayer(packet(next: .hopByHop, hex("06 00 0104 000000"))) == nil)
    #expect(upperLayer(packet(next: .routing, hex("06 01 0104 00000000"))) == nil)
    #expect(upperLayer(packet(next: .hopByHop, [])) == nil)
  }

  @Test(arguments: [0, 1, 7, 8, 9, 200])
  func theWalkIsBounded(headers: Int) {
    let one = hex("3c 00 0104 00000000")
    var chain: [UInt8] = []
    for _ in 0..<headers { chain += one }
    if headers > 0 { chain[chain.count - 8] = IPProtocol.udp.rawValue }
    let layer = upperLayer(packet(next: headers == 0 ? .udp : .destinationOptions, chain))
    #expect((layer != nil) == (headers <= 8))
    if let layer { #expect(layer.protocol == .udp && layer.offset == 40 + 8 * headers) }
  }

  @Test func nothingMayFollow() throws {
    let layer = try #require(upperLayer(packet(next: .noNextHeader, [])))
    #expect(layer.protocol == .noNextHeader && layer.offset == 40)
  }

  private func upperLayer(_ bytes: [UInt8]) -> IPv6UpperLayer? {
    guard let view = IPv6View(bytes.rawSpan) else {
      Issue.record("no view")
      return nil
    }
    return view.upperLayer
  }

  private func packet(next: IPProtocol, _ payload: [UInt8]) -> [UInt8] {
    let header = IPv6Header(
      source: .unspecified, destination: .allNodes, nextHeader: next, payloadBytes: payload.count)
    return header.emitted + payload
  }
}
