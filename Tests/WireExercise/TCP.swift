// TCP segments: the header length against the bytes, and the checksum that a sender would make.

internal import Base
internal import Wire

func exerciseTCP(_ bytes: RawSpan) {
  guard let view = TCPView(bytes), let header = TCPHeader(bytes) else {
    precondition(TCPHeader(bytes) == nil, "a value without a view")
    return
  }
  precondition(
    20 + view.options.byteCount == view.headerBytes
      && view.headerBytes + view.payload.byteCount == bytes.byteCount,
    "lengths that do not add up")
  readAll(view.options)
  readAll(view.payload)
  read(view.flags.description)
  _ = checkRoundTrip(header)
  let pseudoHeader = Checksum(
    source: .allNodes, destination: .allRouters, protocol: .tcp, payloadBytes: bytes.byteCount)
  read(view.isChecksumValid(pseudoHeader: pseudoHeader))
  var segment = copy(of: bytes)
  segment.withMutableRawSpan { TCP.updateChecksum(in: &$0, pseudoHeader: pseudoHeader) }
  precondition(
    TCPView(segment.rawSpan)?.isChecksumValid(pseudoHeader: pseudoHeader) ?? false,
    "a checksum that does not verify")
}
