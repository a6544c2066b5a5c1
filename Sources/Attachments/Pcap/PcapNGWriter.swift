// Writes pcapng: frames with the place and the direction in which each was seen, and a comment
// (draft-ietf-opsawg-pcapng-03; block types 0x0A0D0D0A, 1, 6 and 5).
//
// libpcap reads this format and writes only its own, which has no room for a comment, so the blocks
// are put together here. They are numbers in the byte order of the section, little-endian, in units
// of four bytes:
//
//   type   total length   body, options   padding to 4   total length
//
// Invariant: `bytes` ends with a whole block, and the section header is the first thing ever written:
// whatever is taken out, in pieces of any size, is a capture file so far.

internal import Base
public import Linux
public import Wire

/// Makes one section of a pcapng file, piece by piece: for a file, a pipe or the body of an answer.
///
/// - Thread: one at a time. Cost: a frame is copied once; room is made once, by `init`.
public struct PcapNGWriter: ~Copyable, Sendable {
  /// Which way a frame went, seen from the interface.
  public enum Direction: UInt32, Sendable, BitwiseCopyable {
    case unknown, inbound, outbound
  }

  /// Words beyond this are cut off; far more than a drop reason and a name need.
  public static let textBytesMax = 1024

  /// What was written and not yet taken; at most `limitBytes`.
  public private(set) var bytes: [UInt8]
  public let limitBytes: Int
  /// The most bytes kept of a frame; 0 keeps all. One for all interfaces: libpcap, and so tcpdump,
  /// refuses a file in which they differ.
  public let snapBytes: Int
  public private(set) var interfaceCount = 0

  /// Starts a section: its header is the first that comes out.
  ///
  /// - Parameter limitBytes: how much waits to be taken at most; what does not fit is refused.
  public init(limitBytes: Int = 1 << 20, snapBytes: Int = 0, application: String = "martlet") {
    precondition(limitBytes >= 4096, "room for a header and a frame")
    precondition(snapBytes >= 0 && snapBytes <= Int(Int32.max), "a number of bytes, or 0")
    self.snapBytes = snapBytes
    self.limitBytes = limitBytes
    bytes = []
    bytes.reserveCapacity(limitBytes)
    let start = open(PcapNGBlockType.section)
    put32(PcapNGBlockType.byteOrderMagic)
    put16(1)  // version 1.0
    put16(0)
    put32(.max)  // the length of the section is not known
    put32(.max)
    put(option: 4, application)  // shb_userappl
    close(start)
  }

  /// Describes the next place where frames are seen: Ethernet, with times in nanoseconds.
  ///
  /// - Returns: its number, in order from 0; `nil` when there is no room now.
  public mutating func addInterface(_ name: String) -> Int? {
    guard hasRoom(40 + Self.textBytesMax) else { return nil }
    let start = open(PcapNGBlockType.interface)
    put16(1)  // LINKTYPE_ETHERNET
    put16(0)
    put32(UInt32(snapBytes))
    put(option: 2, name)  // if_name
    put16(9)  // if_tsresol
    put16(1)
    put32(9)  // 10^-9 seconds, and three bytes of padding
    close(start)
    interfaceCount += 1
    return interfaceCount - 1
  }

  /// Writes a frame as it would be on a wire, its tag put back.
  ///
  /// - Shape: `frame` is the frame without its tag, or the start of it; `frameBytes` is how long all
  ///   of it is. `timeNanoseconds` counts from 1970.
  /// - Returns: false when there is no room now; then nothing was written.
  public mutating func append(
    _ frame: RawSpan, tag: VLANTag = .none, frameBytes: Int? = nil, timeNanoseconds: UInt64,
    interface: Int, direction: Direction = .unknown, comment: String? = nil
  ) -> Bool {
    precondition((0..<interfaceCount).contains(interface), "an interface that was added")
    let wire = WireLayout(frame, tag, frameBytes: frameBytes, snapBytes: snapBytes)
    guard hasRoom(64 + wire.keptBytes + Self.textBytesMax) else { return false }
    let start = open(PcapNGBlockType.packet)
    put32(UInt32(interface))
    put32(UInt32(truncatingIfNeeded: timeNanoseconds >> 32))
    put32(UInt32(truncatingIfNeeded: timeNanoseconds))
    put32(UInt32(wire.keptBytes))
    put32(UInt32(wire.originalBytes))
    put(frame, 0..<wire.headBytes)
    if wire.tagBytes > 0 {
      let control = tag.controlInformation
      let octets: [UInt8] = [0x81, 0x00, UInt8(control >> 8), UInt8(control & 0xFF)]
      bytes += octets.prefix(wire.tagBytes)
    }
    put(frame, wire.headBytes..<wire.headBytes + wire.tailBytes)
    pad()
    if let comment { put(option: 1, comment) }  // opt_comment
    if direction != .unknown {
      put16(2)  // epb_flags
      put16(4)
      put32(direction.rawValue)
    }
    close(start)
    return true
  }

