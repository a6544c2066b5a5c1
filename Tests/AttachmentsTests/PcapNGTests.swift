// pcapng: what is written is read by tshark, tcpdump and libpcap, and by the parser of the client.

import Attachments
import Base
import FrameMemory
import Glibc
import Linux
import Testing
import Wire

@Suite("pcapng") struct PcapNGTests {
  private let file = TemporaryFile("pcapng")
  private static let time: UInt64 = 1_700_000_000_123_456_789

  private func plain(_ identity: UInt16, bytes: Int = 3) -> [UInt8] {
    FrameShape().frame(identity: identity, payload: [UInt8](repeating: 7, count: bytes)).bytes
  }

  /// Three frames: plain inbound, tagged with a comment, and cut.
  private func sample() throws -> [UInt8] {
    var writer = PcapNGWriter(snapBytes: 96)
    let port = writer.addInterface("web1/eth0 portIn")
    let uplink = writer.addInterface("uplink1 uplinkOut")
    let written = [
      writer.append(
        plain(1).rawSpan, timeNanoseconds: Self.time, interface: port ?? 9, direction: .inbound),
      writer.append(
        plain(2).rawSpan, tag: VLANTag(vlan: 7, priority: 5), timeNanoseconds: Self.time + 1,
        interface: port ?? 9, direction: .outbound, comment: "drop: forgedTransmit"),
      writer.append(
        plain(3, bytes: 500).rawSpan, tag: VLANTag(vlan: 9), frameBytes: 60_000,
        timeNanoseconds: Self.time + 2_000_000_000, interface: uplink ?? 9,
        comment: "ä comment, of 20 bytes"),
      writer.appendStatistics(
        interface: uplink ?? 9, seenFrames: 11, lostFrames: 10, timeNanoseconds: Self.time),
    ]
    #expect(port == 0 && uplink == 1)
    #expect(written == [true, true, true, true])
    return writer.takeBytes()
  }

