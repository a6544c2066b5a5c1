// Metadata that lies, frames that cannot be cut: all are counted, none is sent, nothing traps.

import Attachments
import Base
import FrameMemory
import Testing

/// A frame whose bytes or metadata were made wrong in one way.
struct BrokenFrame: Sendable, CustomStringConvertible {
  let description: String
  let shape: FrameShape
  let damage: @Sendable (inout WireFrame) -> Void

  init(
    _ description: String, _ shape: FrameShape = FrameShape(work: .segmented),
    _ damage: @escaping @Sendable (inout WireFrame) -> Void
  ) {
    self.description = description
    self.shape = shape
    self.damage = damage
  }

  var frame: WireFrame {
    var frame = shape.frame(identity: 1, payload: [UInt8](repeating: 1, count: 3_000))
    damage(&frame)
    return frame
  }

  static let all = [
    BrokenFrame("checksum field behind the end") { $0.offload.checksumOffset = 60_000 },
    BrokenFrame("checksum start behind the end") { $0.offload.checksumStart = 60_000 },
    BrokenFrame("checksum start beyond any frame") { $0.offload.checksumStart = .max },
    BrokenFrame("checksum start in the Ethernet header") { $0.offload.checksumStart = 13 },
    BrokenFrame("checksum start in the tag", FrameShape(vlan: 7, work: .needsChecksum)) {
      $0.offload.checksumStart = 15
    },
    BrokenFrame("checksum start not at the TCP header") { $0.offload.checksumStart += 2 },
    BrokenFrame("checksum offset of UDP in a TCP frame") { $0.offload.checksumOffset = 6 },
    BrokenFrame("no segment size") { $0.offload.segmentBytes = 0 },
    BrokenFrame("fragmentation offload") { $0.offload.segmentation = .udpFragment },
    BrokenFrame("IPv6 segmentation of an IPv4 frame") { $0.offload.segmentation = .tcp6 },
    BrokenFrame("UDP segmentation of a TCP frame") { $0.offload.segmentation = .udp },
    BrokenFrame("not IP") { $0.bytes[12] = 0x86 },
    BrokenFrame("wrong IP version") { $0.bytes[14] = 0x65 },
    BrokenFrame("IPv4 header too short") { $0.bytes[14] = 0x44 },
    BrokenFrame("IPv4 header longer than the packet") {
      $0.bytes[14] = 0x4F
      $0.bytes.replaceSubrange(16..<18, with: [0, 40])
    },
    BrokenFrame("IPv4 fragment") { $0.bytes[20] |= 0x20 },
    BrokenFrame("IPv4 longer than the frame") { $0.bytes[16] = 0xFF },
    BrokenFrame("TCP header too short") { $0.bytes[46] = 0x40 },
    BrokenFrame("TCP header longer than the packet") {
      $0.bytes[46] = 0xF0
      $0.bytes.replaceSubrange(16..<18, with: [0, 44])
    },
    BrokenFrame("IPv6 fragment", FrameShape(isIPv6: true, work: .segmented)) { $0.bytes[20] = 44 },
    BrokenFrame("IPv6 longer than the frame", FrameShape(isIPv6: true, work: .segmented)) {
      $0.bytes[18] = 0xFF
    },
    BrokenFrame("cut in the Ethernet header") { $0.bytes.removeSubrange(13...) },
    BrokenFrame("cut in the IP header") { $0.bytes.removeSubrange(30...) },
    BrokenFrame("nothing but tags") {
      $0.bytes.replaceSubrange(12..., with: (0..<200).flatMap { _ in [0x81, 0, 0, 7] as [UInt8] })
    },
  ]
}

