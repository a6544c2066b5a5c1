// What an administrator says about the rate of a port, and what follows from it for the queue.
//
// The three numbers of a vSphere DVSTrafficShapingPolicy: averageBandwidth and peakBandwidth in bit/s,
// burstSize in bytes. `Shaper` says what they mean.

internal import Base

/// Average, peak and burst of one direction of one port.
@frozen
public struct TrafficShape: Hashable, Sendable, BitwiseCopyable {
  public var averageBitsPerSecond: UInt64
  /// While the port has burst bonus; not below the average.
  public var peakBitsPerSecond: UInt64
  /// How much unused average can be saved up.
  public var burstBytes: UInt64

  @inlinable
  public init(averageBitsPerSecond: UInt64, peakBitsPerSecond: UInt64, burstBytes: UInt64) {
    self.averageBitsPerSecond = averageBitsPerSecond
    self.peakBitsPerSecond = peakBitsPerSecond
    self.burstBytes = burstBytes
  }

  /// The largest GSO frame: an IP packet of 64 KiB.
  private static let largestFrameBytes: UInt64 = 65_536
  /// Two of the largest frames as they are on a wire, in segments of 536 bytes (the default of RFC 9293,
  /// 3.7.1): 65,536 bytes and 123 headers of 66 bytes, in KiB.
  private static let leastQueueBytes: UInt64 = 2 * 72 * 1_024
  private static let mostQueueBytes: UInt64 = 4 * 1_024 * 1_024

  /// What a GSO frame that has to wait is cut into: 1 ms of the peak, at most 64 KiB and the burst.
  ///
  /// A larger frame must not pass whole even while there are tokens: it would break the peak and, where
  /// the burst is small, the burst. The least piece is one segment, whatever this says.
  public var largestPieceBytes: Int {
    Int(min(Self.bytes(peakBitsPerSecond, milliseconds: 1), Self.largestFrameBytes, burstBytes))
  }

  /// How much may wait: 50 ms of the average, but two of the largest frames, and at most 4 MiB.
  ///
  /// Less would drop what TCP sends in one go; more is delay that a sender takes for a slow path.
  public var queueLimitBytes: Int {
    let wanted = Self.bytes(averageBitsPerSecond, milliseconds: 50)
    return Int(min(max(wanted, Self.leastQueueBytes), Self.mostQueueBytes))
  }

  /// What passes in a time at a rate, rounded down; rates above 2^48 bit/s count as that.
  static func bytes(_ bitsPerSecond: UInt64, milliseconds: UInt64) -> UInt64 {
    min(bitsPerSecond, Shaper.fastestBitsPerSecond) * milliseconds / 8_000
  }
}
