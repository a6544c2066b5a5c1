// The sending half of a queue: cells out to the kernel, and back when it has sent them.
//
// Without zero-copy the kernel takes frames only while we call `sendto`, some of them each time, and copies
// them. When the device is busy some stay in the ring, which is the device's queue then, and are taken
// with those that follow. With zero-copy the driver takes them by itself, now or later.

internal import CLinux
internal import CXDP
internal import Glibc
internal import Linux

/// How a call to send ended.
enum KickResult: Equatable {
  /// Some or all was taken.
  case done
  /// All up to a frame that the device dropped; its delivery, nil when that is forgotten already.
  case lost(Int?)
  /// The device takes nothing for now.
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
    guard unsafe xsk_ring_prod__reserve(&rings.pointee.transmit, 1, &position) == 1 else {
      preconditionFailure("the ring had room")
    }
    unsafe entry(position).pointee = xdp_desc(
      addr: memory.descriptor(cell, offset: offset), len: UInt32(byteCount), options: 0)
    unsafe senders[Int(position & rings.pointee.transmit.mask)] = Int32(sender)
    unsafe rings.pointee.sendCount += 1
  }

  /// Shows the kernel everything that was posted.
  func submit() {
    // SAFETY: as in `reap`; everything reserved was written.
    let posted =
      unsafe rings.pointee.transmit.cached_prod
      &- rings.pointee.transmit.producer.pointee
    if posted > 0 { unsafe xsk_ring_prod__submit(&rings.pointee.transmit, posted) }
  }

  /// Has the kernel take what was submitted, or as much of it as it takes in one call.
  func kick() -> KickResult {
    // SAFETY: as in `reap`.
    if isZeroCopy, unsafe xsk_ring_prod__needs_wakeup(&rings.pointee.transmit) == 0 {
      return .done
    }
    let before = takenPosition
    let result = clinux_xdp_send(socket.number)
    let error = errno
    if result < 0 && [ENETDOWN, ENXIO, EBADF].contains(error) {
      return error == ENETDOWN ? .down : .gone
    }
    unsafe rings.pointee.shownPosition = postedPosition
    if isZeroCopy { return .done }
    if result >= 0 {
      noteTaken(postedPosition)
      return .done
    }
    let consumed = unsafe cxdp_consumed(&rings.pointee.transmit)
    if Int32(bitPattern: consumed &- before) > 0 { noteTaken(consumed) }
    if error == EBUSY {
      // The last frame that it took was dropped on the way into the device. The kernel shows how far it
      // came only when it sent something before that.
      if takenPosition == before { noteTaken(before &+ 1) }
      return .lost(sender(at: takenPosition &- 1))
    }
    return takenPosition == before ? .stuck : .done
  }

  /// From here on what is posted belongs to another list of deliveries.
  func beginList() {
    // SAFETY: as in `reap`.
    unsafe rings.pointee.listPosition = postedPosition
  }

  /// Whether the kernel has still to take something. With zero-copy nobody can tell.
  var hasUntaken: Bool { !isZeroCopy && takenPosition != postedPosition }

  /// Takes the newest frame back that the kernel has not seen yet; nil when there is none.
  ///
  /// It looks at the ring only while we call it, and reads how far we came only when it has taken
  /// everything before; with zero-copy that is not so, and nothing can be taken back.
  /// - Returns: its delivery.
  func withdraw() -> Int? {
    // SAFETY: as in `reap`; the entry lies between what the kernel has seen and what was submitted.
    let position = postedPosition
    guard !isZeroCopy, unsafe position != rings.pointee.shownPosition,
      position != takenPosition
    else { return nil }
    letGo(unsafe entry(position &- 1).pointee.addr)
    unsafe rings.pointee.sendCount -= 1
    unsafe rings.pointee.transmit.producer.pointee = position &- 1
    unsafe rings.pointee.transmit.cached_prod = position &- 1
    return sender(at: position &- 1)
  }

  /// Which entry that the kernel has not taken begins at an address.
  func untakenPosition(of address: UInt64) -> UInt32? {
    var position = takenPosition
    while position != postedPosition {
      // SAFETY: as in `withdraw`.
      if unsafe entry(position).pointee.addr == address { return position }
      position &+= 1
    }
    return nil
  }

  /// Has an entry that was not taken read from another cell; the caller's hold becomes the ring's.
  func move(_ position: UInt32, to cell: Int, offset: Int) {
    // SAFETY: as in `withdraw`.
    let entry = unsafe entry(position)
    letGo(unsafe entry.pointee.addr)
    _ = held.add(cell)
    unsafe entry.pointee.addr = memory.descriptor(cell, offset: offset)
  }

  /// Makes an entry that was not taken one that the kernel skips: there is no cell to move it to.
  func spoil(_ position: UInt32) {
    // SAFETY: as in `withdraw`.
    let entry = unsafe entry(position)
    letGo(unsafe entry.pointee.addr)
    unsafe entry.pointee.len = 0
    unsafe rings.pointee.sendCount -= 1
  }

  private func letGo(_ address: UInt64) {
    let cell = memory.place(address).cell
    held.remove(cell)
    memory.pool.letGo(cell)
  }

  /// - Unsafe: between what the kernel has taken and what was reserved it is ours.
  @unsafe
  private func entry(_ position: UInt32) -> UnsafeMutablePointer<xdp_desc> {
    // SAFETY: the mask keeps the index within the ring.
    guard let entry = unsafe xsk_ring_prod__tx_desc(&rings.pointee.transmit, position) else {
      preconditionFailure("a ring has entries")
    }
    return unsafe entry
  }

  private var takenPosition: UInt32 {
    // SAFETY: as in `reap`.
    unsafe rings.pointee.takenPosition
  }

  private var postedPosition: UInt32 {
    // SAFETY: as in `reap`.
    unsafe rings.pointee.transmit.producer.pointee
  }

  private func noteTaken(_ position: UInt32) {
    // SAFETY: as in `reap`.
    unsafe rings.pointee.takenPosition = position
  }

  /// The delivery of an entry; nil when it is of an earlier list.
  private func sender(at position: UInt32) -> Int? {
    // SAFETY: as in `reap`; the mask keeps the index within the ring.
    guard unsafe Int32(bitPattern: position &- rings.pointee.listPosition) >= 0 else { return nil }
    return Int(unsafe senders[Int(position & rings.pointee.transmit.mask)])
  }
}
