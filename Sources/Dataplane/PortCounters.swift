// What a port counts: the statistics of a vSphere distributed port, and the drops by reason.
//
// "In" is into the switch, "Out" is out of it. Every frame that arrives at a port is counted as In,
// dropped or not; Out is what the attachment took. `Dropped` sums the drops by policy and by full
// queues; `Exception` those of frames that are no valid frames at all.

public import FrameMemory

/// Packets and bytes of one direction by kind of destination.
public struct TrafficCounters: Equatable, Sendable, BitwiseCopyable {
  public var packetsUnicast: UInt64 = 0
  public var packetsMulticast: UInt64 = 0
  public var packetsBroadcast: UInt64 = 0
  public var bytesUnicast: UInt64 = 0
  public var bytesMulticast: UInt64 = 0
  public var bytesBroadcast: UInt64 = 0
  public var packetsDropped: UInt64 = 0
  public var packetsException: UInt64 = 0

  public init() {}

  public var packets: UInt64 { packetsUnicast &+ packetsMulticast &+ packetsBroadcast }
  public var bytes: UInt64 { bytesUnicast &+ bytesMulticast &+ bytesBroadcast }

  /// Adds a frame, or with `sign` -1 takes one back.
  @inline(__always)
  mutating func count(_ kind: DestinationKind, bytes: UInt32, sign: Int64 = 1) {
    let packet = UInt64(bitPattern: sign)
    let octets = UInt64(bitPattern: sign &* Int64(bytes))
    switch kind {
    case .unicast:
      packetsUnicast &+= packet
      bytesUnicast &+= octets
    case .multicast:
      packetsMulticast &+= packet
      bytesMulticast &+= octets
    case .broadcast:
      packetsBroadcast &+= packet
      bytesBroadcast &+= octets
    }
  }
}

/// What sort of address a frame goes to.
public enum DestinationKind: UInt8, Sendable, BitwiseCopyable {
  case unicast, multicast, broadcast
}

/// The statistics of one port.
public struct PortCounters: Equatable, Sendable, BitwiseCopyable {
  /// Into the switch.
  public var ingress = TrafficCounters()
  /// Out of the switch.
  public var egress = TrafficCounters()
  /// By `DropReason.rawValue`, both directions.
  public var dropsByReason: [32 of UInt64] = .init(repeating: 0)

  public init() {}

  public subscript(reason: DropReason) -> UInt64 { dropsByReason[Int(reason.rawValue)] }

  @inline(__always)
  mutating func drop(_ reason: DropReason, _ direction: Direction, count: UInt64 = 1) {
    dropsByReason[Int(reason.rawValue)] &+= count
    let isException = reason == .malformed || reason == .runt || reason == .checksum
    switch (direction, isException) {
    case (.ingress, false): ingress.packetsDropped &+= count
    case (.ingress, true): ingress.packetsException &+= count
    case (.egress, false): egress.packetsDropped &+= count
    case (.egress, true): egress.packetsException &+= count
    }
  }

  public static func == (left: Self, right: Self) -> Bool {
    for index in 0..<32 where left.dropsByReason[index] != right.dropsByReason[index] {
      return false
    }
    return left.ingress == right.ingress && left.egress == right.egress
  }
}

/// A direction at a port, seen from the switch.
public enum Direction: UInt8, Sendable, BitwiseCopyable {
  case ingress, egress
}

/// The conservation sums of a switch: `received + replicated + generated = delivered + dropped + queued`, with
/// `takenOver` on the left and `handedOver` on the right for one of several lanes.
public struct ConservationSums: Equatable, Sendable, BitwiseCopyable {
  /// Frames that came in by a port.
  public var received: UInt64 = 0
  /// Copies made beyond the first, for frames with several destinations.
  public var replicated: UInt64 = 0
  /// Frames that the switch made itself: announcements.
  public var generated: UInt64 = 0
  /// Frames that an attachment took.
  public var delivered: UInt64 = 0
  public var dropped: UInt64 = 0
  /// Frames that wait in a queue of the switch.
  public var queued: UInt64 = 0
  /// Frames that another lane of the switch was given, and that one has given: nothing with one lane.
  public var handedOver: UInt64 = 0
  public var takenOver: UInt64 = 0

  public init() {}

  public var holds: Bool {
    received &+ replicated &+ generated &+ takenOver
      == delivered &+ dropped &+ queued &+ handedOver
  }
}
