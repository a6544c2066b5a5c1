// The bytes at the start of a frame that say which flow it may be of, as numbers.
//
// Read all together, behind one check of the length: field by field, each has a check of its own. They are
// for comparing and hashing, so nobody turns them round: the first byte of a word is its lowest.

/// Most of the first 38 bytes of a frame, each word little-endian.
@frozen
public struct FrameHead: Sendable, BitwiseCopyable {
  @inlinable
  public static var byteCount: Int { 38 }

  /// Bytes 0-7: destination, the start of the source.
  public let first: UInt64
  /// Bytes 8-15: the rest of the source, EtherType, two bytes of what follows.
  public let second: UInt64
  /// Bytes 16-23; of an IPv4 packet its length, identification, fragment, time to live and protocol.
  public let third: UInt64
  /// Bytes 26-33; of an IPv4 packet source and destination.
  public let network: UInt64
  /// Bytes 34-37; of an IPv4 packet without options the ports.
  public let transport: UInt32

  @inlinable
  init(first: UInt64, second: UInt64, third: UInt64, network: UInt64, transport: UInt32) {
    self.first = first
    self.second = second
    self.third = third
    self.network = network
    self.transport = transport
  }
}
