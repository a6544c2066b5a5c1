// How a port or an uplink reaches Linux: the shape that every kind of attachment has.
//
// The worker calls `receive` when the descriptor is readable and `transmit` once per batch for each
// port that got frames. Both move many frames per call; neither blocks, throws or allocates.

public import FrameMemory

/// What `receive` found.
public enum ReceiveResult: Equatable, Sendable {
  /// This many frames were appended to the batch. Fewer than asked for: nothing else waited, they
  /// were large ones, or some were dropped here (`receiveDrops`), so the number may be 0.
  case frames(Int)
  /// Nothing waits. Not an error.
  case idle
  /// Nothing will ever come again: the device was deleted, or the file is at its end.
  case gone
}

/// What `transmit` did with the deliveries of one port.
public struct TransmitResult: Equatable, Sendable {
  /// Deliveries that the device did not take; each has its `failure` set.
  public var failures: Int
  public var isGone: Bool

  public init(failures: Int = 0, isGone: Bool = false) {
    self.failures = failures
    self.isGone = isGone
  }

  /// Notes why a delivery was not taken. Of a frame that was cut, several pieces may fail: it counts once.
  public mutating func fail(
    _ entry: Int, _ reason: DropReason, _ deliveries: inout DeliveryList
  ) {
    guard deliveries[entry].failure == nil else { return }
    deliveries[entry].failure = reason
    failures += 1
  }

  /// The same of all deliveries of a port.
  public mutating func failAll(
    of port: PortIndex, _ reason: DropReason, _ deliveries: inout DeliveryList
  ) {
    var entry = deliveries.first(of: port)
    while let current = entry {
      fail(current, reason, &deliveries)
      entry = deliveries.next(after: current)
    }
  }
}

/// Offloads that an attachment can pass on; the rest is done in software before it sends.
public struct OffloadSet: OptionSet, Hashable, Sendable, BitwiseCopyable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let checksum = OffloadSet(rawValue: 1)
  public static let tcp4 = OffloadSet(rawValue: 2)
  public static let tcp6 = OffloadSet(rawValue: 4)
  /// UDP segmentation, both families.
  public static let udp = OffloadSet(rawValue: 8)
}

/// Frames that came in but never reached a batch: the worker adds them to the port's drops.
///
/// Counted from the start of the attachment, so that received = appended + these.
public struct ReceiveDrops: Equatable, Sendable, BitwiseCopyable {
  /// Offload metadata that contradicts the bytes, or a record cut short.
  public var malformed: UInt64 = 0
  /// Larger than a slot of the batch.
  public var oversize: UInt64 = 0
  /// Left to be segmented in a way that the kernel cannot tell us (tunnels, frame lists).
  public var checksum: UInt64 = 0

  public init() {}

  public var total: UInt64 { malformed + oversize + checksum }

  /// The count of one reason; zero for reasons that do not occur here.
  public subscript(reason: DropReason) -> UInt64 {
    switch reason {
    case .malformed: malformed
    case .oversize: oversize
    case .checksum: checksum
    default: 0
    }
  }
}

/// How often an attachment passed offloaded frames on, and how often it had to do the work itself.
///
/// A frame counts once: as segmentation when it is larger than one segment, else as checksum. What
/// the device did not take is not counted.
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

  /// Adds what a sender of the same port has counted.
  public mutating func add(_ other: OffloadCounters) {
    segmentationReceived &+= other.segmentationReceived
    segmentationPassed &+= other.segmentationPassed
    segmentationDone &+= other.segmentationDone
    segmentsMade &+= other.segmentsMade
    checksumPassed &+= other.checksumPassed
    checksumDone &+= other.checksumDone
  }
}

extension OffloadSet {
  /// Everything that a Linux device takes with a virtio-net header.
  public static let all: OffloadSet = [.checksum, .tcp4, .tcp6, .udp]
}

/// A port's way into Linux.
///
/// - Thread: the worker that owns the port; made and closed elsewhere.
public protocol Attachment: AnyObject {
  /// For people: `tap web1:eth0`, `packet vmnic0`.
  var name: String { get }
  /// What the worker polls for reading; -1 when `receive` is to be called on every round.
  var descriptor: Int32 { get }
  /// What `transmit` passes on as it is. The rest it does itself.
  var offloads: OffloadSet { get }
  var offloadCounters: OffloadCounters { get }
  var receiveDrops: ReceiveDrops { get }
  /// Frames that the kernel dropped because we did not read in time, ever; one system call to look.
  var kernelDrops: UInt64 { get }

  /// Moves waiting frames into the batch.
  ///
  /// - Shape: fills slots `count..<capacity`, at most `limit`; in order; tags are taken out.
  /// - Returns: `.frames(n)`, `.idle` or `.gone`; never throws.
  /// - Cost: a bounded number of system calls, no allocation. Source: packet(7), tun.
  func receive(into batch: inout FrameBatch, port: PortIndex, limit: Int) -> ReceiveResult

  /// Sends every delivery of `port`, in order; marks those that the device did not take.
  ///
  /// - Shape: tags are put in on the way; the frames of the batch are read, never changed. A
  ///   delivery that had to be segmented is marked when any of its segments was refused.
  /// - Cost: as `receive`.
  func transmit(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, port: PortIndex
  ) -> TransmitResult

  /// Takes back the memory that frames of the batch were lent by `receive`.
  ///
  /// Called once for a batch that `receive` has filled, when its deliveries have been sent.
  func release(_ batch: borrowing FrameBatch)

  /// Asks that `descriptor` becomes readable when the next frame comes.
  ///
  /// Called before the worker sleeps; while it polls, an attachment may save the other side the wake-ups.
  /// - Returns: false when frames wait already.
  func prepareToSleep() -> Bool

  /// Another attachment to send by, from another worker and at the same time; nil where only one can send.
  ///
  /// Only `transmit` of it is called, and it closes before this one. A flow's frames go by one of them, so
  /// that they stay in order.
  func makeSender() -> (any Attachment)?
}

extension Attachment {
  public func release(_ batch: borrowing FrameBatch) {}
  public func prepareToSleep() -> Bool { true }
  public func makeSender() -> (any Attachment)? { nil }
}