@Suite("malformed offload metadata") struct OffloadRefusalTests {
  @Test("a broken frame is counted as malformed and not received", arguments: BrokenFrame.all)
  func isCounted(broken: BrokenFrame) {
    let source = MemoryAttachment(capacity: 2)
    let destination = MemoryAttachment(offloads: [], capacity: 64)
    let good = FrameShape().frame(identity: 2, payload: [1])
    var transfer = Transfer()
    #expect(source.inject(broken.frame.bytes, offload: broken.frame.offload))
    #expect(source.inject(good.bytes))
    #expect(transfer.move(from: source, to: destination) == .frames(1))
    #expect(source.receiveDrops.malformed == 1)
    #expect(source.receiveDrops[.malformed] == 1 && source.receiveDrops.total == 1)
    #expect(destination.takeAllSent() == [good])
  }

  @Test("a broken frame that is in the batch all the same is refused at the egress")
  func isRefusedAtEgress() {
    for broken in BrokenFrame.all where broken.frame.bytes.count >= 18 {
      var transfer = Transfer()
      let frame = broken.frame
      // SAFETY: octets; the span is used only during the call.
      unsafe transfer.batch.append(
        copying: frame.bytes.span.bytes, ingress: Transfer.source, offload: frame.offload)
      let destination = MemoryAttachment(offloads: [], capacity: 64)
      transfer.send(to: destination)
      if broken.description == "checksum start in the tag" { continue }
      #expect(transfer.failures == [.checksum], "\(broken)")
      #expect(destination.sentCount == 0, "\(broken)")
    }
  }

  @Test("too many segments, or segments too large for IP, are refused")
  func limits() {
    let shape = FrameShape(work: .segmented)
    let payload = [UInt8](repeating: 7, count: 60_000)
    for (segmentBytes, expected) in [(1, DropReason.checksum), (43, .checksum), (44, nil)] {
      let frame = shape.frame(identity: 1, payload: payload, segmentBytes: segmentBytes)
      let source = MemoryAttachment(capacity: 1)
      let destination = MemoryAttachment(
        offloads: [], capacity: 2_000, frameCapacityBytes: 256)
      var transfer = Transfer()
      #expect(source.inject(frame.bytes, offload: frame.offload))
      transfer.move(from: source, to: destination)
      #expect(transfer.failures == (expected.map { [$0] } ?? []))
      #expect(destination.sentCount == (expected == nil ? 1_364 : 0))
    }
  }

  @Test("random bytes with random metadata: received or counted, sent or marked, never a trap")
  func survivesAnything() {
    let seed: UInt64 = 0x6D61_7274_6C65_7403
    var random = SeededRandom(seed: seed)
    let source = MemoryAttachment(capacity: 8, frameCapacityBytes: 4_096)
    let destination = MemoryAttachment(offloads: [], capacity: 8_192, frameCapacityBytes: 4_096)
    var injected: UInt64 = 0
    var transfer = Transfer()
    for round in 0..<20_000 {
      var frame = FrameShape.all[round % 24].frame(
        identity: 1, payload: [UInt8](repeating: 0, count: Int.random(in: 0...400, using: &random)))
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        let at = Int.random(in: 12..<min(frame.bytes.count, 80), using: &random)
        frame.bytes[at] = UInt8.random(in: 0...255, using: &random)
      }
      if round % 3 == 0 { frame.bytes.removeLast(Int.random(in: 0..<40, using: &random)) }
      if round % 5 == 0 { frame.offload.checksumStart = .random(in: 0...(.max), using: &random) }
      if round % 7 == 0 { frame.offload.segmentBytes = .random(in: 0...(.max), using: &random) }
      if round % 11 == 0 { frame.offload.checksumOffset = .random(in: 0...100, using: &random) }
      if round % 13 == 0 { frame.offload.flags = .random(in: 0...(.max), using: &random) }
      #expect(source.inject(frame.bytes, offload: frame.offload))
      injected += 1
      let before = transfer.failures.count
      transfer.move(from: source, to: destination)
      #expect(
        transfer.failures.count - before <= 1
          && UInt64(transfer.received) + source.receiveDrops.total == injected,
        "seed \(seed) round \(round)")
      destination.discardSent()
    }
    #expect(source.receiveDrops.malformed > 1_000 && transfer.received > 5_000)
  }
}
