// Ethernet headers and the tags inside of frames.

internal import Base
internal import Testing
internal import Wire

@Suite struct EthernetTests {
  @Test func aRealHeaderIsRead() {
    let bytes = RealFrame.udp4.bytes
    guard let view = EthernetView(bytes.rawSpan) else {
      Issue.record("no view")
      return
    }
    #expect(view.destination == secondMAC)
    #expect(view.source == firstMAC)
    #expect(view.etherType == .ipv4)
    let payload = view.payload
    let first = payload.byte(0)
    let byteCount = payload.byteCount
    #expect(byteCount == bytes.count - 14 && first == 0x45)
  }

  @Test func thirteenBytesAreNoHeader() {
    #expect(EthernetHeader([UInt8](repeating: 0, count: 13)) == nil)
    #expect(EthernetHeader([UInt8](repeating: 0, count: 14)) != nil)
  }

  @Test(arguments: RealFrame.all)
  func theBytesComeOutAgain(_ frame: RealFrame) throws {
    let header = try #require(EthernetHeader(frame.bytes))
    #expect(header.emitted == Array(frame.bytes[..<14]))
  }

  @Test func theDescriptionIsForPeople() throws {
    let header = try #require(EthernetHeader(RealFrame.arpReply.bytes))
    #expect(header.description == "00:50:56:00:00:02 > 00:50:56:00:00:01, ARP")
    #expect(EtherType(rawValue: 0x0842).description == "0x0842")
  }

  @Test func oneTagIsRead() throws {
    let tagged = tagged(RealFrame.udp4.bytes, hex("8100 a064"))
    guard let view = VLANView(tagged.rawSpan) else {
      Issue.record("no view")
      return
    }
    #expect(view.tag == VLANTag(vlan: 100, priority: 5))
    #expect(view.tagType == .vlan)
    #expect(view.etherType == .ipv4)
    let first = view.payload.byte(0)
    #expect(first == 0x45)
    let stack = try #require(VLANStack(tagged))
    #expect(stack == VLANStack(outer: VLANTag(vlan: 100, priority: 5), etherType: .ipv4))
    #expect(stack.payloadOffset == 18)
    #expect(stack.description == "802.1Q vlan 100 priority 5, IPv4")
  }

  @Test func twoTagsAreReadAndAThirdIsNot() throws {
    let doubleTagged = tagged(RealFrame.udp4.bytes, hex("88a8 00c8 8100 000a"))
    let stack = try #require(VLANStack(doubleTagged))
    #expect(stack.outer.vlan == 200 && stack.outerType == .serviceVLAN)
    #expect(stack.inner.vlan == 10 && stack.innerType == .vlan)
    #expect(stack.etherType == .ipv4 && stack.tagCount == 2 && stack.payloadOffset == 22)
    let tripleTagged = tagged(doubleTagged, hex("8100 0001"))
    let three = try #require(VLANStack(tripleTagged))
    #expect(three.tagCount == 2 && three.etherType == .vlan)
  }

  @Test(arguments: [(16, false), (17, false), (18, true), (22, true)])
  func aFrameCutOffInATagIsRefused(byteCount: Int, isRead: Bool) {
    let frame = Array(tagged(RealFrame.udp4.bytes, hex("8100 0064"))[..<byteCount])
    #expect((VLANStack(frame) != nil) == isRead)
    let inner = Array(tagged(frame, hex("8100 0064"))[..<(byteCount + 4)])
    #expect((VLANStack(inner) != nil) == isRead)
  }

  @Test func tagsAreWrittenBehindTheAddresses() {
    let original = RealFrame.udp4.bytes
    let expected = tagged(original, hex("88a8 00c8 8100 000a"))
    var frame = Array(original[..<12]) + [UInt8](repeating: 0, count: 8) + original[12...]
    let stack = VLANStack(
      outer: VLANTag(vlan: 200), outerType: .serviceVLAN, inner: VLANTag(vlan: 10),
      etherType: .ipv4)
    let count = frame.withMutableRawSpan { stack.emit(into: &$0) }
    #expect(count == 22)
    #expect(frame == expected)
  }

  private func tagged(_ frame: [UInt8], _ tags: [UInt8]) -> [UInt8] {
    Array(frame[..<12]) + tags + frame[12...]
  }
}
