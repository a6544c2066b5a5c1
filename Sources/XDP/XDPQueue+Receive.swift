// The receiving half of a queue: cells out to the kernel, cells with frames back from it.

internal import Base
internal import CLinux
internal import CXDP
internal import FrameMemory
internal import Glibc
internal import Linux
internal import Wire

extension XDPQueue {
  /// Gives the kernel cells until it has its share, as far as there are free ones.
  ///
  /// - Parameter run: not before so many are missing: each time moves lines of the ring between processors.
  func refill(atLeast run: Int = 1) {
    // SAFETY: the rings live as long as this object; entries below what is free are ours to write.
    let missing = memory.shareCount - (unsafe rings.pointee.fillCount)
    guard missing >= run else { return }
    let wanted = min(missing, memory.pool.freeCount)
    guard wanted > 0 else { return }
    let room = Int(unsafe xsk_prod_nb_free(&rings.pointee.fill, UInt32(wanted)))
    let count = min(wanted, room)
    var position: UInt32 = 0
    guard count > 0,
      unsafe xsk_ring_prod__reserve(&rings.pointee.fill, UInt32(count), &position) > 0
    else { return }
    for index in 0..<UInt32(count) {
      guard let cell = memory.pool.take() else { preconditionFailure("the cells were counted") }
      _ = held.add(cell)
      let entry = unsafe xsk_ring_prod__fill_addr(&rings.pointee.fill, position &+ index)
      unsafe entry?.pointee = memory.descriptor(cell)
    }
    unsafe xsk_ring_prod__submit(&rings.pointee.fill, UInt32(count))
    unsafe rings.pointee.fillCount += count
    if unsafe xsk_ring_prod__needs_wakeup(&rings.pointee.fill) != 0 {
      _ = clinux_xdp_wake(socket.number)
    }
  }

  /// Frames wait to be received.
  var hasFrames: Bool {
    // SAFETY: as in `refill`.
    unsafe xsk_cons_nb_avail(&rings.pointee.receive, 1) > 0
  }

  /// Lends up to `limit` frames to the batch. Returns how many.
  func receive(into batch: inout FrameBatch, port: PortIndex, limit: Int) -> Int {
    var position: UInt32 = 0
    // SAFETY: the rings live as long as this object; `count` entries from `position` on were written by the
    // kernel.
    let count = unsafe xsk_ring_cons__peek(&rings.pointee.receive, UInt32(limit), &position)
    guard count > 0 else { return 0 }
    for index in 0..<count {
      let entry = unsafe xsk_ring_cons__rx_desc(&rings.pointee.receive, position &+ index)
      guard let entry = unsafe entry else { preconditionFailure("a ring has entries") }
      let (address, byteCount) = unsafe (entry.pointee.addr, entry.pointee.len)
      let (cell, offset) = memory.place(address)
      held.remove(cell)
      let slot = batch.count
      // SAFETY: the kernel has given the cell back, and it is held for the batch until `release`; the batch
      // checks that the frame lies within.
      unsafe batch.appendLent(
        Frame(offset: UInt32(truncatingIfNeeded: offset), byteCount: byteCount, ingress: port),
        at: memory.address(of: cell), cellBytes: memory.limits.cellBytes)
      // SAFETY: the note ends where the frame begins.
      if notesTags { unsafe takeNote(at: memory.address(of: cell) + offset, slot, of: &batch) }
      batch.takeOutTag(of: slot)
      if isFromMemory { markUnfinished(slot, of: &batch) }
    }
    unsafe xsk_ring_cons__release(&rings.pointee.receive, count)
    unsafe rings.pointee.fillCount -= Int(count)
    return Int(count)
  }

  /// Notes a customer tag beside the frame; puts any other back into the bytes.
  ///
  /// - Unsafe: the program has left its note before `start`, where the frame begins.
  @unsafe
  private func takeNote(
    at start: UnsafeMutableRawPointer, _ slot: Int, of batch: inout FrameBatch
  ) {
    // SAFETY: eight bytes of the cell's headroom.
    let note = unsafe (start - MemoryLayout<cxdp_note>.size).load(as: cxdp_note.self)
    guard note.result == 0, batch[slot].byteCount >= 14 else { return }
    var frame = batch[slot]
    if UInt16(bigEndian: note.protocol) == VLANTag.etherType {
      frame.tag = VLANTag(controlInformation: note.control_information)
      batch[slot] = frame
      return
    }
    let addresses = (batch.bytes(of: slot).big48(0), batch.bytes(of: slot).big48(6))
    frame.offset -= UInt32(VLANTag.byteCount)
    frame.byteCount += UInt32(VLANTag.byteCount)
    batch[slot] = frame
    var bytes = batch.mutableBytes(of: slot)
    bytes.setBig48(addresses.0, at: 0)
    bytes.setBig48(addresses.1, at: 6)
    bytes.setBig16(UInt16(bigEndian: note.protocol), at: 12)
    bytes.setBig16(note.control_information, at: 14)
  }

  private func markUnfinished(_ slot: Int, of batch: inout FrameBatch) {
    let offload = Offload.ofUnfinished(batch.bytes(of: slot))
    guard offload.needsChecksum else { return }
    var frame = batch[slot]
    frame.offload = offload
    batch[slot] = frame
  }

  /// Frames that came for this queue and were dropped, ever.
  var kernelDrops: UInt64 {
    var drops: UInt64 = 0
    // SAFETY: one number, written during the call.
    return unsafe clinux_xdp_drops(socket.number, &drops) == 0 ? drops : 0
  }
}
