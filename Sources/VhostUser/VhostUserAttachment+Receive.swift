// From the guest: one ring at a time, up to 64 buffers, in three passes (heads, descriptors, frames), so that
// what another processor wrote is fetched while there is other work.
//
// A frame is copied with its header in one go, the header to the end of the headroom. From then on only the
// copy is looked at: the guest may change its own at any time.

internal import Attachments
internal import Base
internal import CLinux
internal import FrameMemory
internal import Wire

extension VhostUserAttachment {
  /// Moves up to `room` frames of a ring into the batch. Returns how many buffers that took.
  func take(
    _ ring: inout GuestRing, into batch: inout FrameBatch, _ index: PortIndex, _ room: Int
  ) -> Int {
    guard let waiting = ring.waitingCount() else {
      port.cutOff(because: .indexJump)
      return 0
    }
    guard waiting > 0 else { return 0 }
    if ring.isArmed { ring.disarm(port.log) }
    let count = min(waiting, room, Lookahead.capacity)
    var memory = port.memory
    let terms = port.terms
    guard ahead.look(count, ring, &memory, isForWriting: false) else {
      port.cutOff(because: .headOutOfRange)
      return 0
    }
    var done = 0
    while done < count {
      // SAFETY: `done < count`, which were just looked at.
      let buffer = unsafe ahead.buffers[done]
      if let start = unsafe buffer.start {
        guard buffer.byteCount >= terms.headerBytes else {
          port.cutOff(because: .missingHeader)
          break
        }
        unsafe copyPlain(start, buffer.byteCount, terms, into: &batch, index)
      } else if let reason = takeChain(buffer.head, ring, &memory, terms, into: &batch, index) {
        port.cutOff(because: reason)
        break
      }
      ring.complete(buffer.head, writtenBytes: 0)
      done += 1
    }
    ring.nextAvailable = ring.nextAvailable &+ UInt16(truncatingIfNeeded: done)
    ring.publish(port.log)
    port.memory = memory
    return done
  }

  /// A frame in one buffer, which is the rule.
  ///
  /// - Unsafe: `byteCount` bytes at `start` are guest memory, at least a header.
  @unsafe
  @inline(__always)
  private func copyPlain(
    _ start: UnsafeMutableRawPointer, _ byteCount: Int, _ terms: PortRings.Terms,
    into batch: inout FrameBatch, _ index: PortIndex
  ) {
    guard byteCount - terms.headerBytes <= batch.frameCapacityBytes else {
      receiveDrops.oversize += 1
      return
    }
    // SAFETY: the slot holds the headroom, in which the header fits, and `frameCapacityBytes`.
    let slot = unsafe batch.slotAddress(batch.count)
    unsafe clinux_copy(
      slot + (FrameBatch.headroomBytes - terms.headerBytes), start, byteCount)
    unsafe accept(slot, byteCount - terms.headerBytes, terms, into: &batch, index)
  }

  /// A frame in several buffers; the broken rule, or nil.
  @inline(never)
  private func takeChain(
    _ head: UInt16, _ ring: GuestRing, _ memory: inout MemoryView, _ terms: PortRings.Terms,
    into batch: inout FrameBatch, _ index: PortIndex
  ) -> CutOffReason? {
    let rules = ChainReader.Rules(isForWriting: false, allowsIndirect: terms.allowsIndirect)
    // SAFETY: the slot holds the headroom, in which the header fits, and `frameCapacityBytes`.
    let slot = unsafe batch.slotAddress(batch.count)
    let room = unsafe UnsafeMutableRawBufferPointer(
      start: slot + (FrameBatch.headroomBytes - terms.headerBytes),
      count: terms.headerBytes + batch.frameCapacityBytes)
    switch unsafe chain.pointee.copy(head, of: ring, &memory, rules, to: room) {
    case .broken(let reason): return reason
    case .tooLong: receiveDrops.oversize += 1
    case .copied(let byteCount):
      guard byteCount >= terms.headerBytes else { return .missingHeader }
      unsafe accept(slot, byteCount - terms.headerBytes, terms, into: &batch, index)
    }
    return nil
  }

  /// Judges the copy, and adds it to the batch unless it is no frame.
  ///
  /// - Unsafe: `slot` is the next slot of the batch, with a header at the end of its headroom and
  ///   `byteCount` bytes behind.
  @unsafe
  @inline(__always)
  private func accept(
    _ slot: UnsafeMutableRawPointer, _ byteCount: Int, _ terms: PortRings.Terms,
    into batch: inout FrameBatch, _ index: PortIndex
  ) {
    guard byteCount > 0 else {
      receiveDrops.malformed += 1
      return
    }
    // SAFETY: as promised by the caller; header and bytes are our own memory.
    let frame = unsafe slot + FrameBatch.headroomBytes
    let header = unsafe frame - terms.headerBytes
    var offload = Offload.none
    if terms.readsHeaders,
      unsafe header.loadUnaligned(as: UInt16.self) != 0
    {
      let bytes = unsafe RawSpan(_unsafeStart: frame, byteCount: byteCount)
      guard let checked = unsafe VirtioHeader.read(at: header)?.checked(against: bytes) else {
        receiveDrops.malformed += 1
        return
      }
      offload = checked
      if offload.needsSegmentation { offloadCounters.segmentationReceived += 1 }
    }
    let place = batch.count
    batch.append(
      Frame(
        offset: UInt32(truncatingIfNeeded: FrameBatch.headroomBytes),
        byteCount: UInt32(truncatingIfNeeded: byteCount), ingress: index, offload: offload))
    guard byteCount >= 18 else { return }
    let type = unsafe frame.loadUnaligned(fromByteOffset: 12, as: UInt16.self)
    if type == VLANTag.etherType.bigEndian { batch.takeOutTag(of: place) }
  }
}
