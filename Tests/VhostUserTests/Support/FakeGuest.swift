// A fake VM: memory, pairs of rings, and a front end that says where they are.
//
//   file    0 ................ rings, tables        2 MiB ........ buffers
//   guest   0x1_0000                                0x4000_0000 (two regions, one behind the other)
//   user    0x7000_0000_0000                        0x7100_0000_0000

internal import CLinux
import Glibc
import Linux
import VhostUser

/// A frame with its virtio-net header.
struct GuestFrame: Equatable {
  var header: [UInt8]
  var bytes: [UInt8]
}

/// What a fake VM is like.
struct GuestShape {
  var features: VirtioFeatures = [
    .version1, .mergeableBuffers, .indirect, .eventIndex, .protocolFeatures,
  ]
  var ringSize = 64
  var pairs = 1
  /// Where the rings go on: near the end they wrap around.
  var startIndex: UInt16 = 0
  var headerBytes: Int {
    features.isDisjoint(with: [.version1, .mergeableBuffers]) ? 10 : 12
  }
}

final class FakeGuest {
  static let ringsGuest: UInt64 = 0x1_0000
  static let ringsUser: UInt64 = 0x7000_0000_0000
  static let buffersGuest: UInt64 = 0x4000_0000
  static let buffersUser: UInt64 = 0x7100_0000_0000
  static let buffersOffset = 2 << 20
  static let buffersBytes = 24 << 20
  /// The buffers are two regions that meet here, in the middle of a page.
  static let split = 8 << 20
  static let tablesOffset = 1 << 20

  let shape: GuestShape
  let file: GuestFile
  private(set) var rings: [DriverRing] = []
  let kicks: [WakeupBell]
  let calls: [WakeupBell]
  var exchange: Exchange
  private var nextBuffer = 0
  private var nextTable = 0
  private var posted: [Int: [UInt16: [DriverRing.Piece]]] = [:]

  init(_ shape: GuestShape, _ exchange: @escaping Exchange) {
    self.shape = shape
    self.exchange = exchange
    file = GuestFile(byteCount: Self.buffersOffset + Self.buffersBytes)
    kicks = (0..<2 * shape.pairs).map { _ in WakeupBell() }
    calls = (0..<2 * shape.pairs).map { _ in WakeupBell() }
    makeRings(index: shape.startIndex)
  }

  private static let ringStride = 64 << 10

  /// As a driver that starts anew.
  func makeRings(index: UInt16) {
    posted = [:]
    rings = (0..<2 * shape.pairs).map {
      DriverRing(file, at: $0 * Self.ringStride, size: shape.ringSize, index: index)
    }
  }

  // MARK: - Messages

  @discardableResult
  func request(
    _ request: VhostRequest, _ payload: [UInt8] = [], _ descriptors: [Int32] = [],
    wantsReply: Bool = false
  ) throws -> [UInt8]? {
    let header = MessageHeader(request, payloadBytes: payload.count, wantsReply: wantsReply)
    return try exchange(VhostMessage(header: header, payload: payload), descriptors)
  }

  func connect() throws {
    try negotiate()
    try shareMemory()
    for ring in rings.indices { try start(ring) }
  }

  func negotiate() throws {
    try request(.setOwner)
    try request(.getFeatures)
    if shape.features.contains(.protocolFeatures) {
      try request(.getProtocolFeatures)
      try request(
        .setProtocolFeatures,
        PayloadWriter.words64([ProtocolFeatures([.replyAcknowledge, .logSharedMemory]).rawValue]))
    }
    try request(.setFeatures, PayloadWriter.words64([shape.features.rawValue]))
  }

  /// The regions as SET_MEM_TABLE has them.
  static let regions: [[UInt64]] = [
    [ringsGuest, UInt64(buffersOffset), ringsUser, 0],
    [buffersGuest, UInt64(split), buffersUser, UInt64(buffersOffset)],
    [
      buffersGuest + UInt64(split), UInt64(buffersBytes - split), buffersUser + UInt64(split),
      UInt64(buffersOffset + split),
    ],
  ]

  func shareMemory(_ regions: [[UInt64]] = FakeGuest.regions) throws {
    try request(
      .setMemoryTable,
      PayloadWriter.words32([UInt32(regions.count), 0])
        + PayloadWriter.words64(regions.flatMap { $0 }), regions.map { _ in file.passed() })
  }

  func addresses(of ring: Int, flags: UInt32 = 0, log: UInt64 = 0) -> [UInt8] {
    let driver = rings[ring]
    return PayloadWriter.words32([UInt32(ring), flags])
      + PayloadWriter.words64([
        Self.ringsUser + UInt64(driver.descriptors), Self.ringsUser + UInt64(driver.used),
        Self.ringsUser + UInt64(driver.available), log,
      ])
  }

