// From every kind of attachment to a device whose other side is the kernel's own stack: sockets get
// the payloads, and the stack's counters say that no checksum was wrong.

import Attachments
import FrameMemory
import Linux
import Rig
import Testing

@Suite("the kernel as the judge", .enabled(if: canMakeDevices, needsDevices), .serialized)
struct JudgeTests {
  static let pairs = AttachmentKind.pairs.filter { $0.1.isDevice }

  /// Two counters of the stack that concern checksums.
  struct Verdict: Equatable {
    var wrongChecksums = 0
    var tcpResets = 0
  }

  /// Sends frames from one kind to another whose device has addresses; the sockets are open by then.
  private func send(
    _ frames: [WireFrame], from source: AttachmentKind, to point: TransferPoint
  ) throws {
    let from = try TransferPoint(source: source, frames: frames)
    var transfer = Transfer()
    while transfer.received < frames.count,
      case .frames = transfer.move(from: from.attachment, to: point.attachment)
    {}
    #expect(transfer.received == frames.count && transfer.failures == [])
  }

  private func verdict(_ point: TransferPoint) throws -> Verdict {
    let text = try #require(point.namespace).run("cat /proc/net/snmp /proc/net/snmp6")
    var verdict = Verdict()
    let lines = text.split(separator: "\n").map { $0.split { $0 == " " || $0 == "\t" } }
    // /proc/net/snmp has a line of names and a line of numbers, snmp6 both on one line.
    for (names, numbers) in zip(lines, lines.dropFirst()) where names.first == numbers.first {
      for (name, number) in zip(names, numbers) {
        if name == "InCsumErrors" { verdict.wrongChecksums += Int(number) ?? 0 }
        if names[0] == "Tcp:", name == "OutRsts" { verdict.tcpResets = Int(number) ?? 0 }
      }
    }
    for line in lines where line.count == 2 && line[0].hasSuffix("InCsumErrors") {
      verdict.wrongChecksums += Int(line[1]) ?? 0
    }
    return verdict
  }

  @Test("payloads arrive at sockets, every checksum is right", arguments: pairs)
  func accepts(source: AttachmentKind, destination: AttachmentKind) throws {
    let point = try TransferPoint(destination: destination)
    let space = try #require(point.namespace)
    try space.address(point.farDevice, 2)
    let port = FrameShape.destinationPort
    let receivers = try [false, true].map {
      try TestSocket.receiver(.init(isIPv6: $0, host: 2, port: port), in: space.handle)
    }
    let shapes = FrameShape.all.filter {
      $0.vlan == nil && (source != .pcap || $0.work != .segmented)
    }
    let frames = shapes.enumerated().map { index, shape in
      let byteCount = shape.work == .segmented ? 5_500 : 700
      return shape.frame(
        identity: UInt16(2_000 + index),
        payload: (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &+ index) })
    }
    try send(frames, from: source, to: point)
    for (isIPv6, receiver) in zip([false, true], receivers) {
      let sent = zip(shapes, frames).filter { !$0.0.isTCP && $0.0.isIPv6 == isIPv6 }.map(\.1)
      let headerBytes = 14 + (isIPv6 ? 40 : 20) + 8
      let expected = sent.flatMap(SlowModel.finished).map { Array($0.dropFirst(headerBytes)) }
      #expect(expected.map { _ in receiver.receive(limitBytes: 65_536) } == expected)
    }
    // Nobody listens for TCP: the stack resets what it has checked and found right.
    let tcpFrames = shapes.count { $0.isTCP }
    let final = try verdict(point)
    #expect(final.wrongChecksums == 0)
    #expect(final.tcpResets >= tcpFrames)
  }

  @Test("the judge finds a wrong checksum", arguments: [true, false], [true, false])
  func isStrict(isTCP: Bool, isIPv6: Bool) throws {
    let point = try TransferPoint(destination: .packet)
    let space = try #require(point.namespace)
    try space.address(point.farDevice, 2)
    let address = TestAddress(isIPv6: isIPv6, host: 2, port: FrameShape.destinationPort)
    let receiver = try TestSocket.receiver(address, in: space.handle)
    var frame = FrameShape(isTCP: isTCP, isIPv6: isIPv6).frame(identity: 1, payload: [1, 2, 3, 4])
    frame.bytes[frame.bytes.count - 1] ^= 1
    try send([frame], from: .memory, to: point)
    #expect(try verdict(point) == Verdict(wrongChecksums: 1, tcpResets: 0))
    withExtendedLifetime(receiver) {}
  }
}
