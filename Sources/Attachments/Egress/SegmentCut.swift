// One segment of a TCP or UDP frame: its headers and which part of the payload it carries.
//
// TCP (RFC 9293, 3.1; RFC 3168, 6.1.2): sequence numbers advance by the segment size, FIN and PSH stay
// on the last segment, CWR on the first. UDP (udp(7), UDP_SEGMENT): every segment is a datagram of its
// own. IPv4 identifications count up; lengths and checksums are made anew.

internal import Base
internal import Wire

/// The `index`-th segment of a frame.
struct SegmentCut {
  let layout: TransportLayout
  /// Where its payload starts, from the start of the whole payload.
  let payloadStart: Int
  let payload: Range<Int>
  let index: Int

  init(layout: TransportLayout, segmentBytes: Int, index: Int) {
    self.layout = layout
    self.index = index
    payloadStart = index * segmentBytes
    let start = layout.payloadOffset + payloadStart
    payload = start..<min(start + segmentBytes, layout.endOffset)
  }

  private var isFirst: Bool { index == 0 }
  private var isLast: Bool { payload.upperBound == layout.endOffset }

  /// Writes the segment's headers: those of the whole frame with what differs.
  ///
  /// - Shape: `headers` is as long as the frame's headers, and four bytes longer for a tag.
  func writeHeaders(of bytes: RawSpan, tag: VLANTag, into headers: inout MutableRawSpan) {
    let shift = tag.isPresent ? VLANTag.byteCount : 0
    copy(bytes, 0..<12, to: 0, in: &headers)
    if tag.isPresent {
      headers.setBig16(VLANTag.etherType, at: 12)
      headers.setBig16(tag.controlInformation, at: 14)
    }
    copy(bytes, 12..<layout.payloadOffset, to: 12 + shift, in: &headers)
    writeNetworkHeader(bytes, at: layout.networkOffset + shift, in: &headers)
    writeTransportHeader(bytes, at: layout.transportOffset + shift, in: &headers)
  }

  private func copy(
    _ bytes: RawSpan, _ range: Range<Int>, to start: Int, in headers: inout MutableRawSpan
  ) {
    for offset in range { headers.setByte(bytes.byte(offset), at: start + offset - range.lowerBound) }
  }

  /// From the transport header to the end of the segment.
  private var transportBytes: Int {
    layout.payloadOffset - layout.transportOffset + payload.count
  }

  private func writeNetworkHeader(_ bytes: RawSpan, at start: Int, in headers: inout MutableRawSpan) {
    let packetBytes = layout.payloadOffset - layout.networkOffset + payload.count
    if layout.isIPv6 {
      headers.setBig16(UInt16(packetBytes - 40), at: start + 4)
      return
    }
    let identification = bytes.big16(layout.networkOffset + 4)
    headers.setBig16(UInt16(packetBytes), at: start + 2)
    headers.setBig16(identification &+ UInt16(truncatingIfNeeded: index), at: start + 4)
    headers.setBig16(0, at: start + 10)
    let headerBytes = layout.transportOffset - layout.networkOffset
    var sum = InternetSum()
    sum.add(headers.bytes.extracting(start..<start + headerBytes))
    headers.setBig16(sum.checksum, at: start + 10)
  }

  private func writeTransportHeader(
    _ bytes: RawSpan, at start: Int, in headers: inout MutableRawSpan
  ) {
    let field = layout.checksumOffset - layout.transportOffset + start
    let senderSum = bytes.big16(layout.checksumOffset)
    if layout.isTCP {
      let sequence = bytes.big32(layout.transportOffset + 4)
      headers.setBig32(sequence &+ UInt32(payloadStart), at: start + 4)
      var flags = bytes.byte(layout.transportOffset + 13)
      if !isLast { flags &= ~0x09 }  // FIN, PSH
      if !isFirst { flags &= ~0x80 }  // CWR
      headers.setByte(flags, at: start + 13)
    } else {
      headers.setBig16(UInt16(transportBytes), at: start + 4)
    }
    headers.setBig16(0, at: field)
    if layout.hasNoChecksum { return }
    var sum = pseudoHeaderSum(bytes, senderSum: senderSum)
    sum.add(headers.bytes.extracting(start..<start + layout.payloadOffset - layout.transportOffset))
    sum.add(bytes.extracting(payload))
    headers.setBig16(sum.transportChecksum, at: field)
  }

  /// RFC 9293, 3.1 and RFC 8200, 8.1: addresses, protocol, length.
  private func pseudoHeaderSum(_ bytes: RawSpan, senderSum: UInt16) -> InternetSum {
    if layout.keepsSenderSum {
      // The sender summed the whole length; take it out and put this segment's in.
      let wholeBytes = layout.endOffset - layout.transportOffset
      var sum = InternetSum(senderSum)
      sum.add(~UInt16(wholeBytes & 0xFFFF))
      sum.add(~UInt16(wholeBytes >> 16))
      sum.add(UInt16(transportBytes))
      return sum
    }
    let addresses =
      layout.isIPv6
      ? layout.networkOffset + 8..<layout.networkOffset + 40
      : layout.networkOffset + 12..<layout.networkOffset + 20
    var sum = InternetSum()
    sum.add(bytes.extracting(addresses))
    sum.add(layout.isTCP ? 6 : 17)
    sum.add(UInt16(transportBytes))
    return sum
  }
}
