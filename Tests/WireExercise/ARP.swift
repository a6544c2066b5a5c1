// ARP packets: the 28 bytes that were read come out again.

internal import Wire

func exerciseARP(_ bytes: RawSpan) {
  guard let view = ARPView(bytes) else {
    precondition(ARPPacket(bytes) == nil, "a value without a view")
    return
  }
  read(view.operation)
  read(view.senderMAC)
  read(view.targetMAC)
  precondition(!(view.isProbe && view.isGratuitous), "a probe claims nothing")
  guard let packet = ARPPacket(bytes) else { preconditionFailure("a view without a value") }
  checkBytes(packet, of: bytes)
}