  @Test(
    "tshark reads comments, directions, interfaces, lengths, tags and nanoseconds",
    .enabled(if: hasTshark, needsTshark))
  func tshark() throws {
    try AtomicFile.write(try sample(), to: file.path)
    let names = [
      "frame.comment", "frame.interface_name", "frame.p2p_dir", "frame.len", "frame.cap_len",
      "vlan.id", "vlan.priority", "frame.time_epoch", "frame.packet_flags_direction",
    ]
    let command = ["tshark", "-n", "-r", file.path, "-T", "fields", "-E", "separator=|"]
    let report = try ChildProcess.run(.init(command + names.flatMap { ["-e", $0] }))
    #expect(report.ending.isSuccess, "\(report.errors)")
    let rows = report.output.split(separator: "\n").map {
      $0.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    }
    let length = plain(1).count
    #expect(
      rows == [
        [
          "", "web1/eth0 portIn", "1", "\(length)", "\(length)", "", "",
          "1700000000.123456789", "0x00000001",
        ],
        [
          "drop: forgedTransmit", "web1/eth0 portIn", "0", "\(length + 4)", "\(length + 4)", "7",
          "5", "1700000000.123456790", "0x00000002",
        ],
        [
          "ä comment, of 20 bytes", "uplink1 uplinkOut", "", "60004", "96", "9", "0",
          "1700000002.123456789", "",
        ],
      ])
  }

  @Test("tcpdump and libpcap read it too, tag and all")
  func libpcap() throws {
    try AtomicFile.write(try sample(), to: file.path)
    let report = try ChildProcess.run(
      .init(["tcpdump", "-n", "-e", "-r", file.path, "vlan 7"]))
    #expect(report.ending.isSuccess, "\(report.errors)")
    #expect(report.output.split(separator: "\n").count == 1)
    #expect(report.output.contains("vlan 7, p 5,"))
    let reader = try PcapReader(path: file.path)
    var batch = FrameBatch(capacity: 8)
    let received = reader.receive(into: &batch, port: PortIndex(0), limit: 8)
    try #require(received == .frames(2), "\(reader.readError ?? "")")
    #expect(batch[1].tag == VLANTag(vlan: 7, priority: 5))
    #expect(reader.truncatedFrames == 1)
  }

  @Test("a stream can be cut anywhere, and the parser reads what was written")
  func parses() throws {
    let bytes = try sample()
    for pieceBytes in [1, 7, 64, bytes.count] {
      var parser = PcapNGParser()
      var blocks: [PcapNGParser.Block] = []
      for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
        parser.feed(bytes[start..<min(start + pieceBytes, bytes.count)])
        while let block = try parser.next() { blocks.append(block) }
      }
      #expect(parser.waitingBytes == 0)
      #expect(blocks.flatMap(\.bytes) == bytes)
      #expect(
        blocks.map(\.content).filter { if case .frame = $0 { false } else { true } }
          == [
            .section, .interface(name: "web1/eth0 portIn", snapBytes: 96),
            .interface(name: "uplink1 uplinkOut", snapBytes: 96),
            .statistics(interface: 1, seenFrames: 11, lostFrames: 10),
          ])
      let frames = blocks.compactMap {
        if case .frame(let frame) = $0.content { frame } else { nil }
      }
      #expect(frames.map(\.interface) == [0, 0, 1])
      #expect(frames.map(\.direction) == [.inbound, .outbound, .unknown])
      #expect(frames.map(\.comment) == [nil, "drop: forgedTransmit", "ä comment, of 20 bytes"])
      #expect(frames.map(\.originalBytes) == [plain(1).count, plain(2).count + 4, 60_004])
      #expect(frames[0].bytes == plain(1))
      #expect(frames[2].bytes.count == 96)
      #expect(frames[1].timeNanoseconds == Self.time + 1)
    }
  }

  @Test("the tag is put back, whatever is kept", arguments: 1...40)
  func snaps(snapBytes: Int) throws {
    let tag = VLANTag(vlan: 7, priority: 5)
    var whole = plain(1)
    whole.insert(contentsOf: [0x81, 0, 0xA0, 7], at: 12)
    let runt = [UInt8](1...11)
    var writer = PcapNGWriter(snapBytes: snapBytes)
    let added = writer.addInterface("a")
    let interface = try #require(added)
    for bytes in [plain(1), runt] {
      let fits = writer.append(
        bytes.rawSpan, tag: tag, timeNanoseconds: 0, interface: interface)
      #expect(fits)
    }
    let frames = try Self.frames(of: writer.takeBytes())
    #expect(frames.map(\.bytes) == [Array(whole.prefix(snapBytes)), Array(runt.prefix(snapBytes))])
    #expect(frames.map(\.originalBytes) == [whole.count, 11])
  }

  @Test("a full buffer refuses and stays whole; taken or written out, it goes on")
  func fills() throws {
    var writer = PcapNGWriter(limitBytes: 4096)
    let added = writer.addInterface("a")
    let interface = try #require(added)
    let frame = plain(1, bytes: 400)
    var count = 0
    while writer.append(frame.rawSpan, timeNanoseconds: 0, interface: interface) { count += 1 }
    #expect((3..<10).contains(count))
    var all = writer.takeBytes()
    let again = writer.append(frame.rawSpan, timeNanoseconds: 1, interface: interface)
    #expect(again)
    // SAFETY: a C string for the call.
    let number = unsafe open(file.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    try writer.flush(to: Descriptor(owning: number))
    let left = writer.bytes.count
    #expect(left == 0)
    all += try readFile(file.path, limitBytes: 1 << 20)
    #expect(try Self.frames(of: all).count == count + 1)
  }

  @Test("words that are too long are cut between two characters")
  func longComments() throws {
    var writer = PcapNGWriter()
    let added = writer.addInterface(String(repeating: "n", count: 5000))
    let interface = try #require(added)
    let comment = "x" + String(repeating: "é", count: 2000)
    let fits = writer.append(
      plain(1).rawSpan, timeNanoseconds: 0, interface: interface, comment: comment)
    #expect(fits)
    let frames = try Self.frames(of: writer.takeBytes())
    #expect(frames[0].comment == "x" + String(repeating: "é", count: 511))
  }

  @Test("the same block about another interface")
  func renumbers() throws {
    var parser = PcapNGParser()
    parser.feed(try sample())
    var moved = PcapNGParser()
    while let block = try parser.next() { moved.feed(block.bytes(interface: 70_000)) }
    var seen: [Int] = []
    while let block = try moved.next() {
      if case .frame(let frame) = block.content { seen.append(frame.interface) }
      if case .statistics(let number, _, _) = block.content { seen.append(number) }
    }
    #expect(seen == [70_000, 70_000, 70_000, 70_000])
  }

  @Test("bytes that are wrong never trap the parser, and never make it hold more than a block")
  func survives() throws {
    let bytes = try sample()
    for seed in 0..<2000 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      var wrong = bytes
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        wrong[Int.random(in: 0..<wrong.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      var parser = PcapNGParser()
      parser.feed(wrong)
      do { while try parser.next() != nil {} } catch { continue }
    }
    var parser = PcapNGParser()
    parser.feed(Array("HTTP/1.1 200 OK\r\n".utf8))
    let failure = #expect(throws: Failure.self) { try parser.next() }
    #expect(failure?.why == "it has no header")
  }

  private static func frames(of bytes: [UInt8]) throws -> [PcapNGParser.Frame] {
    var parser = PcapNGParser()
    parser.feed(bytes)
    var frames: [PcapNGParser.Frame] = []
    while let block = try parser.next() {
      if case .frame(let frame) = block.content { frames.append(frame) }
    }
    #expect(parser.waitingBytes == 0)
    return frames
  }
}
