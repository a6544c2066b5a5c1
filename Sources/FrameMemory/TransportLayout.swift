// Where the headers of a frame to be segmented are, found by reading them.
//
// The way goes through inline VLAN tags, IPv4 options and IPv6 extension headers, with a bound on
// each. The sender's `headerBytes` is not asked. Its `checksumStart` must agree with what is read;
// behind IPv6 extension headers it is needed, and its partial sum is kept, as in the kernel: the
// final destination may be in a routing header (RFC 8200, 8.1).
//
// Nil means: these bytes are not what the metadata says. Fragments never are.

internal import Base
internal import Wire

/// The measured headers of a TCP or UDP frame. All offsets from the first byte of the frame.
public struct TransportLayout: Sendable, BitwiseCopyable {
  /// The longest headers that can be segmented behind; whoever writes headers has room for these.
  public static let headerLimitBytes = 504
  /// The most segments that one frame may become: 64 KiB in payloads of 48 bytes, the smallest that
  /// Linux would agree on (TCP_MIN_MSS). More is an attack on whoever has to cut it.
  public static let segmentLimit = 1366
  private static let tagLimit = 3

  public private(set) var networkOffset = Ethernet.headerBytes
  public private(set) var transportOffset = 0
  public private(set) var payloadOffset = 0
  /// The end of the IP packet; bytes behind it are padding.
  public private(set) var endOffset = 0
  public private(set) var isIPv6 = false
  public private(set) var isTCP = false
  /// The partial sum in the checksum field is to be adjusted, not made anew.
  public private(set) var keepsSenderSum = false
  /// UDP over IPv4 without a checksum (RFC 768): its segments have none either.
  public private(set) var hasNoChecksum = false

  public var payloadBytes: Int { endOffset - payloadOffset }
  /// From the transport header on.
  public var transportHeaderBytes: Int { payloadOffset - transportOffset }
  /// Where the checksum field is, from the first byte of the transport header.
  public var checksumOffset: Int { isTCP ? TCP.checksumOffset : UDP.checksumOffset }

  /// How many segments the payload makes, at least one; nil when they are too many or too large for IP.
  public func segmentCount(segmentBytes: Int) -> Int? {
    guard segmentBytes > 0 else { return nil }
    let count = (payloadBytes + segmentBytes - 1) / segmentBytes
    let packetBytes = payloadOffset - networkOffset + min(segmentBytes, payloadBytes)
    guard count <= Self.segmentLimit, packetBytes <= Int(UInt16.max) else { return nil }
    return max(count, 1)
  }

  /// Reads the headers of a frame whose metadata asks for segmentation.
  public init?(of bytes: RawSpan, offload: Offload) {
    isTCP = offload.segmentation == .tcp4 || offload.segmentation == .tcp6
    guard isTCP || offload.segmentation == .udp, let type = readTags(bytes) else { return nil }
    let packet = bytes.extracting(droppingFirst: networkOffset)
    switch type {
    case .ipv4 where offload.segmentation != .tcp6:
      guard readIPv4(packet, offload) else { return nil }
    case .ipv6 where offload.segmentation != .tcp4:
      isIPv6 = true
      guard readIPv6(packet, offload) else { return nil }
    default: return nil
    }
    guard readTransport(bytes, offload), payloadOffset <= Self.headerLimitBytes else { return nil }
  }

  /// The type of the packet behind the tags.
  private mutating func readTags(_ bytes: RawSpan) -> EtherType? {
    for _ in 0...Self.tagLimit {
      guard bytes.byteCount >= networkOffset else { return nil }
      let type = bytes.etherType(at: networkOffset - 2)
      guard type == .vlan || type == .serviceVLAN else { return type }
      networkOffset += VLAN.tagBytes
    }
    return nil
  }

  private mutating func readIPv4(_ packet: RawSpan, _ offload: Offload) -> Bool {
    guard let view = IPv4View(packet), !view.isFragment, view.protocol == transportProtocol else {
      return false
    }
    transportOffset = networkOffset + view.headerBytes
    endOffset = networkOffset + view.totalBytes
    return !offload.needsChecksum || Int(offload.checksumStart) == transportOffset
  }

  private mutating func readIPv6(_ packet: RawSpan, _ offload: Offload) -> Bool {
    guard let view = IPv6View(packet), let upper = view.upperLayer, !upper.isFragment,
      upper.protocol == transportProtocol
    else { return false }
    transportOffset = networkOffset + upper.offset
    endOffset = networkOffset + view.bytes.byteCount
    keepsSenderSum = upper.offset != IPv6.headerBytes
    return offload.needsChecksum
      ? Int(offload.checksumStart) == transportOffset : !keepsSenderSum
  }

  private var transportProtocol: IPProtocol { isTCP ? .tcp : .udp }

  private mutating func readTransport(_ bytes: RawSpan, _ offload: Offload) -> Bool {
    let segment = bytes.extracting(transportOffset..<endOffset)
    let leastBytes = isTCP ? TCP.headerBytes : UDP.headerBytes
    guard segment.byteCount >= leastBytes,
      !offload.needsChecksum || Int(offload.checksumOffset) == checksumOffset
    else { return false }
    let headerBytes =
      isTCP ? Int(segment.byte(TCP.headerLengthOffset) >> 4) * 4 : UDP.headerBytes
    payloadOffset = transportOffset + headerBytes
    hasNoChecksum =
      !isTCP && !isIPv6 && !offload.needsChecksum && segment.big16(UDP.checksumOffset) == 0
    return headerBytes >= leastBytes && headerBytes <= segment.byteCount
  }
}