  func start(_ ring: Int, base: UInt16? = nil) throws {
    let number = UInt32(ring)
    try request(.setRingSize, PayloadWriter.words32([number, UInt32(shape.ringSize)]))
    try request(
      .setRingBase, PayloadWriter.words32([number, UInt32(base ?? rings[ring].usedIndex)]))
    try request(.setRingAddress, addresses(of: ring))
    try request(.setRingKick, PayloadWriter.words64([UInt64(ring)]), [kicks[ring].passed()])
    try request(.setRingCall, PayloadWriter.words64([UInt64(ring)]), [calls[ring].passed()])
    if shape.features.contains(.protocolFeatures) {
      try request(.setRingEnable, PayloadWriter.words32([number, 1]))
    }
  }

  // MARK: - Memory

  /// A fresh piece of the buffers; they go round.
  func allocate(_ count: Int) -> DriverRing.Piece {
    if nextBuffer + count > Self.buffersBytes { nextBuffer = 0 }
    defer { nextBuffer += count }
    return DriverRing.Piece(address: Self.buffersGuest + UInt64(nextBuffer), count: count)
  }

  /// Room for a table of descriptors.
  func allocateTable(_ count: Int) -> (offset: Int, address: UInt64) {
    if nextTable + 16 * count > 512 << 10 { nextTable = 0 }
    defer { nextTable += 16 * count }
    let offset = Self.tablesOffset + nextTable
    return (offset, Self.ringsGuest + UInt64(offset))
  }

  static func offset(of address: UInt64) -> Int {
    buffersOffset + Int(address - buffersGuest)
  }

  func write(_ bytes: [UInt8], to pieces: [DriverRing.Piece]) {
    var done = 0
    for piece in pieces {
      let part = min(piece.count, bytes.count - done)
      file.store(bytes[done..<done + part], at: Self.offset(of: piece.address))
      done += part
    }
  }

  func read(_ pieces: [DriverRing.Piece], count: Int) -> [UInt8] {
    var result: [UInt8] = []
    for piece in pieces where result.count < count {
      result += file.bytes(
        at: Self.offset(of: piece.address), count: min(piece.count, count - result.count))
    }
    return result
  }

  // MARK: - Frames

  /// Puts a frame into the ring that this guest sends by, in as many pieces as `cuts` makes.
  @discardableResult
  func send(_ frame: GuestFrame, cuts: [Int] = [], indirect: Bool = false, ring: Int = 1) -> Bool {
    let bytes = frame.header + frame.bytes
    let ends = (cuts.filter { $0 > 0 && $0 < bytes.count } + [bytes.count]).sorted()
    var start = 0
    let pieces = ends.compactMap { end -> DriverRing.Piece? in
      defer { start = end }
      return end > start ? allocate(end - start) : nil
    }
    write(bytes, to: pieces)
    let table = indirect ? allocateTable(pieces.count) : nil
    return rings[ring].offer(pieces, writable: false, table: table) != nil
  }

  /// Posts a buffer to receive into.
  @discardableResult
  func post(_ sizes: [Int], indirect: Bool = false, ring: Int = 0) -> Bool {
    let pieces = sizes.map { allocate($0) }
    let table = indirect ? allocateTable(pieces.count) : nil
    guard let head = rings[ring].offer(pieces, writable: true, table: table) else { return false }
    posted[ring, default: [:]][head] = pieces
    return true
  }

  /// What arrived, put together again.
  func receive(ring: Int = 0) -> [GuestFrame] {
    var frames: [GuestFrame] = []
    var left = 0
    for (head, length) in rings[ring].takeUsed() {
      let pieces = posted[ring]?.removeValue(forKey: head) ?? []
      let bytes = read(pieces, count: length)
      if left > 0 {
        frames[frames.count - 1].bytes += bytes
        left -= 1
        continue
      }
      let header = Array(bytes.prefix(shape.headerBytes))
      frames.append(
        GuestFrame(header: header, bytes: Array(bytes.dropFirst(shape.headerBytes))))
      if shape.features.contains(.mergeableBuffers), header.count == 12 {
        left = Int(header[10]) + Int(header[11]) << 8 - 1
      }
    }
    return frames
  }
}

/// An eventfd of the guest's.
final class WakeupBell {
  private let event: Descriptor

  init() { event = Descriptor(owning: clinux_event_create()) }

  func passed() -> Int32 { dup(event.number) }
  func ring() { clinux_event_add(event.number) }
  /// Whether it was rung since the last time.
  func take() -> Bool { clinux_event_clear(event.number) == 0 }
}
