// Metadata from outside, held against the bytes that it speaks of.
//
// Behind this point everyone may rely on: the checksum field lies within the frame and behind the
// Ethernet header; a frame to be segmented has the headers that its type says, and `headerBytes` is
// their measured length; unknown flags and unused fields are zero.

internal import Base
package import FrameMemory
package import Wire

extension Offload {
  /// The metadata made canonical, or nil when it contradicts `bytes`. Offsets count as in `bytes`.
  package func checked(against bytes: RawSpan) -> Offload? {
    var result = Offload(flags: flags & (Self.needsChecksumFlag | Self.dataValidFlag))
    if needsChecksum {
      let start = Int(checksumStart)
      // A tag will be taken out of the bytes, or put in: the offset must fit either way.
      guard bytes.byteCount >= 18, start <= Int(UInt16.max) - VLANTag.byteCount,
        start >= (bytes.big16(12) == VLANTag.etherType ? 18 : 14),
        start + Int(checksumOffset) + 2 <= bytes.byteCount
      else { return nil }
      result.checksumStart = checksumStart
      result.checksumOffset = checksumOffset
    }
    guard needsSegmentation else { return result }
    guard segmentBytes > 0, let layout = TransportLayout(of: bytes, offload: self) else {
      return nil
    }
    result.segmentation = segmentation
    result.hasECN = hasECN && segmentation != .udp
    result.segmentBytes = segmentBytes
    result.headerBytes = UInt16(layout.payloadOffset)
    return result
  }

  /// The same metadata for bytes that got a tag put in after the addresses.
  package func shifted(for tag: VLANTag) -> Offload {
    guard tag.isPresent else { return self }
    let tagBytes = UInt16(VLANTag.byteCount)
    var result = self
    if needsChecksum { result.checksumStart &+= tagBytes }
    if headerBytes > 0 { result.headerBytes &+= tagBytes }
    return result
  }
}
