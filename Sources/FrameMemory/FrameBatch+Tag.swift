// Taking the 802.1Q tag out of the bytes, at the edge where a frame comes in.

internal import Base
internal import Wire

extension FrameBatch {
  /// Moves an inline customer tag of frame `index` out of the bytes and beside the frame.
  ///
  /// Does nothing when the frame has no such tag, has one beside it already, or is too short. The two
  /// addresses move forward by four bytes; offload offsets move back with the rest.
  public mutating func takeOutTag(of index: Int) {
    var frame = self[index]
    guard !frame.tag.isPresent, frame.byteCount >= 18 else { return }
    var bytes = mutableBytes(of: index)
    let addresses = (bytes.bytes.big48(0), bytes.bytes.big48(6))
    guard bytes.bytes.big16(12) == VLANTag.etherType else { return }
    frame.tag = VLANTag(controlInformation: bytes.bytes.big16(14))
    bytes.setBig48(addresses.0, at: 4)
    bytes.setBig48(addresses.1, at: 10)
    let tagBytes = UInt16(VLANTag.byteCount)
    frame.offset += UInt32(tagBytes)
    frame.byteCount -= UInt32(tagBytes)
    frame.offload.checksumStart -= min(tagBytes, frame.offload.checksumStart)
    frame.offload.headerBytes -= min(tagBytes, frame.offload.headerBytes)
    self[index] = frame
  }
}
