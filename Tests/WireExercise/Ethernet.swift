// The Ethernet header: every frame of 14 bytes or more is one.

internal import Wire

func exerciseEthernet(_ bytes: RawSpan) {
  guard let view = EthernetView(bytes) else {
    precondition(bytes.byteCount < 14 && EthernetHeader(bytes) == nil, "refused without a reason")
    return
  }
  read(view.destination)
  read(view.source)
  read(view.etherType.isLength)
  precondition(view.payload.byteCount == bytes.byteCount - 14, "a payload of the wrong size")
  readAll(view.payload)
  guard let header = EthernetHeader(bytes) else { preconditionFailure("a view without a value") }
  checkBytes(header, of: bytes)
}
