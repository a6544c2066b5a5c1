// Receiving from a packet socket: out of the ring into the slots of the batch, without a system call.
//
// A frame of the ring is copied, not lent: that costs less (at most 1,518 bytes, some 20 ns) than what a
// header apart from its frame costs whoever sends it, and the slot is free again at once.
// Without a ring: many frames a call, straight into the slots of the batch.

internal import Base
public import FrameMemory
internal import Glibc
internal import Linux
internal import Wire

extension PacketAttachment {
  private static let headerOffset = FrameBatch.headroomBytes - VirtioHeader.byteCount

  public func receive(into batch: inout FrameBatch, port: PortIndex, limit: Int) -> ReceiveResult {
    let room = min(limit, batch.freeCapacity)
    if socket.ring.frameCount > 0 { return receiveFromRing(into: &batch, port: port, room: room) }
    return receiveMessages(into: &batch, port: port, room: room)
  }

  /// The ring cannot tell that the device is gone. So the socket is asked when a look was in vain, but not
  /// at every one: after a sleep, while the device is down, and now and then.
  public func prepareToSleep() -> Bool {
    looksInVain = 0
    return socket.ring.entry(ringPosition) == nil
  }

  private func receiveFromRing(into batch: inout FrameBatch, port: PortIndex, room: Int)
    -> ReceiveResult
  {
    let before = batch.count
    var position = ringPosition
    var (taken, byteCount) = (0, 0)
    while taken < room, byteCount < Self.turnBytes, let entry = socket.ring.entry(position) {
      byteCount += take(entry, at: position, into: &batch, port)
      socket.ring.giveBack(position)
      position = socket.ring.position(after: position)
      taken += 1
    }
    ringPosition = position
    if taken > 0 {
      wasDown = false
      return .frames(batch.count - before)
    }
    defer { looksInVain &+= 1 }
    guard wasDown || looksInVain % Self.looksBetweenErrors == 0 else { return .idle }
    let error = socket.takeError()
    return isGone(error == 0 ? EAGAIN : error) ? .gone : .idle
  }

  /// Takes one frame out of the ring, or from the socket when it was too large for the ring.
  ///
  /// - Returns: its bytes.
  private func take(
    _ entry: PacketRing.Entry, at position: Int, into batch: inout FrameBatch, _ port: PortIndex
  ) -> Int {
    if entry.isQueued { return takeQueued(into: &batch, port) }
    guard !entry.isCut else {
      cutFrames += 1
      return 0
    }
    guard entry.frameBytes > 0, entry.frameBytes <= batch.frameCapacityBytes else {
      receiveDrops.oversize += 1
      return 0
    }
    let slot = batch.count
    // SAFETY: the slot holds the headroom, in which the header fits, and the frame.
    unsafe socket.ring.copy(
      position, entry, to: batch.slotAddress(slot) + Self.headerOffset)
    accept(byteCount: entry.frameBytes, tag: entry.tag, from: slot, into: &batch, port)
    return entry.frameBytes
  }

  private func takeQueued(into batch: inout FrameBatch, _ port: PortIndex) -> Int {
    let slot = batch.count
    // SAFETY: as in `receiveMessages`.
    unsafe incoming.expect(
      0, at: batch.slotAddress(slot) + Self.headerOffset,
      byteCount: VirtioHeader.byteCount + batch.frameCapacityBytes)
    guard incoming.receive(descriptor, count: 1) == 1 else {
      // EINVAL: its segmentation has no virtio name. Anything else: the frame is not there.
      if errno == EINVAL { receiveDrops.checksum += 1 } else { cutFrames += 1 }
      return 0
    }
    accept(0, from: slot, into: &batch, port)
    return incoming.byteCount(0)
  }

  private func receiveMessages(into batch: inout FrameBatch, port: PortIndex, room: Int)
    -> ReceiveResult
  {
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
    accept(byteCount: byteCount, tag: incoming.tag(index), from: source, into: &batch, port)
  }

  /// Checks what was written into slot `source`, header and frame, and appends it or counts it.
  private func accept(
    byteCount: Int, tag: UInt32?, from source: Int, into batch: inout FrameBatch,
    _ port: PortIndex
  ) {
    // SAFETY: `byteCount` bytes of frame were just written there, behind the header.
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
    if let tag { put(tag, beside: slot, of: &batch) }
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
