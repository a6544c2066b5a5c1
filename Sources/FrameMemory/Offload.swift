// Offload metadata: what the virtio-net header says about a frame (virtio 1.2, 5.1.6; Linux
// include/uapi/linux/virtio_net.h). It crosses the switch untouched, so that a 64 KB TCP frame of one
// guest reaches another guest as one frame; it is acted on in software only where the egress cannot.
//
// Offsets count from the first byte of the Ethernet header, with the VLAN tag already taken out.

/// Work that a frame's sender left to whoever puts it on a wire.
@frozen
public struct Offload: Hashable, Sendable, BitwiseCopyable {
  /// How a frame larger than the MTU is to be cut (VIRTIO_NET_HDR_GSO_*).
  @frozen
  public enum Segmentation: UInt8, Sendable, BitwiseCopyable {
    case none = 0
    case tcp4 = 1
    /// UDP fragmentation offload: obsolete, kept because the kernel may still say it.
    case udpFragment = 3
    case tcp6 = 4
    /// UDP segmentation offload (USO), either family.
    case udp = 5
  }

  /// VIRTIO_NET_HDR_F_NEEDS_CSUM: the checksum field holds only the pseudo-header sum.
  public static let needsChecksumFlag: UInt8 = 1
  /// VIRTIO_NET_HDR_F_DATA_VALID: the checksum was verified or never left this machine.
  public static let dataValidFlag: UInt8 = 2

  public var flags: UInt8
  public var segmentation: Segmentation
  /// VIRTIO_NET_HDR_GSO_ECN: the TCP segments carry congestion marks.
  public var hasECN: Bool
  /// Ethernet, IP and transport header; a hint from the sender, not to be trusted.
  public var headerBytes: UInt16
  /// The transport payload of each segment.
  public var segmentBytes: UInt16
  /// Where the transport header, and the sum, begins.
  public var checksumStart: UInt16
  /// Where the checksum field is, from `checksumStart`.
  public var checksumOffset: UInt16

  @inlinable
  public init(
    flags: UInt8 = 0, segmentation: Segmentation = .none, hasECN: Bool = false,
    headerBytes: UInt16 = 0, segmentBytes: UInt16 = 0, checksumStart: UInt16 = 0,
    checksumOffset: UInt16 = 0
  ) {
    self.flags = flags
    self.segmentation = segmentation
    self.hasECN = hasECN
    self.headerBytes = headerBytes
    self.segmentBytes = segmentBytes
    self.checksumStart = checksumStart
    self.checksumOffset = checksumOffset
  }

  /// An ordinary frame, complete as it is.
  @inlinable
  public static var none: Offload { Offload() }

  @inlinable
  public var needsChecksum: Bool { flags & Self.needsChecksumFlag != 0 }

  @inlinable
  public var needsSegmentation: Bool { segmentation != .none }
}
