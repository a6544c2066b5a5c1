// IPv4 packets: lengths that contradict each other must be refused, all else read.

internal import Base
internal import Wire

func exerciseIPv4(_ bytes: RawSpan) {
  guard let view = IPv4View(bytes) else {
    precondition(IPv4Header(bytes) == nil, "a value without a view")
    return
  }
  precondition(
    view.headerBytes + view.payload.byteCount == view.totalBytes
      && 20 + view.options.byteCount == view.headerBytes && view.totalBytes <= bytes.byteCount,
    "lengths that do not add up")
  readAll(view.options)
  readAll(view.payload)
  read(view.isChecksumValid)
  read(view.isFragment == (view.moreFragments || view.fragmentOffsetBytes != 0))
  read(view.pseudoHeader.folded)
  guard let header = IPv4Header(bytes) else { preconditionFailure("a view without a value") }
  var written = checkRoundTrip(header, payloadBytes: header.payloadBytes)
  // Emission makes the checksum, and a setter followed by an update keeps it right.
  written += [UInt8](repeating: 0, count: header.payloadBytes)
  precondition(isHeaderSound(written), "a written header with a wrong checksum")
  written.withMutableRawSpan { packet in
    IPv4.setTimeToLive(header.timeToLive &- 1, in: &packet)
    IPv4.setDSCP(header.dscp ^ 0x2E, in: &packet)
    IPv4.setSource(header.destination, in: &packet)
    IPv4.setDestination(header.source, in: &packet)
    IPv4.updateChecksum(in: &packet)
  }
  precondition(isHeaderSound(written), "a changed header with a wrong checksum")
}

private func isHeaderSound(_ packet: [UInt8]) -> Bool {
  IPv4View(packet.rawSpan)?.isChecksumValid ?? false
}
