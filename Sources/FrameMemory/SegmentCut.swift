// One segment of a TCP or UDP frame, or a few that stay together: the headers, and which part of the
// payload they carry.
//
// TCP (RFC 9293, 3.1; RFC 3168, 6.1.2): sequence numbers advance by the segment size, FIN and PSH
// stay on the last segment, CWR on the first. UDP (udp(7), UDP_SEGMENT): every segment is a
// datagram of its own. IPv4 identifications count up; lengths and checksums are made anew.
//
// Segments that stay together are a GSO frame again: whoever cuts it later makes the same segments as
// if it had never been cut before.

internal import Base
public import Wire

/// Some of the segments of a frame, one after the other.
public struct SegmentCut: Sendable {
  /// What the checksum field gets.
  public enum ChecksumWork: Sendable, BitwiseCopyable {
    /// The checksum; right for a single segment.
    case whole
    /// The sum of the pseudo-header, for whoever completes or segments later (virtio 1.2, 5.1.6.2).
    case partial
  }

  let layout: TransportLayout
  private let firstSegment: Int
  /// Where the payload starts, from the start of the whole payload.
  private let payloadStart: Int
  /// The payload, in the bytes of the frame.
  public let payload: Range<Int>

  /// Segments `segments` of a frame that is cut into `segmentBytes`; the last may be shorter.
  public init(layout: TransportLayout, segmentBytes: Int, segments: Range<Int>) {
    self.layout = layout
    firstSegment = segments.lowerBound
    payloadStart = segments.lowerBound * segmentBytes
    let start = layout.payloadOffset + payloadStart
    payload = start..<min(start + segments.count * segmentBytes, layout.endOffset)
  }

  private var isFirst: Bool { firstSegment == 0 }
  private var isLast: Bool { payload.upperBound == layout.endOffset }
  private var transportBytes: Int { layout.transportHeaderBytes + payload.count }

  /// Writes the headers: those of the whole frame with what differs.
  ///
  /// - Shape: `headers` is as long as the frame's headers, and four bytes longer for a tag.
  public func writeHeaders(
    of bytes: RawSpan, tag: VLANTag, checksum: ChecksumWork, into headers: inout MutableRawSpan
  ) {
    let shift = tag.isPresent ? VLANTag.byteCount : 0
    copy(bytes, 0..<12, to: 0, in: &headers)
    copy(bytes, 12..<layout.payloadOffset, to: 12 + shift, in: &headers)
    if tag.isPresent {
      headers.setBig16(VLANTag.etherType, at: 12)
      headers.setBig16(tag.controlInformation, at: 14)
    }
    let network = layout.networkOffset + shift
    let transport = layout.transportOffset + shift
    var packet = headers.part(network..<transport)
    writeNetworkHeader(&packet)
    var segment = headers.part(transport..<layout.payloadOffset + shift)
    writeTransportHeader(&segment, bytes, checksum)
  }

  private func copy(
    _ bytes: RawSpan, _ range: Range<Int>, to start: Int, in headers: inout MutableRawSpan
  ) {
    for offset in range {
      headers.setByte(bytes.byte(offset), at: start + offset - range.lowerBound)
    }
  }

  private func writeNetworkHeader(_ packet: inout MutableRawSpan) {
    let packetBytes = packet.byteCount + transportBytes
    if layout.isIPv6 {
      packet.setBig16(UInt16(packetBytes - IPv6.headerBytes), at: IPv6.payloadBytesOffset)
      return
    }
    let first = packet.bytes.big16(IPv4.identificationOffset)
    IPv4.setTotalBytes(UInt16(packetBytes), in: &packet)
    IPv4.setIdentification(first &+ UInt16(truncatingIfNeeded: firstSegment), in: &packet)
    IPv4.updateChecksum(in: &packet)
  }

  private func writeTransportHeader(
    _ segment: inout MutableRawSpan, _ bytes: RawSpan, _ work: ChecksumWork
  ) {
    let senderSum = segment.bytes.big16(layout.checksumOffset)
    if layout.isTCP {
      let first = segment.bytes.big32(TCP.sequenceOffset)
      TCP.setSequence(first &+ UInt32(payloadStart), in: &segment)
      var flags = TCP.Flags(rawValue: segment.bytes.byte(TCP.flagsOffset))
      if !isLast { flags.subtract([.fin, .psh]) }
      if !isFirst { flags.remove(.cwr) }
      TCP.setFlags(flags, in: &segment)
    } else {
      segment.setBig16(UInt16(transportBytes), at: UDP.lengthOffset)
    }
    segment.setBig16(0, at: layout.checksumOffset)
    if layout.hasNoChecksum { return }
    var sum = pseudoHeader(bytes, senderSum: senderSum)
    if work == .partial {
      segment.setBig16(sum.folded, at: layout.checksumOffset)
      return
    }
    sum.add(segment.bytes)
    sum.add(bytes.extracting(payload))
    segment.setBig16(sum.transportField, at: layout.checksumOffset)
  }

  /// The sum of addresses, protocol and length (RFC 9293, 3.1; RFC 8200, 8.1).
  private func pseudoHeader(_ bytes: RawSpan, senderSum: UInt16) -> Checksum {
    if layout.keepsSenderSum {
      // The sender summed the whole length; take it out and put this segment's in.
      var sum = Checksum(folded: senderSum)
      sum.add(~UInt16(truncatingIfNeeded: layout.endOffset - layout.transportOffset))
      sum.add(UInt16(transportBytes))
      return sum
    }
    let network = layout.networkOffset
    let transport: IPProtocol = layout.isTCP ? .tcp : .udp
    if layout.isIPv6 {
      return Checksum(
        source: bytes.ipv6Address(at: network + IPv6.sourceOffset),
        destination: bytes.ipv6Address(at: network + IPv6.destinationOffset),
        protocol: transport, payloadBytes: transportBytes)
    }
    return Checksum(
      source: bytes.ipv4Address(at: network + IPv4.sourceOffset),
      destination: bytes.ipv4Address(at: network + IPv4.destinationOffset),
      protocol: transport, payloadBytes: transportBytes)
  }
}
