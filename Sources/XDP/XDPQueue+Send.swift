// The sending half of a queue: cells out to the kernel, and back when it has sent them.
//
// Without zero-copy the kernel takes frames only while we call `sendto`, some of them each time, and copies
// them. What it has not taken when it makes no progress is withdrawn, so that after `kick` nothing of a
// batch waits, and every delivery is known to be sent or not. With zero-copy the driver takes them by
// itself, now or later.

internal import CLinux
internal import CXDP
internal import Glibc
internal import Linux

/// How a call to send ended.
enum KickResult: Equatable {
  /// The kernel took what it was shown, or as much of it as it takes in one call.
  case done
  /// One frame was lost by the device: its delivery.
  case lost(Int)
  /// The kernel takes no more for now.
  case stuck
  case down
  case gone
}

extension XDPQueue {
  /// Takes back the cells that were sent.
  func reap() {
    var position: UInt32 = 0
    // SAFETY: the rings live as long as this object; `count` entries from `position` on were written by the
    // kernel.
    let count = unsafe xsk_ring_cons__peek(
      &rings.pointee.completion, UInt32(memory.limits.ringEntries), &position)
    guard count > 0 else { return }
    for index in 0..<count {
      let entry = unsafe xsk_ring_cons__comp_addr(&rings.pointee.completion, position &+ index)
      guard let entry = unsafe entry else { preconditionFailure("a ring has entries") }
      let cell = memory.place(unsafe entry.pointee).cell
      held.remove(cell)
      memory.pool.letGo(cell)
    }
    unsafe xsk_ring_cons__release(&rings.pointee.completion, count)
    unsafe rings.pointee.sendCount -= Int(count)
  }

  /// There is room to post one more.
  var hasRoom: Bool {
    // SAFETY: as in `reap`.
    unsafe rings.pointee.sendCount < memory.shareCount
      && xsk_prod_nb_free(&rings.pointee.transmit, 1) > 0
  }

  /// Puts a frame into the transmit ring; the caller's hold on the cell becomes the ring's.
  ///
  /// - Shape: `hasRoom` was true. `submit` shows it to the kernel.
  func post(_ cell: Int, offset: Int, byteCount: Int, sender: Int) {
    var position: UInt32 = 0
    // SAFETY: there is room; the entry is ours until `submit`.
    guard unsafe xsk_ring_prod__reserve(&rings.pointee.transmit, 1, &position) == 1,
      let entry = unsafe xsk_ring_prod__tx_desc(&rings.pointee.transmit, position)
    else { preconditionFailure("the ring had room") }
    unsafe entry.pointee = xdp_desc(
      addr: memory.descriptor(cell, offset: offset), len: UInt32(byteCount), options: 0)
    unsafe senders[Int(position & rings.pointee.transmit.mask)] = Int32(sender)
    unsafe rings.pointee.sendCount += 1
  }

  /// Shows the kernel everything that was posted.
  func submit() {
    // SAFETY: as in `reap`; everything reserved was written.
    let posted = unsafe rings.pointee.transmit.cached_prod
      &- rings.pointee.transmit.producer.pointee
    if posted > 0 { unsafe xsk_ring_prod__submit(&rings.pointee.transmit, posted) }
  }

  /// Has the kernel send what was submitted, once.
  func kick() -> KickResult {
    // SAFETY: as in `reap`.
    if isZeroCopy, unsafe xsk_ring_prod__needs_wakeup(&rings.pointee.transmit) == 0 {
      return .done
    }
    let before = takenPosition
    let result = clinux_xdp_send(socket.number)
    let error = errno
    noteTaken(atLeast: before)
    if result >= 0 {
      if !isZeroCopy { noteTaken(atLeast: postedPosition) }
      return .done
    }
    switch error {
    case EBUSY where !isZeroCopy:
      // The last frame that it took was dropped on the way into the device. The kernel shows how far it
      // came only when it sent something before that.
      if takenPosition == before { noteTaken(atLeast: before &+ 1) }
      return .lost(sender(at: takenPosition &- 1))
    case ENETDOWN: return .down
    case ENXIO, EBADF: return .gone
    default: return isZeroCopy || takenPosition != before ? .done : .stuck
    }
  }

  /// Whether the kernel has still to take something that was submitted.
  var hasUntaken: Bool { takenPosition != postedPosition }

  /// Takes the oldest frame back that the kernel has not taken; nil when there is none.
  ///
  /// The kernel skips what replaces it. It looks at the ring only when we ask it to, or while the device is up.
  /// - Returns: its delivery.
  func withdraw() -> Int? {
    let position = takenPosition
    guard position != postedPosition else { return nil }
    // SAFETY: an entry between consumer and producer.
    guard let entry = unsafe xsk_ring_prod__tx_desc(&rings.pointee.transmit, position) else {
      preconditionFailure("a ring has entries")
    }
    let cell = memory.place(unsafe entry.pointee.addr).cell
    unsafe entry.pointee = xdp_desc(addr: .max, len: 0, options: 0)
    held.remove(cell)
    memory.pool.letGo(cell)
    unsafe rings.pointee.sendCount -= 1
    unsafe rings.pointee.takenPosition = position &+ 1
    return sender(at: position)
  }

  private var takenPosition: UInt32 {
    // SAFETY: as in `reap`.
    unsafe rings.pointee.takenPosition
  }

  private var postedPosition: UInt32 {
    // SAFETY: as in `reap`.
    unsafe rings.pointee.transmit.producer.pointee
  }

  /// The kernel has come as far as it says, and at least so far.
  private func noteTaken(atLeast position: UInt32) {
    // SAFETY: a number that the kernel writes; nothing is read that depends on it.
    let shown = unsafe cxdp_consumed(&rings.pointee.transmit)
    let isAhead = Int32(bitPattern: shown &- position) > 0
    unsafe rings.pointee.takenPosition = isAhead ? shown : position
  }

  private func sender(at position: UInt32) -> Int {
    // SAFETY: the mask keeps the index within the ring.
    Int(unsafe senders[Int(position & rings.pointee.transmit.mask)])
  }
}