  /// Says how many frames there were on an interface, and how many are not in the file.
  ///
  /// - Returns: false when there is no room now.
  public mutating func appendStatistics(
    interface: Int, seenFrames: UInt64, lostFrames: UInt64, timeNanoseconds: UInt64
  ) -> Bool {
    precondition((0..<interfaceCount).contains(interface), "an interface that was added")
    guard hasRoom(64) else { return false }
    let start = open(PcapNGBlockType.statistics)
    put32(UInt32(interface))
    put32(UInt32(truncatingIfNeeded: timeNanoseconds >> 32))
    put32(UInt32(truncatingIfNeeded: timeNanoseconds))
    for (option, count) in [(UInt16(4), seenFrames), (5, lostFrames)] {  // isb_ifrecv, isb_ifdrop
      put16(option)
      put16(8)
      put32(UInt32(truncatingIfNeeded: count))
      put32(UInt32(truncatingIfNeeded: count >> 32))
    }
    close(start)
    return true
  }

  /// Takes what was written so far; room for as much again is made.
  public mutating func takeBytes() -> [UInt8] {
    var taken: [UInt8] = []
    taken.reserveCapacity(limitBytes)
    swap(&taken, &bytes)
    return taken
  }

  /// Writes to a file, a pipe or a socket what was written so far, and waits until it is done.
  public mutating func flush(to descriptor: borrowing Descriptor) throws(Errno) {
    try descriptor.write(bytes)
    bytes.removeAll(keepingCapacity: true)
  }

  private func hasRoom(_ blockBytes: Int) -> Bool { bytes.count + blockBytes <= limitBytes }
}

/// What of a frame is kept, and where its tag goes.
private struct WireLayout {
  /// The addresses, before the tag.
  let headBytes: Int
  let tagBytes: Int
  let tailBytes: Int
  let originalBytes: Int

  var keptBytes: Int { headBytes + tagBytes + tailBytes }

  init(_ frame: RawSpan, _ tag: VLANTag, frameBytes: Int?, snapBytes: Int) {
    // A runt has no place for a tag; it is kept as it came.
    let isTagged = tag.isPresent && frame.byteCount >= 12
    let tag = isTagged ? VLANTag.byteCount : 0
    originalBytes = max(frameBytes ?? 0, frame.byteCount) + tag
    let limit = snapBytes == 0 ? Int.max : snapBytes
    headBytes = min(isTagged ? 12 : frame.byteCount, limit)
    tagBytes = min(tag, limit - headBytes)
    tailBytes = min(frame.byteCount - headBytes, limit - headBytes - tagBytes)
  }
}

// MARK: Blocks

/// The numbers of blocks.
enum PcapNGBlockType {
  static let section: UInt32 = 0x0A0D_0D0A
  static let byteOrderMagic: UInt32 = 0x1A2B_3C4D
  static let interface: UInt32 = 1
  static let statistics: UInt32 = 5
  static let packet: UInt32 = 6
}

extension PcapNGWriter {
  /// Begins a block; its length is filled in by `close`.
  private mutating func open(_ type: UInt32) -> Int {
    let start = bytes.count
    put32(type)
    put32(0)
    return start
  }

  private mutating func close(_ start: Int) {
    if bytes.count > start + 8 { put32(0) }  // opt_endofopt
    let total = UInt32(bytes.count - start + 4)
    put32(total)
    for index in 0..<4 {
      bytes[start + 4 + index] = UInt8(truncatingIfNeeded: total >> (8 * index))
    }
  }

  private mutating func put16(_ value: UInt16) {
    bytes.append(UInt8(truncatingIfNeeded: value))
    bytes.append(UInt8(value >> 8))
  }

  private mutating func put32(_ value: UInt32) {
    put16(UInt16(truncatingIfNeeded: value))
    put16(UInt16(value >> 16))
  }

  private mutating func put(_ frame: RawSpan, _ range: Range<Int>) {
    // SAFETY: a byte has no invalid pattern, and `extracting` checks the range.
    unsafe frame.extracting(range).withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
  }

  private mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }

  /// Text without a null at its end, cut between two characters when it is too long.
  private mutating func put(option: UInt16, _ text: String) {
    var text = text[...]
    while text.utf8.count > Self.textBytesMax { text.removeLast() }
    put16(option)
    put16(UInt16(text.utf8.count))
    bytes += text.utf8
    pad()
  }
}
