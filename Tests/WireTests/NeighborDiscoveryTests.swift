// Neighbour solicitations and advertisements.

internal import Base
internal import Testing
internal import Wire

@Suite struct NeighborDiscoveryTests {
  @Test func aRealSolicitationIsRead() throws {
    let message = try #require(
      NeighborSolicitationMessage(RealFrame.solicitation.transport6))
    #expect(message.target == IPv6Address("fd00:10::2"))
    #expect(message.sourceLinkLayerAddress == firstMAC && message.checksum == 0x2927)
    #expect(
      message.description
        == "neighbor solicitation, who has fd00:10::2, tell 00:50:56:00:00:01")
  }

  @Test func anUnknownOptionIsPassedOver() throws {
    let message = try #require(
      NeighborSolicitationMessage(RealFrame.duplicateProbe.transport6))
    #expect(message.target == IPv6Address(linkLocal: firstMAC))
    #expect(message.sourceLinkLayerAddress == nil)
    // A nonce before the address.
    let bytes =
      Array(RealFrame.solicitation.transport6[..<24]) + hex("0e01 c028c2d3d9dd")
      + hex("0101 005056000001")
    let both = try #require(NeighborSolicitationMessage(bytes))
    #expect(both.sourceLinkLayerAddress == firstMAC)
  }

  @Test func realAdvertisementsAreRead() throws {
    let answer = try #require(
      NeighborAdvertisementMessage(RealFrame.advertisement.transport6))
    #expect(answer.flags == [.solicited, .override] && answer.targetLinkLayerAddress == secondMAC)
    let unsolicited = try #require(
      NeighborAdvertisementMessage(RealFrame.unsolicitedAdvertisement.transport6))
    #expect(unsolicited.flags == .override && unsolicited.target == IPv6Address("fd00:10::2"))
    #expect(
      unsolicited.description
        == "neighbor advertisement, fd00:10::2 is at 00:50:56:00:00:02 [override]")
  }

  @Test func theBytesComeOutAgain() throws {
    for frame in [RealFrame.advertisement, .unsolicitedAdvertisement] {
      let message = try #require(NeighborAdvertisementMessage(frame.transport6))
      #expect(message.emitted == frame.transport6)
    }
    let message = try #require(
      NeighborSolicitationMessage(RealFrame.solicitation.transport6))
    #expect(message.emitted == RealFrame.solicitation.transport6)
  }

  @Test(arguments: [
    "0200 005056000001",  // a length of zero
    "0202 005056000001",  // beyond the message
    "0201 005056",  // cut off
    "02",
  ])
  func aBrokenOptionBreaksTheMessage(_ option: String) {
    let bytes = Array(RealFrame.advertisement.transport6[..<24]) + hex(option)
    #expect(NeighborAdvertisementMessage(bytes) == nil)
    var solicitation = bytes
    solicitation[0] = 135
    #expect(NeighborSolicitationMessage(solicitation) == nil)
  }

  @Test func anAddressOfAnotherLinkIsNotRead() throws {
    let bytes =
      Array(RealFrame.advertisement.transport6[..<24]) + hex("0202 005056000001 0000000000000000")
    let message = try #require(NeighborAdvertisementMessage(bytes))
    #expect(message.targetLinkLayerAddress == nil)
  }

  @Test func otherMessagesAreRefused() {
    var bytes = RealFrame.advertisement.transport6
    #expect(NeighborSolicitationMessage(bytes) == nil, "an advertisement")
    #expect(NeighborAdvertisementMessage(Array(bytes[..<23])) == nil, "too short")
    bytes[8] = 0xFF
    #expect(NeighborAdvertisementMessage(bytes) == nil, "a multicast target")
    bytes[8] = 0xFD
    bytes[1] = 1
    #expect(NeighborAdvertisementMessage(bytes) == nil, "another code")
  }
}
