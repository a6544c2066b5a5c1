// What a datagram of a stream carries, and what its receiver makes of it.
//
//   0   magic      "MSTR"
//   4   stream     so that a stray datagram of an earlier run is not counted
//   8   sequence   from 0, without a gap
//   16  send time  nanoseconds of the monotonic clock, which is the same in all namespaces
//
// All numbers are big-endian. Lost is what the sender offered and nobody saw, told by sequence number
// and never by time.

internal import Base

/// The head of a datagram.
struct StreamRecord {
  static let byteCount = 24
  static let magic: UInt32 = 0x4D53_5452

  var stream: UInt32
  var sequence: UInt64
  var sentNanoseconds: UInt64

  init(stream: UInt32, sequence: UInt64, sentNanoseconds: UInt64) {
    self.stream = stream
    self.sequence = sequence
    self.sentNanoseconds = sentNanoseconds
  }

  /// Nil when these bytes are of something else.
  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.byteCount, bytes.big32(0) == Self.magic else { return nil }
    stream = bytes.big32(4)
    sequence = bytes.big64(8)
    sentNanoseconds = bytes.big64(16)
  }

  func write(to bytes: inout [UInt8]) {
    bytes.withMutableRawSpan { span in
      span.setBig32(Self.magic, at: 0)
      span.setBig32(stream, at: 4)
      span.setBig64(sequence, at: 8)
      span.setBig64(sentNanoseconds, at: 16)
    }
  }
}

/// Frames that are missing between two that came.
public struct StreamLoss: Hashable, Sendable {
  public var firstSequence: UInt64
  public var frames: UInt64
}

/// What a receiver has counted.
public struct StreamReport: Hashable, Sendable {
  /// Different frames that came.
  public var received: UInt64 = 0
  public var duplicated: UInt64 = 0
  /// Frames that came after one with a higher number.
  public var reordered: UInt64 = 0
  /// The longest time without a frame, between the first and the last.
  public var longestGapNanoseconds: UInt64 = 0
  /// The longest way from sender to receiver.
  public var longestDelayNanoseconds: UInt64 = 0
  /// One above the highest number that came.
  public var end: UInt64 = 0

  public init() {}
}

/// The numbers that came, a bit each.
struct SequenceSet {
  /// An hour at 10,000 frames a second; numbers beyond are counted as received, never as lost.
  static let limit: UInt64 = 36_000_000
  private var words: [UInt64] = []

  /// False when the number was there, or is beyond the limit.
  mutating func insert(_ sequence: UInt64) -> Bool {
    guard sequence < Self.limit else { return false }
    let word = Int(sequence / 64)
    if word >= words.count { words += Array(repeating: 0, count: word + 1 - words.count) }
    let bit = UInt64(1) << (sequence % 64)
    defer { words[word] |= bit }
    return words[word] & bit == 0
  }

  func contains(_ sequence: UInt64) -> Bool {
    let word = Int(sequence / 64)
    return word < words.count && words[word] & (1 << (sequence % 64)) != 0
  }

  /// What is missing in a range, in order.
  func losses(in range: Range<UInt64>) -> [StreamLoss] {
    var losses: [StreamLoss] = []
    for sequence in range where !contains(sequence) {
      if let last = losses.last, last.firstSequence + last.frames == sequence {
        losses[losses.count - 1].frames += 1
      } else {
        losses.append(StreamLoss(firstSequence: sequence, frames: 1))
      }
    }
    return losses
  }
}
