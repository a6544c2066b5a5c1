// Checksums and segmentation left to others, across two ports: whatever the receiving guest has agreed to, it
// gets what a memory port with the same offloads gets.

import Attachments
import Base
import FrameMemory
import Testing
import VhostUser
import Wire

@Suite("vhost-user offloads") struct OffloadTests {
  private static let sender: VirtioFeatures = [
    .version1, .mergeableBuffers, .indirect, .protocolFeatures, .checksum, .hostTSO4, .hostTSO6,
    .hostUSO, .hostECN,
  ]

  /// What a receiver may agree to.
  static let receivers: [VirtioFeatures] = [
    [], [.guestChecksum], [.guestChecksum, .guestTSO4], [.guestChecksum, .guestTSO6],
    [.guestChecksum, .guestTSO4, .guestTSO6, .guestUSO4, .guestUSO6],
  ]

  private static func offloads(_ features: VirtioFeatures) -> OffloadSet {
    var result: OffloadSet = features.contains(.guestChecksum) ? [.checksum] : []
    if features.contains(.guestTSO4) { result.insert(.tcp4) }
    if features.contains(.guestTSO6) { result.insert(.tcp6) }
    if features.contains(.guestUSO4) { result.insert(.udp) }
    return result
  }

  /// A TCP or UDP frame whose checksum, and perhaps segmentation, is left undone.
  private static func frame(_ random: inout SeededRandom) -> (frame: GuestFrame, offload: Offload) {
    let isIPv6 = Bool.random(using: &random)
    let isTCP = Bool.random(using: &random)
    let payload = Int.random(in: 1...9_000, using: &random)
    let segment = Int.random(in: 500...1_400, using: &random)
    let isLarge = payload > segment
    let transportBytes = isTCP ? 20 : 8
    var bytes = [UInt8](repeating: 2, count: 12) + (isIPv6 ? [0x86, 0xDD] : [0x08, 0x00])
    func big(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }
    let length = transportBytes + payload
    if isIPv6 {
      bytes += [0x60, 0, 0, 0] + big(length) + [isTCP ? 6 : 17, 64]
      bytes += (0..<32).map { UInt8($0) }
    } else {
      bytes += [0x45, 0] + big(20 + length) + big(77) + [0, 0, 64, isTCP ? 6 : 17, 0, 0]
      bytes += [10, 0, 0, 1, 10, 0, 0, 2]
    }
    let start = bytes.count
    bytes += [0x12, 0x34, 0x56, 0x78]
    bytes += isTCP ? [0, 0, 1, 0, 0, 0, 0, 0, 0x50, 0x18, 1, 0, 0, 0, 0, 0] : big(length) + [0, 0]
    bytes += (0..<payload).map { _ in UInt8.random(in: 0...255, using: &random) }
    let type: Offload.Segmentation = isLarge ? (isTCP ? (isIPv6 ? .tcp6 : .tcp4) : .udp) : .none
    let offload = Offload(
      flags: Offload.needsChecksumFlag, segmentation: type,
      headerBytes: isLarge ? UInt16(start + transportBytes) : 0,
      segmentBytes: isLarge ? UInt16(segment) : 0, checksumStart: UInt16(start),
      checksumOffset: isTCP ? 16 : 6)
    return (GuestFrame(header: header(offload) + [0, 0], bytes: bytes), offload)
  }

  /// The first ten bytes of a virtio-net header.
  private static func header(_ offload: Offload) -> [UInt8] {
    func little(_ value: UInt16) -> [UInt8] { [UInt8(value & 0xFF), UInt8(value >> 8)] }
    return [offload.flags, offload.segmentation.rawValue] + little(offload.headerBytes)
      + little(offload.segmentBytes) + little(offload.checksumStart)
      + little(offload.checksumOffset)
  }

  @Test("frames arrive as the receiver agreed to", arguments: receivers.indices, [true, false])
  func arrive(_ index: Int, merges: Bool) throws {
    let seed = UInt64(index) * 2 + (merges ? 1 : 0) + 1
    var random = SeededRandom(seed: seed)
    var features = Self.receivers[index].union([.version1, .protocolFeatures])
    if merges { features.insert(.mergeableBuffers) }
    let from = try ConnectedGuest(GuestShape(features: Self.sender))
    let to = try ConnectedGuest(GuestShape(features: features))
    let model = MemoryAttachment(offloads: Self.offloads(features))
    let injected = MemoryAttachment()
    #expect(to.attachment.offloads == model.offloads)
    let relay = Relay()
    for round in 0..<60 {
      while to.guest.post([merges ? 1_600 : 12_000]) {}
      let (frame, offload) = Self.frame(&random)
      from.guest.send(frame, cuts: [12, 12 + Int.random(in: 1...200, using: &random)])
      _ = from.guest.rings[1].takeUsed()
      injected.inject(frame.bytes, offload: offload)
      relay.move(from: from.attachment, to: to.attachment)
      relay.move(from: injected, to: model)
      _ = from.guest.rings[1].takeUsed()
      #expect(relay.failures == [], "seed \(seed), round \(round)")
      let arrived = to.guest.receive()
      var expected: [MemoryAttachment.SentFrame] = []
      while let sent = model.takeSent() { expected.append(sent) }
      #expect(arrived.map(\.bytes) == expected.map(\.bytes), "seed \(seed), round \(round)")
      #expect(
        arrived.map { Array($0.header.prefix(10)) } == expected.map { Self.header($0.offload) },
        "seed \(seed), round \(round)")
    }
  }
}
