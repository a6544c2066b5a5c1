// UDP datagrams: the length field against the bytes, and the checksum that a sender would make.

internal import Base
internal import Wire

func exerciseUDP(_ bytes: RawSpan) {
  guard let view = UDPView(bytes), let header = UDPHeader(bytes) else {
    precondition(UDPHeader(bytes) == nil, "a value without a view")
    return
  }
  readAll(view.payload)
  let pseudoHeader = Checksum(
    source: .unspecified, destination: IPv4Address(rawValue: UInt32(view.sourcePort)),
    protocol: .udp, payloadBytes: view.bytes.byteCount)
  read(view.isChecksumValid(pseudoHeader: pseudoHeader))
  checkBytes(header, of: bytes, payloadBytes: header.payloadBytes)
  var datagram = copy(of: view.bytes)
  datagram.withMutableRawSpan { UDP.updateChecksum(in: &$0, pseudoHeader: pseudoHeader) }
  precondition(
    UDPView(datagram.rawSpan)?.isChecksumValid(pseudoHeader: pseudoHeader) ?? false,
    "a checksum that does not verify")
}
