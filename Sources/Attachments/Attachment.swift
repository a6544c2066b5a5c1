// How a port or an uplink reaches Linux: the shape that every kind of attachment has.
//
// The worker calls `receive` when the descriptor is readable and `transmit` once per batch for each
// port that got frames. Both move many frames per call; neither blocks, throws or allocates.

public import FrameMemory

/// What `receive` found.
public enum ReceiveResult: Equatable, Sendable {
  /// This many frames were appended to the batch; there may be more.
  case frames(Int)
  /// Nothing waits. Not an error.
  case idle
  /// The device is gone for good: deleted, or its namespace with it.
  case gone
}

/// What `transmit` did with the deliveries of one port.
public struct TransmitResult: Equatable, Sendable {
  /// Deliveries that the device did not take; each has its `failure` set.
  public var failures: Int
  /// The kernel refused in a way that suggests that the link is down: look at the carrier now.
  public var linkSuspect: Bool
  public var isGone: Bool

  public init(failures: Int = 0, linkSuspect: Bool = false, isGone: Bool = false) {
    self.failures = failures
    self.linkSuspect = linkSuspect
    self.isGone = isGone
  }
}

/// Offloads that an attachment can pass on; the rest is done in software before it sends.
public struct OffloadSet: OptionSet, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let checksum = OffloadSet(rawValue: 1)
  public static let tcp4 = OffloadSet(rawValue: 2)
  public static let tcp6 = OffloadSet(rawValue: 4)
  /// UDP segmentation, both families.
  public static let udp = OffloadSet(rawValue: 8)
}

/// How often an attachment passed offloaded frames on, and how often it had to do the work itself.
public struct OffloadCounters: Equatable, Sendable, BitwiseCopyable {
  /// Frames received that are larger than one segment (GSO).
  public var segmentationReceived: UInt64 = 0
  /// Frames sent as they are, larger than one segment.
  public var segmentationPassed: UInt64 = 0
  /// Frames cut in software, and the segments that came of it.
  public var segmentationDone: UInt64 = 0
  public var segmentsMade: UInt64 = 0
  /// Frames sent with the checksum left to the device or the receiver.
  public var checksumPassed: UInt64 = 0
  /// Checksums completed in software.
  public var checksumDone: UInt64 = 0

  public init() {}
}

/// A port's way into Linux.
///
/// - Thread: the worker that owns the port; made and closed elsewhere.
public protocol Attachment: AnyObject {
  /// For people: `tap web1:eth0`, `packet vmnic0`.
  var name: String { get }
  /// What the worker polls for reading; -1 when `receive` is to be called on every round.
  var descriptor: Int32 { get }
  var offloads: OffloadSet { get }
  var offloadCounters: OffloadCounters { get }

  /// Moves waiting frames into the batch.
  ///
  /// - Shape: fills slots `count..<capacity`, at most `limit`; order is arrival. Tags are taken out.
  /// - Returns: `.frames(n)`, `.idle` or `.gone`; never throws.
  /// - Cost: a bounded number of system calls, no allocation. Source: packet(7), tun.
  func receive(into batch: inout FrameBatch, port: PortIndex, limit: Int) -> ReceiveResult

  /// Sends every delivery of `port`, in order; marks those that the device did not take.
  func transmit(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, port: PortIndex
  ) -> TransmitResult
}
