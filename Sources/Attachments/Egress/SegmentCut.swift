// One segment of a TCP or UDP frame: its headers and which part of the payload it carries.
//
// TCP (RFC 9293, 3.1; RFC 3168, 6.1.2): sequence numbers advance by the segment size, FIN and PSH
// stay on the last segment, CWR on the first. UDP (udp(7), UDP_SEGMENT): every segment is a
// datagram of its own. IPv4 identifications count up; lengths and checksums are made anew.

internal import Base
internal import Wire

/// The `index`-th segment of a frame.
struct SegmentCut {
  let layout: TransportLayout
  let index: Int
  /// Where its payload starts, from the start of the whole payload.
  let payloadStart: Int
  /// Its payload in the bytes of the frame.
  let payload: Range<Int>

  init(layout: TransportLayout, segmentBytes: Int, index: Int) {
    self.layout = layout
    self.index = index
    payloadStart = index * segmentBytes
    let start = layout.payloadOffset + payloadStart
    payload = start..<min(start + segmentBytes, layout.endOffset)
  }

  private var isFirst: Bool { index == 0 }
  private var isLast: Bool { payload.upperBound == layout.endOffset }
  private var transportBytes: Int { layout.transportHeaderBytes + payload.count }

  /// Writes the segment's headers: those of the whole frame with what differs.
  ///
  /// - Shape: `headers` is as long as the frame's headers, and four bytes longer for a tag.
  func writeHeaders(of bytes: RawSpan, tag: VLANTag, into headers: inout MutableRawSpan) {
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
    writeTransportHeader(&segment, bytes)
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
    IPv4.setIdentification(first &+ UInt16(truncatingIfNeeded: index), in: &packet)
    IPv4.updateChecksum(in: &packet)
  }

  private func writeTransportHeader(_ segment: inout MutableRawSpan, _ bytes: RawSpan) {
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
