// Messages of the front end (QEMU docs/interop/vhost-user.rst, "Message specification"): in the byte order
// of the machine, because both ends are on it.
//
//   0        4      8       12
//   request  flags  length  payload ...        flags: version 1 in bits 0-1, bit 2 reply, bit 3 wants one

package import Linux

/// The requests that are understood.
package enum VhostRequest: UInt32, CaseIterable, Sendable {
  case getFeatures = 1
  case setFeatures = 2
  case setOwner = 3
  case resetOwner = 4
  case setMemoryTable = 5
  case setLogBase = 6
  case setLogDescriptor = 7
  case setRingSize = 8
  case setRingAddress = 9
  case setRingBase = 10
  case getRingBase = 11
  case setRingKick = 12
  case setRingCall = 13
  case setRingError = 14
  case getProtocolFeatures = 15
  case setProtocolFeatures = 16
  case getQueueCount = 17
  case setRingEnable = 18
  case sendRARP = 19
  case setMTU = 20
  case getMemorySlots = 36
  case addMemory = 37
  case removeMemory = 38
}

/// The header of a message.
package struct MessageHeader: Hashable, Sendable {
  package static let byteCount = 12
  /// The longest payload that is read; the longest that is understood has 264 bytes.
  package static let payloadBytesMax = 4_096
  private static let version: UInt32 = 1
  private static let replyFlag: UInt32 = 4
  private static let wantsReplyFlag: UInt32 = 8

  package var request: UInt32
  package var flags: UInt32
  package var payloadBytes: UInt32

  package init(request: UInt32, flags: UInt32, payloadBytes: UInt32) {
    self.request = request
    self.flags = flags
    self.payloadBytes = payloadBytes
  }

  /// Of a request, as a front end makes it.
  package init(_ request: VhostRequest, payloadBytes: Int, wantsReply: Bool = false) {
    self.init(
      request: request.rawValue, flags: Self.version | (wantsReply ? Self.wantsReplyFlag : 0),
      payloadBytes: UInt32(payloadBytes))
  }

  /// From twelve bytes.
  package init(_ bytes: [UInt8]) {
    var reader = PayloadReader(bytes)
    request = reader.word32()
    flags = reader.word32()
    payloadBytes = reader.word32()
  }

  package var isRequest: Bool { flags & 3 == Self.version && flags & Self.replyFlag == 0 }
  package var wantsReply: Bool { flags & Self.wantsReplyFlag != 0 }

  package var bytes: [UInt8] {
    PayloadWriter.words32([request, flags, payloadBytes])
  }

  /// The header of the answer.
  func reply(payloadBytes: Int) -> MessageHeader {
    MessageHeader(
      request: request, flags: Self.version | Self.replyFlag, payloadBytes: UInt32(payloadBytes))
  }
}

/// A whole message.
package struct VhostMessage: Sendable {
  package var header: MessageHeader
  package var payload: [UInt8]

  package init(header: MessageHeader, payload: [UInt8]) {
    self.header = header
    self.payload = payload
  }

  package var bytes: [UInt8] { header.bytes + payload }
}

/// Numbers out of a payload; zero beyond its end, which callers have checked.
package struct PayloadReader {
  private let bytes: [UInt8]
  private var offset = 0

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  private mutating func word(_ byteCount: Int) -> UInt64 {
    var value: UInt64 = 0
    for place in 0..<byteCount where offset + place < bytes.count {
      value |= UInt64(bytes[offset + place]) << UInt64(8 * place)
    }
    offset += byteCount
    return value
  }

  package mutating func word32() -> UInt32 { UInt32(word(4)) }
  package mutating func word64() -> UInt64 { word(8) }
}

/// Numbers into a payload.
package enum PayloadWriter {
  package static func words32(_ values: [UInt32]) -> [UInt8] {
    values.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
  }

  package static func words64(_ values: [UInt64]) -> [UInt8] {
    values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
  }
}

/// Descriptors that came with a message: closed unless somebody takes them.
package struct PassedDescriptors: ~Copyable {
  private var numbers: [Int32]

  /// Takes open descriptors over.
  package init(owning numbers: [Int32]) { self.numbers = numbers }

  deinit { for number in numbers { _ = Descriptor(owning: number) } }

  package var count: Int { numbers.count }

  /// The next one, in the order of sending; nil after the last.
  package mutating func take() -> Descriptor? {
    numbers.isEmpty ? nil : Descriptor(owning: numbers.removeFirst())
  }

  /// Adds those of the rest of a message.
  mutating func append(_ more: [Int32]) { numbers += more }
}
