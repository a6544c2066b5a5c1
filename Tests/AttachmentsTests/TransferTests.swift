// The kernel's stack on both sides, attachments between: TCP and UDP from socket to socket.
//
//   namespace a                          relay                    namespace b
//   socket - stack - device a  <->  attachment | attachment  <->  device b - stack - socket
//
// A TCP stream that arrives whole proves checksums, tags and order at once; the counters prove that
// its large frames crossed as they were.

import Attachments
import Base
import FrameMemory
import Linux
import Rig
import Synchronization
import Testing
import Wire

/// Which attachments are between the two stacks.
enum Crossing: CaseIterable {
  /// One relay between the two.
  case tapToTap, tapToPacket, packetToPacket
  /// Two hosts: a TAP, an uplink, a cable, an uplink, a TAP.
  case uplink, taggedUplink, bypassingTaggedUplink

  static var allTwice: [(Crossing, Bool)] { allCases.flatMap { [($0, false), ($0, true)] } }
}

/// Two namespaces with addresses, and the relays between them.
final class CrossingScene {
  let a: TestNamespace
  let b: TestNamespace
  private(set) var relays: [Relay] = []

  init(_ crossing: Crossing) throws {
    a = try TestNamespace()
    b = try TestNamespace()
    switch crossing {
    case .tapToTap: relays = [try Relay(try tap(a, 1), try tap(b, 2))]
    case .tapToPacket: relays = [try Relay(try tap(a, 1), try pair(b, 2))]
    case .packetToPacket: relays = [try Relay(try pair(a, 1), try pair(b, 2))]
    case .uplink: try cable(.none)
    case .taggedUplink: try cable(.init(vlan: 7))
    case .bypassingTaggedUplink: try cable(.init(vlan: 7), bypassesQueueing: true)
    }
  }

  /// A TAP that was there before, made by somebody else, and that the namespace's stack uses.
  private func tap(_ namespace: TestNamespace, _ host: Int) throws -> RelayEnd {
    try namespace.run("ip tuntap add dev tap0 mode tap vnet_hdr")
    try namespace.address("tap0", host)
    return .tap("tap0", namespace.handle)
  }

  /// A pair of devices: the namespace's stack uses one end, the relay has the other.
  private func pair(_ namespace: TestNamespace, _ host: Int) throws -> RelayEnd {
    try namespace.run("ip link add eth0 type veth peer name nic0; ip link set nic0 up")
    try namespace.address("eth0", host)
    return .packet("nic0", namespace.handle, .init(), tag: .none)
  }

  /// A cable from a to b, and a relay on each side.
  private func cable(_ tag: VLANTag, bypassesQueueing: Bool = false) throws {
    try a.run("ip link add nic0 type veth peer name nic0 netns \(b.name); ip link set nic0 up")
    try b.run("ip link set nic0 up")
    var options = PacketSocket.Options()
    options.bypassesQueueing = bypassesQueueing
    relays = [
      try Relay(try tap(a, 1), .packet("nic0", a.handle, options, tag: tag)),
      try Relay(.packet("nic0", b.handle, options, tag: tag), try tap(b, 2)),
    ]
  }

  func stop() -> [RelayReport] { relays.map { $0.stop() } }
}

@Suite("between two stacks", .enabled(if: canMakeDevices, needsDevices), .serialized)
struct TransferTests {
  private static let streamBytes = 32 << 20

  @Test("a TCP stream arrives whole, in large frames", arguments: Crossing.allTwice)
  func stream(crossing: Crossing, isIPv6: Bool) throws {
    let scene = try CrossingScene(crossing)
    let address = TestAddress(isIPv6: isIPv6, host: 2, port: 5001)
    let listener = try TestSocket.listen(address, in: scene.b.handle)
    let clientSpace = scene.a.handle
    let block = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    let started = MonotonicClock.now()
    let sender = try Thread(named: "sender") {
      guard let socket = try? TestSocket.connect(address, in: clientSpace) else { return }
      for _ in 0..<Self.streamBytes / block.count { if !socket.send(block) { return } }
    }
    let connection = try listener.accept()
    var received = 0
    var isSame = true
    while true {
      let bytes = connection.receive(limitBytes: 1 << 20)
      if bytes.isEmpty { break }
      // Comparing some bytes of every read keeps the test fast; TCP's checksum has seen them all.
      isSame = isSame && bytes[0] == block[received % 65_536]
      received += bytes.count
      isSame = isSame && bytes[bytes.count - 1] == block[(received - 1) % 65_536]
    }
    let seconds = Double(MonotonicClock.now().nanoseconds(since: started)) / 1e9
    sender.join()
    let reports = scene.stop()
    #expect(received == Self.streamBytes && isSame)
    for report in reports {
      #expect(report.failures == 0 && report.drops == 0)
      #expect(report.largestFrameBytes > 60_000, "64 KB frames stay one frame")
      let (left, right) = (report.counters[0], report.counters[1])
      #expect(left.segmentationReceived > 100)
      #expect(right.segmentationPassed == left.segmentationReceived)
      #expect(left.segmentationDone == 0 && right.segmentationDone == 0)
    }
    let rate = Double(received) * 8 / seconds / 1e9
    print("\(crossing) IPv\(isIPv6 ? 6 : 4): \((rate * 10).rounded() / 10) Gbit/s")
  }

  @Test(
    "datagrams sent as one large frame arrive one by one",
    arguments: Crossing.allTwice)
  func datagrams(crossing: Crossing, isIPv6: Bool) throws {
    let scene = try CrossingScene(crossing)
    let address = TestAddress(isIPv6: isIPv6, host: 2, port: 5002)
    let receiver = try TestSocket.receiver(address, in: scene.b.handle)
    let sender = try TestSocket.connect(address, isStream: false, in: scene.a.handle)
    #expect(sender.segmentDatagrams(bytes: 1000))
    let payload = (0..<20_500).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ $0 >> 8) }
    #expect(sender.send(payload))
    var received: [[UInt8]] = []
    while received.count < 21 {
      let bytes = receiver.receive(limitBytes: 65_536)
      if bytes.isEmpty { break }
      received.append(bytes)
    }
    let reports = scene.stop()
    #expect(received.map(\.count) == [Int](repeating: 1000, count: 20) + [500])
    #expect(received.flatMap(\.self) == payload)
    for report in reports {
      #expect(report.failures == 0)
      let (left, right) = (report.counters[0], report.counters[1])
      #expect(right.segmentationPassed + right.segmentationDone == left.segmentationReceived)
    }
  }
}
