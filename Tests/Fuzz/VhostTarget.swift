// A hostile vhost-user front end: any messages with any descriptors, and any bytes in memory and rings.
//
// The input is a program. A guest with two small rings is connected first (unless the first byte says not
// to), so that a few bytes in the right place reach deep. Nothing traps or hangs; who was cut off stays so
// until the end, and then neither receives nor is sent anything.

internal import Attachments
internal import Base
internal import CLinux
internal import FrameMemory
internal import Glibc
internal import Linux
internal import VhostUser

/// Reads an input to its end; zeroes follow.
struct FuzzReader: ~Escapable {
  private let bytes: RawSpan
  private var offset = 0

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) { self.bytes = bytes }

  var isAtEnd: Bool { offset >= bytes.byteCount }

  mutating func byte() -> UInt8 {
    guard !isAtEnd else { return 0 }
    defer { offset += 1 }
    return bytes.byte(offset)
  }

  mutating func number(_ byteCount: Int) -> UInt64 {
    (0..<byteCount).reduce(0) { value, _ in value << 8 | UInt64(byte()) }
  }

  mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }
}

/// Memory that all runs share.
@safe
// SAFETY: used by the one thread that fuzzes.
private final class SharedMemory: @unchecked Sendable {
  static let byteCount = 128 << 10
  static let shared = SharedMemory()

  let descriptor: Descriptor
  // SAFETY: mapped for the life of the process, and used by one thread.
  let start: UnsafeMutableRawPointer

  private init() {
    // SAFETY: a C string for the call; a mapping of the size of the file.
    descriptor = Descriptor(owning: unsafe clinux_memory_create("fuzz", UInt64(Self.byteCount)))
    unsafe start = mmap(
      nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.number, 0)
  }

  func clear() {
    // SAFETY: the whole mapping.
    unsafe memset(start, 0, Self.byteCount)
  }

  func store(_ bytes: [UInt8], at offset: Int) {
    for (place, byte) in bytes.enumerated() where offset + place < Self.byteCount {
      // SAFETY: checked.
      unsafe start.storeBytes(of: byte, toByteOffset: offset + place, as: UInt8.self)
    }
  }
}

/// One run: a port, its session, and the memory of its guest.
enum VhostTarget {
  static func run(_ bytes: RawSpan) {
    guard var program = try? VhostProgram() else { return }
    var reader = FuzzReader(bytes)
    let first = reader.byte()
    if first & 1 == 0 { program.connect(features: features(first)) }
    for _ in 0..<256 where !reader.isAtEnd { program.step(&reader) }
    program.finish()
  }

  private static func features(_ bits: UInt8) -> VirtioFeatures {
    var result: VirtioFeatures = [.checksum, .hostTSO4, .hostUSO]
    if bits & 2 != 0 { result.insert(.version1) }
    if bits & 4 != 0 { result.insert(.mergeableBuffers) }
    if bits & 8 != 0 { result.insert(.eventIndex) }
    if bits & 16 == 0 { result.insert(.indirect) }
    if bits & 32 != 0 { result.formUnion([.guestChecksum, .guestTSO4, .guestUSO4, .guestUSO6]) }
    if bits & 64 != 0 { result.insert(.logAll) }
    return result
  }
}

/// What runs a program.
private struct VhostProgram: ~Copyable {
  private let attachment: VhostUserAttachment
  private let session: FrontEndSession
  private var batch = FrameBatch(capacity: 8, frameCapacityBytes: 4_096)
  private var deliveries = DeliveryList(capacity: 16, portCapacity: 2)
  private var isOver = false

  init() throws {
    var settings = VhostUserSettings(name: "fuzz", path: "/nowhere")
    settings.limits.queuePairs = 2
    (attachment, session) = try VhostUserAttachment.unconnected(settings)
    SharedMemory.shared.clear()
  }

  mutating func connect(features: VirtioFeatures) {
    let memory = UInt64(SharedMemory.byteCount)
    send(.setFeatures, PayloadWriter.words64([features.rawValue]))
    send(
      .setProtocolFeatures, PayloadWriter.words64([ProtocolFeatures([.logSharedMemory]).rawValue]))
    // Guest and user addresses are those of the file, and two regions meet in the middle.
    send(
      .setMemoryTable,
      PayloadWriter.words32([2, 0])
        + PayloadWriter.words64([0, memory / 2, 0, 0])
        + PayloadWriter.words64([memory / 2, memory / 2, memory / 2, memory / 2]), passed: [1, 1])
    for ring in 0..<2 {
      let number = UInt32(ring)
      let start = UInt64(ring * 1_024)
      send(.setRingSize, PayloadWriter.words32([number, 8]))
      send(
        .setRingAddress,
        PayloadWriter.words32([number, 1])
          + PayloadWriter.words64([start, start + 256, start + 128, 4_096]))
      send(.setRingCall, PayloadWriter.words64([UInt64(ring)]), passed: [0])
      send(.setRingKick, PayloadWriter.words64([UInt64(ring)]), passed: [0])
    }
  }

