// Capture files: what is read, what is refused, and what a full disk does.

import Attachments
import Base
import FrameMemory
import Linux
import Testing
import Wire

@Suite("capture files") struct PcapTests {
  private let file = TemporaryFile("pcap")

  private var frames: [[UInt8]] {
    (0..<5).map { FrameShape(vlan: 7).frame(identity: UInt16($0), payload: [1, 2, 3]).bytes }
  }

  @Test("time stamps are nanoseconds, whatever the file has", arguments: [true, false])
  func timestamps(hasNanoseconds: Bool) throws {
    try write(
      frames, to: file.path, magic: hasNanoseconds ? 0xA1B2_3C4D : 0xA1B2_C3D4,
      fraction: hasNanoseconds ? 987_654_321 : 987_654)
    let reader = try PcapReader(path: file.path)
    var batch = FrameBatch(capacity: 8, frameCapacityBytes: 2_048)
    #expect(reader.receive(into: &batch, port: PortIndex(0), limit: 2) == .frames(2))
    #expect(reader.receive(into: &batch, port: PortIndex(0), limit: 9) == .frames(3))
    let fraction: UInt64 = hasNanoseconds ? 987_654_321 : 987_654_000
    #expect(
      (0..<3).map { reader.timestampNanoseconds($0) }
        == (2..<5).map { (1_600_000_000 + $0) * 1_000_000_000 + fraction })
    #expect(batch[0].tag == .init(vlan: 7) && batch[0].byteCount == 57)
    #expect(reader.receive(into: &batch, port: PortIndex(0), limit: 9) == .gone)
    #expect(reader.readError == nil)
  }

  @Test("records that were cut short are counted, the others read")
  func truncated() throws {
    let long = FrameShape().frame(identity: 1, payload: [UInt8](repeating: 1, count: 500)).bytes
    try write([frames[0], long, frames[1], long], to: file.path, cutAt: 96)
    let reader = try PcapReader(path: file.path)
    var batch = FrameBatch(capacity: 8)
    #expect(reader.receive(into: &batch, port: PortIndex(0), limit: 8) == .frames(2))
    #expect(reader.truncatedFrames == 2 && reader.receiveDrops.malformed == 2)
  }

  @Test("frames larger than a slot are counted")
  func oversize() throws {
    let long = FrameShape().frame(identity: 1, payload: [UInt8](repeating: 1, count: 500)).bytes
    try write([long, frames[1]], to: file.path)
    let reader = try PcapReader(path: file.path)
    var batch = FrameBatch(capacity: 8, frameCapacityBytes: 128)
    #expect(reader.receive(into: &batch, port: PortIndex(0), limit: 8) == .frames(1))
    #expect(reader.receiveDrops.oversize == 1)
  }

  @Test("a file that ends in the middle of a record is read up to there, and says so")
  func damaged() throws {
    try write(frames, to: file.path)
    let bytes = try readFile(file.path, limitBytes: 1 << 20)
    try AtomicFile.write(Array(bytes.dropLast(10)), to: file.path)
    let reader = try PcapReader(path: file.path)
    var batch = FrameBatch(capacity: 8)
    #expect(reader.receive(into: &batch, port: PortIndex(0), limit: 8) == .frames(4))
    #expect(reader.receive(into: &batch, port: PortIndex(0), limit: 8) == .gone)
    #expect(reader.readError?.contains("truncated") == true)
  }

  @Test("another link type, no file and no capture file are refused in words")
  func refuses() throws {
    try write([], to: file.path, linkType: 113)
    let cooked = #expect(throws: Failure.self) { try PcapReader(path: file.path) }
    #expect(cooked?.why == "its link type is Linux cooked v1, not Ethernet")
    #expect(cooked?.remedy == "capture on one device instead of `any`")
    try write([], to: file.path, linkType: 9_999)
    let unknown = #expect(throws: Failure.self) { try PcapReader(path: file.path) }
    #expect(unknown?.why == "its link type is number 9999, not Ethernet")
    try AtomicFile.write([1, 2, 3, 4, 5, 6, 7, 8], to: file.path)
    let garbage = #expect(throws: Failure.self) { try PcapReader(path: file.path) }
    #expect(garbage?.what == "cannot read capture file \(file.path)")
    let missing = #expect(throws: Failure.self) { try PcapReader(path: "/nowhere/a.pcap") }
    #expect(missing?.why.contains("No such file") == true)
    let unwritable = #expect(throws: Failure.self) {
      try PcapWriter(path: "/nowhere/a.pcap") { 0 }
    }
    #expect(unwritable?.why.contains("No such file") == true)
  }

  @Test("what is written is read back, byte for byte and to the nanosecond")
  func roundTrip() throws {
    try write(frames, to: file.path)
    let copy = TemporaryFile("pcap")
    let writer = try PcapWriter(path: copy.path) { 1_700_000_000_123_456_789 }
    var transfer = Transfer()
    transfer.move(from: try PcapReader(path: file.path), to: writer)
    #expect(transfer.failures == [])
    // The file is whole between two rounds, while the writer is still open.
    let memory = MemoryAttachment()
    let reader = try PcapReader(path: copy.path)
    transfer.move(from: reader, to: memory)
    #expect(memory.takeAllSent().map(\.bytes) == frames)
    #expect(reader.timestampNanoseconds(4) == 1_700_000_000_123_456_789)
    #expect(writer.byteCount == UInt64(try readFile(copy.path, limitBytes: 1 << 20).count))
  }

  @Test("at its limit a file is full, and whole")
  func limit() throws {
    try write(frames, to: file.path)
    let copy = TemporaryFile("pcap")
    let recordBytes = UInt64(frames[0].count + 16)
    let writer = try PcapWriter(path: copy.path, limitBytes: 24 + 3 * recordBytes + 5) { 0 }
    var transfer = Transfer()
    transfer.move(from: try PcapReader(path: file.path), to: writer)
    #expect(transfer.failures == [.attachmentFull, .attachmentFull])
    #expect(!transfer.lastTransmit.isGone)
    #expect(try readFile(copy.path, limitBytes: 1 << 20).count == Int(24 + 3 * recordBytes))
  }

  @Test("a full disk: nothing of the round counts as sent, and the port is gone")
  func fullDisk() throws {
    try write(frames, to: file.path)
    let writer = try PcapWriter(path: "/dev/full") { 0 }
    var transfer = Transfer()
    transfer.move(from: try PcapReader(path: file.path), to: writer)
    #expect(transfer.failures == [DropReason](repeating: .portDown, count: 5))
    #expect(transfer.lastTransmit == TransmitResult(failures: 5, isGone: true))
    #expect(writer.receive(into: &transfer.batch, port: PortIndex(0), limit: 1) == .gone)
  }

  @Test("a file that is read takes no frame")
  func readOnly() throws {
    try write(frames, to: file.path)
    let memory = MemoryAttachment()
    memory.inject(frames[0])
    var transfer = Transfer()
    transfer.move(from: memory, to: try PcapReader(path: file.path))
    #expect(transfer.failures == [.portDown])
  }
}
