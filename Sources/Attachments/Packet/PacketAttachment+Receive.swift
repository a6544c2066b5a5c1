// Receiving from a packet socket: many frames a call, straight into the slots of the batch.

internal import Base
public import FrameMemory
internal import Glibc
internal import Linux
internal import Wire

extension PacketAttachment {
  private static let headerOffset = FrameBatch.headroomBytes - VirtioHeader.byteCount

  public func receive(into batch: inout FrameBatch, port: PortIndex, limit: Int) -> ReceiveResult {
    let room = min(limit, batch.freeCapacity)
    let before = batch.count
    var taken = 0
    while taken < room {
      let asked = min(room - taken, Self.callLimit)
      let first = batch.count
      for index in 0..<asked {
        // SAFETY: the slot holds the headroom, in which the header fits, and the frame.
        unsafe incoming.expect(
          index, at: batch.slotAddress(first + index) + Self.headerOffset,
          byteCount: VirtioHeader.byteCount + batch.frameCapacityBytes)
      }
      let count = incoming.receive(descriptor, count: asked)
      if count < 0 {
        if errno == EINVAL {
          // A frame whose segmentation has no virtio name; it is consumed, the next may be fine.
          receiveDrops.checksum += 1
          taken += 1
          continue
        }
        if isGone(errno) && taken == 0 { return .gone }
        break
      }
      wasDown = false
      for index in 0..<count { accept(index, from: first + index, into: &batch, port) }
      taken += count
      // A short count: nothing else waits, or an error does, which the next call will see.
      if count < asked { break }
    }
    return taken > 0 ? .frames(batch.count - before) : .idle
  }

  /// ENETDOWN comes once, when the device goes down or when it is deleted while up.
  private func isGone(_ error: Int32) -> Bool {
    switch error {
    case EINTR, ENOBUFS, ENOMEM: return false
    case EAGAIN: return wasDown && !socket.isBound
    case EBADF: return true
    default:
      wasDown = true
      return !socket.isBound
    }
  }

  /// Checks a message that lies in slot `source`, and appends it or counts it.
  private func accept(
    _ index: Int, from source: Int, into batch: inout FrameBatch, _ port: PortIndex
  ) {
    let byteCount = incoming.byteCount(index) - VirtioHeader.byteCount
    guard byteCount > 0, !incoming.isTruncated(index) else {
      receiveDrops.oversize += 1
      return
    }
    // SAFETY: header and frame were just written there by the kernel, `byteCount` bytes of frame.
    let header = unsafe batch.slotAddress(source) + Self.headerOffset
    let bytes = unsafe RawSpan(
      _unsafeStart: header + VirtioHeader.byteCount, byteCount: byteCount)
    guard let offload = unsafe VirtioHeader.read(at: header)?.checked(against: bytes) else {
      receiveDrops.malformed += 1
      return
    }
    if offload.needsSegmentation { offloadCounters.segmentationReceived += 1 }
    if source != batch.count {
      // An earlier message was dropped, and frame i lives in slot i. Rare, so it may copy.
      let target = unsafe batch.slotAddress(batch.count) + FrameBatch.headroomBytes
      // SAFETY: two different slots; the frame fits in each.
      unsafe target.copyMemory(from: header + VirtioHeader.byteCount, byteCount: byteCount)
    }
    let slot = batch.count
    batch.append(
      Frame(
        offset: UInt32(FrameBatch.headroomBytes), byteCount: UInt32(byteCount), ingress: port,
        offload: offload))
    if let tag = incoming.tag(index) { put(tag, beside: slot, of: &batch) }
    batch.takeOutTag(of: slot)
  }

  /// Notes a customer tag beside the frame; puts any other back into the bytes.
  private func put(_ tag: UInt32, beside slot: Int, of batch: inout FrameBatch) {
    var frame = batch[slot]
    if tag >> 16 == UInt32(VLANTag.etherType) {
      frame.tag = VLANTag(controlInformation: UInt16(truncatingIfNeeded: tag))
      batch[slot] = frame
      return
    }
    guard frame.byteCount >= 14 else { return }
    let addresses = (batch.bytes(of: slot).big48(0), batch.bytes(of: slot).big48(6))
    frame.offset -= UInt32(VLANTag.byteCount)
    frame.byteCount += UInt32(VLANTag.byteCount)
    frame.offload = frame.offload.shifted(for: .init(vlan: 0))
    batch[slot] = frame
    var bytes = batch.mutableBytes(of: slot)
    bytes.setBig48(addresses.0, at: 0)
    bytes.setBig48(addresses.1, at: 6)
    bytes.setBig32(tag, at: 12)
  }
}
