// RARP packets: ARP's layout with two operations.

internal import Wire

func exerciseRARP(_ bytes: RawSpan) {
  guard let view = RARPView(bytes) else {
    precondition(RARPPacket(bytes) == nil, "a value without a view")
    return
  }
  precondition(ARPView(bytes) != nil, "RARP that does not have the layout of ARP")
  read(view.senderMAC)
  read(view.senderAddress)
  read(view.targetMAC)
  read(view.targetAddress)
  guard let packet = RARPPacket(bytes) else { preconditionFailure("a view without a value") }
  precondition(packet.isRequest == view.isRequest, "view and value disagree")
  checkBytes(packet, of: bytes)
}
