// Every ordered pair of attachment kinds, with every shape of frame, one transfer each way of
// looking: what arrives, finished by the slow model, is what was sent, finished by the slow model.

import Attachments
import FrameMemory
import Linux
import Testing

@Suite("every pair of attachments", .serialized) struct PairTests {
  private static let withDevices = AttachmentKind.pairs.filter { $0.isDevice || $1.isDevice }
  private static let withoutDevices = AttachmentKind.pairs.filter { !$0.isDevice && !$1.isDevice }

  @Test(
    "source and destination, 24 shapes of frames each, with devices",
    .enabled(if: canMakeDevices, needsDevices), arguments: withDevices)
  func transfersWithDevices(source: AttachmentKind, destination: AttachmentKind) throws {
    try transfer(source, destination)
  }

  @Test("source and destination, 24 shapes of frames each", arguments: withoutDevices)
  func transfersWithoutDevices(source: AttachmentKind, destination: AttachmentKind) throws {
    try transfer(source, destination)
  }

  private func transfer(_ source: AttachmentKind, _ destination: AttachmentKind) throws {
    // A file has no metadata: large frames cannot be in it.
    let shapes = FrameShape.all.filter { source != .pcap || $0.work != .segmented }
    let frames = shapes.enumerated().map { index, shape in
      let byteCount = shape.work == .segmented ? 30_303 : 701
      let payload = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 3 &+ index) }
      return shape.frame(identity: UInt16(1_000 + index), payload: payload)
    }
    let from = try TransferPoint(source: source, frames: frames)
    let to = try TransferPoint(destination: destination)
    var transfer = Transfer()
    while transfer.received < frames.count,
      case .frames = transfer.move(from: from.attachment, to: to.attachment)
    {}
    #expect(transfer.failures == [])
    #expect(from.attachment.receiveDrops == ReceiveDrops())
    let arrived = try to.collect()
    // All frames have one sender, so order is kept whatever was cut on the way.
    let finished = arrived.flatMap(SlowModel.finished)
    let expected = frames.flatMap(SlowModel.finished)
    #expect(finished.count == expected.count)
    for (index, (left, right)) in zip(finished, expected).enumerated() where left != right {
      Issue.record("frame \(index) differs")
    }
    expectOffloads(
      from.attachment.offloadCounters, to.attachment.offloadCounters, source, destination, shapes)
    if destination == .pcap {
      #expect(arrived.allSatisfy { $0.offload == .none })
      if hasTshark { try expectValidChecksums(to.path, frameCount: expected.count) }
    }
  }

  /// Large frames crossed as they were wherever the destination takes them.
  private func expectOffloads(
    _ received: OffloadCounters, _ sent: OffloadCounters, _ source: AttachmentKind,
    _ destination: AttachmentKind, _ shapes: [FrameShape]
  ) {
    let segmented = UInt64(shapes.count { $0.work == .segmented })
    let partial = UInt64(shapes.count { $0.work == .needsChecksum })
    #expect(received.segmentationReceived == segmented)
    if destination == .pcap {
      #expect(sent.segmentationDone == segmented)
      #expect(sent.segmentsMade == segmented * 31)
      #expect(sent.checksumDone == (source == .pcap ? 0 : partial))
    } else {
      #expect(sent.segmentationDone == 0 && sent.checksumDone == 0)
      #expect(sent.segmentationPassed == segmented)
    }
  }

  @Test(
    "tshark finds every checksum of a written file right",
    .enabled(if: hasTshark, needsTshark))
  func tsharkAgrees() throws {
    let frames = FrameShape.all.map {
      $0.frame(identity: 77, payload: [UInt8](repeating: 0x5A, count: 12_345))
    }
    let from = try TransferPoint(source: .memory, frames: frames)
    let to = try TransferPoint(destination: .pcap)
    var transfer = Transfer()
    transfer.move(from: from.attachment, to: to.attachment)
    #expect(transfer.failures == [])
    try expectValidChecksums(to.path, frameCount: frames.flatMap(SlowModel.finished).count)
  }
}

/// Asks tshark: every IPv4, TCP and UDP checksum is verified, and good.
func expectValidChecksums(_ path: String, frameCount: Int) throws {
  let report = try ChildProcess.run(
    .init([
      "tshark", "-r", path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o",
      "udp.check_checksum:TRUE", "-T", "fields", "-E", "separator=,", "-e", "ip.checksum.status",
      "-e", "tcp.checksum.status", "-e", "udp.checksum.status", "-e", "ip.version",
    ]))
  #expect(report.ending.isSuccess, "\(report.errors)")
  let lines = report.output.split(separator: "\n")
  #expect(lines.count == frameCount)
  // 1 is "good" (wireshark: epan/proto.h, PROTO_CHECKSUM_E_GOOD).
  let good: Set<Substring> = ["1,1,,4", "1,,1,4", ",1,,6", ",,1,6"]
  #expect(Set(lines).subtracting(good) == [])
}
