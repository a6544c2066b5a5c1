// One kind of attachment with its far side: where a test puts frames in, and sees what came out.
//
//   far side                        attachment under test
//   packet socket on the TAP    ->  TAP
//   packet socket on a veth     ->  packet socket on its peer
//   file, written or read       ->  pcap
//   the rings themselves        ->  memory

import Attachments
import Base
import FrameMemory
import Glibc
import Linux
import Rig

enum AttachmentKind: CaseIterable {
  case tap, packet, pcap, memory

  static var pairs: [(AttachmentKind, AttachmentKind)] {
    allCases.flatMap { source in allCases.map { (source, $0) } }
  }

  var isDevice: Bool { self == .tap || self == .packet }
}

/// An attachment and its far side.
final class TransferPoint {
  let attachment: any Attachment
  private let far: any Attachment
  private let file: TemporaryFile?
  let namespace: TestNamespace?

  /// A place to send from. A file has its frames from the start.
  init(source kind: AttachmentKind, frames: [WireFrame]) throws {
    (namespace, file) = (try kind.namespace(), kind.file())
    switch kind {
    case .tap, .packet: (attachment, far) = try kind.devices(namespace!)
    case .pcap:
      try write(frames.map(SlowModel.completed), to: file!.path)
      attachment = try PcapReader(path: file!.path)
      far = MemoryAttachment()
      return
    case .memory:
      attachment = MemoryAttachment(capacity: frames.count)
      far = attachment
    }
    try inject(frames)
  }

  /// A place to send to.
  init(destination kind: AttachmentKind) throws {
    (namespace, file) = (try kind.namespace(), kind.file())
    switch kind {
    case .tap, .packet: (attachment, far) = try kind.devices(namespace!)
    case .pcap:
      attachment = try PcapWriter(path: file!.path) { 1_700_000_000_123_456_789 }
      far = MemoryAttachment()
    case .memory:
      attachment = MemoryAttachment(capacity: 256)
      far = attachment
    }
  }

  private func inject(_ frames: [WireFrame]) throws {
    if let memory = attachment as? MemoryAttachment {
      for frame in frames { memory.inject(frame.bytes, offload: frame.offload) }
      return
    }
    let memory = MemoryAttachment(capacity: frames.count)
    for frame in frames { memory.inject(frame.bytes, offload: frame.offload) }
    var transfer = Transfer()
    transfer.move(from: memory, to: far)
    precondition(transfer.failures == [], "the far side takes every frame")
  }

  /// The device on the far side, for the kernel's own stack.
  var farDevice: String { attachment is TapAttachment ? "tap0" : "v1" }

  /// The file that the frames went to.
  var path: String { file!.path }

  /// Everything that arrived until nothing more does.
  func collect() throws -> [WireFrame] {
    if let memory = attachment as? MemoryAttachment { return memory.takeAllSent() }
    var source = far
    if attachment is PcapWriter { source = try PcapReader(path: path) }
    let memory = MemoryAttachment(capacity: 512)
    var transfer = Transfer()
    // Sending into a device returns when the other end has it, so what is not there is lost.
    while case .frames = transfer.move(from: source, to: memory) {}
    return memory.takeAllSent()
  }
}

extension AttachmentKind {
  fileprivate func namespace() throws -> TestNamespace? {
    isDevice ? try TestNamespace() : nil
  }

  fileprivate func file() -> TemporaryFile? { self == .pcap ? TemporaryFile("pcap") : nil }

  fileprivate func devices(_ namespace: TestNamespace) throws -> (any Attachment, any Attachment) {
    if self == .tap {
      let tap = TapAttachment(try TapDevice.open(name: "tap0", namespace: namespace.handle))
      try namespace.run("ip link set tap0 up")
      return (
        tap, PacketAttachment(try PacketSocket(device: "tap0", namespace: namespace.handle))
      )
    }
    try namespace.run("ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up")
    return (
      PacketAttachment(try PacketSocket(device: "v0", namespace: namespace.handle)),
      PacketAttachment(try PacketSocket(device: "v1", namespace: namespace.handle))
    )
  }
}

/// A file name of the test's own; the file is removed at the end.
final class TemporaryFile {
  let path: String

  init(_ ending: String) {
    path = "/tmp/martlet-\(getpid())-\(MonotonicClock.now().nanoseconds).\(ending)"
  }

  // SAFETY: a C string for the call.
  deinit { unsafe unlink(path) }
}

/// Writes a capture file byte by byte, without the modules under test.
func write(
  _ frames: [[UInt8]], to path: String, linkType: UInt32 = 1, cutAt limit: Int = .max,
  magic: UInt32 = 0xA1B2_3C4D, fraction: UInt32 = 987_654_321
) throws {
  func little(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> ($0 * 8) & 0xFF) } }
  var bytes = little(magic) + [2, 0, 4, 0] + little(0) + little(0) + little(70_000)
  bytes += little(linkType)
  for (index, frame) in frames.enumerated() {
    bytes += little(1_600_000_000 + UInt32(index)) + little(fraction)
    bytes += little(UInt32(min(frame.count, limit))) + little(UInt32(frame.count))
    bytes += frame.prefix(limit)
  }
  try AtomicFile.write(bytes, to: path)
}