  mutating func step(_ reader: inout FuzzReader) {
    let kind = reader.byte()
    switch kind & 7 {
    case 0, 1: poke(&reader)
    case 2: offer(&reader, kind)
    case 3, 4: receive()
    case 5: transmit(&reader)
    case 6: _ = attachment.prepareToSleep()
    default: message(&reader, kind)
    }
    if isOver { precondition(!attachment.isLinkUp, "who was cut off has a link") }
  }

  private func poke(_ reader: inout FuzzReader) {
    let offset = Int(reader.number(2)) * 2
    let count = Int(reader.byte() & 31)
    SharedMemory.shared.store(reader.bytes(count), at: offset)
  }

  /// A descriptor that is almost right, made available.
  private func offer(_ reader: inout FuzzReader, _ kind: UInt8) {
    let memory = SharedMemory.shared
    let ring = Int(kind >> 3 & 1) * 1_024
    let index = Int(reader.byte() & 15)
    let address = reader.number(2) * 2
    let length = UInt32(reader.number(2))
    let rest = UInt32(reader.byte() & 7) | UInt32(reader.byte() & 15) << 16
    memory.store(
      PayloadWriter.words64([address]) + PayloadWriter.words32([length, rest]),
      at: ring + index * 16)
    let available = UInt16(reader.byte())
    let heads = (0..<8).map { UInt32(($0 + index) & 15) }
    memory.store(heads.flatMap { [UInt8($0), 0] }, at: ring + 128 + 4)
    memory.store([UInt8(truncatingIfNeeded: available), 0], at: ring + 128 + 2)
  }

  private mutating func receive() {
    batch.removeAll()
    let result = attachment.receive(into: &batch, port: PortIndex(0), limit: 8)
    if case .frames(let count) = result { precondition(count == batch.count && count <= 8) }
    precondition(result != .gone, "a vhost-user port is never gone")
    if isOver { precondition(result == .idle, "who was cut off sends") }
  }

  private mutating func transmit(_ reader: inout FuzzReader) {
    let count = 14 + Int(reader.number(2) & 2_047)
    if batch.count == 0 { _ = batch.appendZeroed(byteCount: count, ingress: PortIndex(0)) }
    for frame in 0..<batch.count {
      deliveries.append(frame: UInt16(frame), to: PortIndex(1), tag: batch[frame].tag)
    }
    let result = attachment.transmit(batch, &deliveries, port: PortIndex(1))
    precondition(result.failures <= deliveries.count && !result.isGone)
    if isOver { precondition(result.failures == deliveries.count, "who was cut off receives") }
    deliveries.removeAll()
  }

  private mutating func message(_ reader: inout FuzzReader, _ kind: UInt8) {
    let request = UInt32(reader.byte() & 63)
    let count = Int(reader.byte() & 127)
    let passed = (0..<Int(kind >> 3 & 3)).map { _ in reader.byte() }
    let payload = reader.bytes(count)
    let claimed = kind & 128 != 0 ? UInt32(reader.byte()) : UInt32(count)
    let header = MessageHeader(
      request: request, flags: kind & 64 != 0 ? UInt32(reader.byte()) : 1, payloadBytes: claimed)
    send(VhostMessage(header: header, payload: payload), passed)
  }

  private mutating func send(_ request: VhostRequest, _ payload: [UInt8], passed: [UInt8] = []) {
    let header = MessageHeader(request, payloadBytes: payload.count)
    send(VhostMessage(header: header, payload: payload), passed)
  }

  private mutating func send(_ message: VhostMessage, _ passed: [UInt8]) {
    guard !isOver else { return }
    do throws(CutOffReason) {
      _ = try session.handle(
        message, PassedDescriptors(owning: passed.map { Self.descriptor($0) }))
    } catch {
      session.uninstall()
      isOver = true
    }
  }

  /// An eventfd, the memory, other memory, or something else.
  private static func descriptor(_ kind: UInt8) -> Int32 {
    switch kind & 3 {
    case 0: return clinux_event_create()
    case 1: return dup(SharedMemory.shared.descriptor.number)
    case 2:
      // SAFETY: a C string for the call.
      return unsafe clinux_memory_create("other", UInt64(kind) << 8)
    default: return clinux_epoll_create()
    }
  }

  mutating func finish() {
    session.uninstall()
    isOver = true
    receive()
    precondition(!attachment.isLinkUp, "a link without a front end")
  }
}
