// ARP and RARP packets.

internal import Base
internal import Testing
internal import Wire

@Suite struct ARPTests {
  let firstAddress = IPv4Address(10, 0, 10, 1)
  let secondAddress = IPv4Address(10, 0, 10, 2)

  @Test func aRealRequestIsRead() throws {
    let packet = try #require(ARPPacket(RealFrame.arpRequest.payload))
    #expect(
      packet
        == ARPPacket(
          operation: .request, senderMAC: firstMAC, senderAddress: firstAddress, targetMAC: .zero,
          targetAddress: secondAddress))
    #expect(
      packet.description == "ARP who has 10.0.10.2, tell 10.0.10.1 at 00:50:56:00:00:01")
  }

  @Test func aRealReplyIsRead() throws {
    let packet = try #require(ARPPacket(RealFrame.arpReply.payload))
    #expect(packet.operation == .reply && packet.targetMAC == firstMAC)
    #expect(packet.senderMAC == secondMAC && packet.senderAddress == secondAddress)
  }

  @Test(arguments: [RealFrame.arpRequest, .arpReply, .gratuitousARP])
  func theBytesComeOutAgain(_ frame: RealFrame) throws {
    let packet = try #require(ARPPacket(frame.payload))
    #expect(packet.emitted == frame.payload)
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5])
  func otherTypesAndLengthsAreRefused(offset: Int) {
    var bytes = RealFrame.arpRequest.payload
    bytes[offset] ^= 1
    #expect(ARPPacket(bytes) == nil)
  }

  @Test func aPacketCutOffIsRefused() {
    #expect(ARPPacket(Array(RealFrame.arpRequest.payload[..<27])) == nil)
  }

  @Test(arguments: [
    (ARP.Operation.request, "10.0.10.1", "10.0.10.1", true, false),
    (.reply, "10.0.10.1", "10.0.10.1", true, false),
    (.request, "10.0.10.1", "10.0.10.2", false, false),
    (.request, "0.0.0.0", "10.0.10.2", false, true),
    (.request, "0.0.0.0", "0.0.0.0", false, true),
    (.reply, "0.0.0.0", "0.0.0.0", false, false),
    (.reverseRequest, "10.0.10.1", "10.0.10.1", false, false),
  ])
  func gratuitousPacketsAndProbesAreTold(
    operation: ARP.Operation, sender: String, target: String, isGratuitous: Bool, isProbe: Bool
  ) throws {
    let packet = ARPPacket(
      operation: operation, senderMAC: firstMAC,
      senderAddress: try #require(IPv4Address(sender)), targetMAC: .zero,
      targetAddress: try #require(IPv4Address(target)))
    let bytes = packet.emitted
    guard let view = ARPView(bytes.rawSpan) else {
      Issue.record("no view")
      return
    }
    #expect(view.isGratuitous == isGratuitous)
    #expect(view.isProbe == isProbe)
  }

  @Test func rarpHasItsOwnOperations() throws {
    #expect(RARPPacket(RealFrame.arpRequest.payload) == nil)
    let request = RARPPacket(isRequest: true, senderMAC: firstMAC, targetMAC: firstMAC)
    #expect(
      request.emitted
        == hex(
          """
          0001 0800 0604 0003 005056000001 00000000 005056000001 00000000
          """))
    #expect(RARPPacket(request.emitted) == request)
    #expect(request.description == "RARP who is 00:50:56:00:00:01, tell 00:50:56:00:00:01")
  }
}
