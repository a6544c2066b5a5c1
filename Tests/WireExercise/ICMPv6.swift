// The ICMPv6 header.

internal import Wire

func exerciseICMPv6(_ bytes: RawSpan) {
  guard let view = ICMPv6View(bytes), let header = ICMPv6Header(bytes) else {
    precondition(bytes.byteCount < 4, "refused without a reason")
    return
  }
  read(view.type)
  read(view.code)
  read(view.checksum)
  read(view.isChecksumValid(pseudoHeader: Checksum()))
  readAll(view.body)
  checkBytes(header, of: bytes)
}
