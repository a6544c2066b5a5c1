// One frame as the switch handles it: where its bytes are and what is known about them.

public import Wire

/// A frame in a batch: a small value that points at bytes, never the bytes themselves.
@frozen
public struct Frame: Sendable, BitwiseCopyable {
  /// The first byte of the Ethernet header, from the start of the frame's slot.
  public var offset: UInt32
  /// Ethernet header and payload, without tag and without FCS.
  public var byteCount: UInt32
  /// The port that it came in by.
  public var ingress: PortIndex
  /// The outermost 802.1Q tag, taken out of the bytes.
  public var tag: VLANTag
  public var offload: Offload

  @inlinable
  public init(
    offset: UInt32, byteCount: UInt32, ingress: PortIndex, tag: VLANTag = .none,
    offload: Offload = .none
  ) {
    self.offset = offset
    self.byteCount = byteCount
    self.ingress = ingress
    self.tag = tag
    self.offload = offload
  }
}
