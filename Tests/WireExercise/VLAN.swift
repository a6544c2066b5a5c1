// Tags in the bytes of a frame, one and two deep.

internal import Base
internal import Wire

func exerciseVLAN(_ bytes: RawSpan) {
  if let view = VLANView(bytes) {
    read(view.tag)
    read(view.tagType)
    read(view.etherType)
    readAll(view.payload)
  }
  guard let stack = VLANStack(bytes) else { return }
  precondition(stack.payloadOffset <= bytes.byteCount, "a payload outside the frame")
  precondition((stack.tagCount > 0) == (VLANView(bytes) != nil), "view and value disagree on a tag")
  let written = checkRoundTrip(stack)
  for offset in 12..<stack.payloadOffset {
    precondition(written[offset] == bytes.byte(offset), "a tag changed on its way through a value")
  }
}
