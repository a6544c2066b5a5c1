// A virtio-net header put directly before a frame, so that both leave as one piece of memory.

internal import FrameMemory
internal import Wire

extension FrameBatch {
  /// Writes the header into the headroom of an untagged frame.
  ///
  /// Only in the batch's own memory, where what lies before a frame is nobody's: lent memory is somebody
  /// else's.
  /// - Returns: where the header begins, nil when it cannot be done.
  /// - Unsafe: valid as `slotAddress`; no other thread uses the batch.
  @unsafe
  func putHeader(_ offload: Offload, before index: Int, tag: VLANTag, byteCount: Int)
    -> UnsafeMutableRawPointer?
  {
    let offset = Int(self[index].offset)
    // SAFETY: only compared.
    let isOwn = unsafe cellAddress(index) == slotAddress(index)
    guard isOwn, !tag.isPresent, offset >= VirtioHeader.byteCountWithBuffers else { return nil }
    // SAFETY: the slot has `offset` bytes before the frame, and they are at least as many.
    let start = unsafe slotAddress(index) + (offset - byteCount)
    unsafe VirtioHeader.write(offload, at: start, byteCount: byteCount)
    return unsafe start
  }
}
