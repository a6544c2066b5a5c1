// IPv6 packets and the walk over their extension headers.

internal import Base
internal import Wire

func exerciseIPv6(_ bytes: RawSpan) {
  guard let view = IPv6View(bytes) else {
    precondition(IPv6Header(bytes) == nil, "a value without a view")
    return
  }
  precondition(view.payload.byteCount == view.payloadBytes, "lengths that do not add up")
  readAll(view.payload)
  if let layer = view.upperLayer {
    let payload = view.payload(of: layer)
    precondition(
      layer.offset >= 40 && layer.offset + payload.byteCount == 40 + view.payloadBytes,
      "an upper layer outside the packet")
    precondition(
      layer.fragmentOffsetBytes == 0 || layer.isFragment, "an offset without a fragment")
    readAll(payload)
    read(view.pseudoHeader(of: layer).folded)
  }
  guard let header = IPv6Header(bytes) else { preconditionFailure("a view without a value") }
  checkBytes(header, of: bytes, payloadBytes: header.payloadBytes)
  checkSetters(header)
}

private func checkSetters(_ header: IPv6Header) {
  var packet = [UInt8](repeating: 0, count: header.byteCount + header.payloadBytes)
  packet.withMutableRawSpan { packet in
    header.emit(into: &packet)
    IPv6.setDSCP(header.dscp ^ 0x2E, in: &packet)
    IPv6.setHopLimit(header.hopLimit &- 1, in: &packet)
  }
  var changed = header
  changed.dscp ^= 0x2E
  changed.hopLimit &-= 1
  precondition(IPv6Header(packet.rawSpan) == changed, "a setter changed another field")
}
