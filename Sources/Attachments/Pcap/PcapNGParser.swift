// Reads pcapng as it comes, in pieces of any size: what `PcapNGWriter` of another process sends.
//
// Not a reader of every capture file (that is `PcapReader`): it takes the blocks apart that this
// program writes, passes over the kinds that it does not know, and refuses another byte order, another
// clock and a block of more than a megabyte, so that a stream cannot make it hold more.

public import Base

/// Blocks of a pcapng stream, one after the other (draft-ietf-opsawg-pcapng-03).
///
/// - Thread: one at a time.
public struct PcapNGParser: Sendable {
  /// The largest block that is taken.
  public static let blockBytesMax = 1 << 20

  /// A frame with what was written beside it.
  public struct Frame: Hashable, Sendable {
    public var interface: Int
    public var timeNanoseconds: UInt64
    /// What was kept, tag included.
    public var bytes: [UInt8]
    public var originalBytes: Int
    public var direction = PcapNGWriter.Direction.unknown
    public var comment: String?
  }

  /// What a block says.
  public enum Content: Hashable, Sendable {
    case section
    case interface(name: String, snapBytes: Int)
    case frame(Frame)
    case statistics(interface: Int, seenFrames: UInt64, lostFrames: UInt64)
    case other
  }

  /// One block, and the bytes that it was read from.
  public struct Block: Hashable, Sendable {
    public var content: Content
    public var bytes: [UInt8]

    /// The same bytes about another interface; as they are for blocks that are about none.
    public func bytes(interface number: Int) -> [UInt8] {
      switch content {
      case .frame, .statistics:
        var bytes = bytes
        for index in 0..<4 { bytes[8 + index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
        return bytes
      default: return bytes
      }
    }
  }

  private var waiting: [UInt8] = []
  private var start = 0
  private var hasSection = false

  public init() {}

  /// Bytes that no whole block was made of yet.
  public var waitingBytes: Int { waiting.count - start }

  public mutating func feed(_ bytes: some Collection<UInt8>) {
    waiting.removeFirst(start)
    start = 0
    waiting += bytes
  }

  /// The next block; `nil` until more bytes have come.
  ///
  /// - Errors: this is no such stream, or a part of it is damaged; it stays so.
  public mutating func next() throws(Failure) -> Block? {
    guard waitingBytes >= 12 else { return nil }
    let type = Self.number(waiting, start)
    let total = Self.number(waiting, start + 4)
    if !hasSection, type != PcapNGBlockType.section { throw Self.damaged("it has no header") }
    guard total >= 12, total <= Self.blockBytesMax, total % 4 == 0 else {
      throw Self.damaged("a block has \(total) bytes")
    }
    guard waitingBytes >= total else { return nil }
    let bytes = Array(waiting[start..<start + Int(total)])
    guard Self.number(bytes, bytes.count - 4) == total else {
      throw Self.damaged("a block does not end where it says")
    }
    start += Int(total)
    hasSection = true
    return Block(content: try Self.content(type, bytes), bytes: bytes)
  }

  // MARK: One block

  private static func content(_ type: UInt32, _ bytes: [UInt8]) throws(Failure) -> Content {
    // Bodies start at 8 and end 4 before the end.
    let end = bytes.count - 4
    switch type {
    case PcapNGBlockType.section:
      guard end >= 24, number(bytes, 8) == PcapNGBlockType.byteOrderMagic else {
        throw damaged("its byte order is not this one's")
      }
      return .section
    case PcapNGBlockType.interface:
      guard end >= 16 else { throw damaged("an interface is too short") }
      return try interface(bytes, end)
    case PcapNGBlockType.packet:
      guard end >= 28 else { throw damaged("a frame is too short") }
      return .frame(try frame(bytes, end))
    case PcapNGBlockType.statistics:
      guard end >= 20 else { throw damaged("a statistic is too short") }
      var counts: [UInt16: UInt64] = [:]
      try options(bytes, 20..<end) { code, range in
        if range.count == 8 { counts[code] = wide(bytes, range.lowerBound) }
      }
      return .statistics(
        interface: Int(number(bytes, 8)), seenFrames: counts[4] ?? 0, lostFrames: counts[5] ?? 0)
    default: return .other
    }
  }

  private static func interface(_ bytes: [UInt8], _ end: Int) throws(Failure) -> Content {
    guard bytes[8] == 1, bytes[9] == 0 else { throw damaged("its link type is not Ethernet") }
    var name = ""
    // Without the option a stamp counts microseconds.
    var resolution: UInt8 = 6
    try options(bytes, 16..<end) { code, range in
      if code == 2 { name = String(decoding: bytes[range], as: UTF8.self) }
      if code == 9, let exponent = bytes[range].first { resolution = exponent }
    }
    guard resolution == 9 else { throw damaged("its times are not nanoseconds") }
    return .interface(name: name, snapBytes: Int(number(bytes, 12)))
  }

  private static func frame(_ bytes: [UInt8], _ end: Int) throws(Failure) -> Frame {
    let kept = Int(number(bytes, 20))
    let dataEnd = 28 + kept
    guard dataEnd <= end else { throw damaged("a frame is longer than its block") }
    var frame = Frame(
      interface: Int(number(bytes, 8)),
      timeNanoseconds: UInt64(number(bytes, 12)) << 32 | UInt64(number(bytes, 16)),
      bytes: Array(bytes[28..<dataEnd]), originalBytes: Int(number(bytes, 24)))
    try options(bytes, min(end, (dataEnd + 3) & ~3)..<end) { code, range in
      if code == 1 { frame.comment = String(decoding: bytes[range], as: UTF8.self) }
      if code == 2, range.count == 4 {
        frame.direction = .init(rawValue: number(bytes, range.lowerBound) & 3) ?? .unknown
      }
    }
    return frame
  }

  private static func options(
    _ bytes: [UInt8], _ range: Range<Int>, _ each: (UInt16, Range<Int>) -> Void
  ) throws(Failure) {
    var place = range.lowerBound
    while place + 4 <= range.upperBound {
      let code = UInt16(truncatingIfNeeded: number(bytes, place))
      let count = Int(number(bytes, place) >> 16)
      if code == 0 { return }
      guard place + 4 + count <= range.upperBound else {
        throw damaged("an option is longer than its block")
      }
      each(code, place + 4..<place + 4 + count)
      place += 4 + ((count + 3) & ~3)
    }
  }

  private static func number(_ bytes: [UInt8], _ place: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) }
  }

  private static func wide(_ bytes: [UInt8], _ place: Int) -> UInt64 {
    UInt64(number(bytes, place)) | UInt64(number(bytes, place + 4)) << 32
  }

  private static func damaged(_ why: String) -> Failure {
    Failure(
      "cannot read the capture", why: why,
      remedy: "check that both sides are the same version (`martlet version`)")
  }
}
