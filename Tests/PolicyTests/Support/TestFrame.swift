// The frames that a test sends, and what became of a frame where tcpdump saw it.
//
//   destination  source  [type + control information of each tag]  type  "MPOL" mark  zeros
//
// The type is 0x88B5, which IEEE 802 leaves to experiments, unless a test wants another; frames of the
// kernels on the same wires have no mark and are told apart by it. The offset of the mark is looked for,
// so that a frame is found with whatever tags a switch puts or takes.

import Base
import Wire

/// A frame as a test makes it.
struct TestFrame: Hashable {
  var destination = MACAddress.broadcast
  var source: MACAddress
  /// Types and control information, outermost first: what the guest or the wire puts on by itself.
  var tags: [TestTag] = []
  var etherType: UInt16 = 0x88B5
  /// Of an untagged frame, from the destination to the last byte.
  var byteCount = 60
  /// What follows the type, before the mark: the headers of another protocol.
  var head: [UInt8] = []

  init(to destination: MACAddress = .broadcast, from source: MACAddress, tags: [TestTag] = []) {
    self.destination = destination
    self.source = source
    self.tags = tags
  }

  static let magic: [UInt8] = Array("MPOL".utf8)

  func bytes(mark: UInt32) -> [UInt8] {
    var bytes = big(destination.rawValue, 6) + big(source.rawValue, 6)
    for tag in tags {
      bytes += big(UInt64(tag.type), 2) + big(UInt64(tag.controlInformation), 2)
    }
    bytes += big(UInt64(etherType), 2) + head + Self.magic + big(UInt64(mark), 4)
    let length = byteCount + 4 * tags.count
    return bytes + Array(repeating: 0, count: max(0, length - bytes.count))
  }
}

/// A tag in the bytes of a frame.
struct TestTag: Hashable, CustomStringConvertible {
  var type: UInt16 = 0x8100
  var controlInformation: UInt16

  init(type: UInt16 = 0x8100, controlInformation: UInt16) {
    self.type = type
    self.controlInformation = controlInformation
  }

  static func vlan(_ id: UInt16, priority: UInt16 = 0) -> TestTag {
    TestTag(controlInformation: priority << 13 | id)
  }

  var description: String {
    "\(String(type, radix: 16)):vlan \(controlInformation & 0xFFF) prio \(controlInformation >> 13)"
  }
}

/// A marked frame as it was seen.
struct SeenFrame: Hashable, CustomStringConvertible {
  var destination: MACAddress
  var source: MACAddress
  var tags: [TestTag] = []
  var etherType: UInt16
  var mark: UInt32
  var byteCount: Int

  /// Nil for a frame that no test sent.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 22, let at = Self.place(of: TestFrame.magic, in: bytes) else { return nil }
    let span = bytes.rawSpan
    guard at + 8 <= bytes.count else { return nil }
    destination = span.macAddress(at: 0)
    source = span.macAddress(at: 6)
    var offset = 12
    while [0x8100, 0x88A8].contains(span.big16(offset)), offset + 6 <= bytes.count {
      tags.append(
        TestTag(type: span.big16(offset), controlInformation: span.big16(offset + 2)))
      offset += 4
    }
    etherType = span.big16(offset)
    mark = span.big32(at + 4)
    byteCount = bytes.count
  }

  private static func place(of words: [UInt8], in bytes: [UInt8]) -> Int? {
    (14...max(14, min(bytes.count - words.count, 200))).first {
      $0 + words.count <= bytes.count && Array(bytes[$0..<$0 + words.count]) == words
    }
  }

  var description: String {
    "#\(mark) \(source) > \(destination) \(tags) \(String(etherType, radix: 16)) \(byteCount) bytes"
  }
}

/// A number as bytes in network order.
func big(_ value: UInt64, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
}
