// Watching a frame on its way. `process` is generic over a tracer: the null tracer vanishes from the
// compiled code, the recording one is what `martlet trace` and the tests read. There is no second
// implementation of forwarding that explains the first.

public import FrameMemory
public import Tables
public import Wire

/// A step of a frame through the switch, in the order in which things happen.
public enum TraceEvent: Equatable, Sendable {
  /// Came in by a port.
  case received(port: PortIndex, byteCount: Int)
  /// Belongs to this VLAN, 0 for none.
  case classified(vlan: UInt16)
  /// Passed the policies of its ingress port.
  case admitted(port: PortIndex)
  /// The source address was learned, or moved here.
  case learned(MACAddress, vlan: UInt16, port: PortIndex)
  /// An announced address is beyond an uplink now.
  case movedOut(MACAddress, vlan: UInt16, uplink: PortIndex)
  /// The destination is this port's.
  case found(port: PortIndex)
  /// Nobody here owns the destination.
  case unknownDestination
  /// Goes to every port of the VLAN.
  case replicated
  /// The team of the ingress port gives it this uplink.
  case teamSelected(uplink: PortIndex)
  /// About to meet the egress policies of a port.
  case leaving(port: PortIndex)
  /// What the rules of a port say.
  case filtered(port: PortIndex, direction: Direction, verdict: FilterVerdict)
  /// Waits in a shaper.
  case queued(port: PortIndex, direction: Direction)
  /// Goes on behind a shaper, as this frame of another batch, with what is to be changed in its bytes.
  case released(
    index: Int, port: PortIndex, direction: Direction, rewrite: Rewrite = .none)
  /// Made by the switch itself, as this frame of the batch.
  case generated(index: Int, vlan: UInt16)
  /// Handed to a port's attachment with this tag.
  case delivered(port: PortIndex, tag: VLANTag)
  case dropped(DropReason, port: PortIndex, direction: Direction)
}

/// Something that is told every step of every frame.
public protocol Tracer {
  mutating func record(_ event: @autoclosure () -> TraceEvent)
}

/// Sees nothing and costs nothing.
public struct NullTracer: Tracer {
  public init() {}

  @inlinable @inline(__always)
  public mutating func record(_ event: @autoclosure () -> TraceEvent) {}
}

/// Keeps every step. For tests and `martlet trace`; it allocates.
public struct RecordingTracer: Tracer {
  public private(set) var events: [TraceEvent] = []

  public init() {}

  public mutating func record(_ event: @autoclosure () -> TraceEvent) { events.append(event()) }
}
