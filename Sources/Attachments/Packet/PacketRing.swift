// Memory that the kernel puts received frames into (packet(7), PACKET_RX_RING; Linux
// Documentation/networking/packet_mmap.rst).
//
// TPACKET_V2: one slot a frame, and the frame shows as soon as it is there. V3 packs frames into blocks,
// which is a little faster and costs a millisecond of latency while there are few. A frame larger than a
// slot (GSO, jumbo) waits at the socket whole, and its slot only says so: order is kept.
//
//   slot   | header 32 | ... | virtio header 10 | Ethernet header, payload ... |
//
// A slot costs no system call, where recvmmsg costs some 0.7 us a frame (64 bytes, 2 to 2 veth: 3.2 us
// of the worker's time with recvmmsg, 2.2 with the ring).
//
// Memory: `frameCount` slots of 2 KiB, shared with the kernel: 4 MiB for the 2,048 of a port.
//
// Invariant: a slot whose status says "ours" is not touched by the kernel until it is given back.

internal import Base
internal import CLinux
internal import Glibc

/// The slots of one socket, in the order in which the kernel fills them.
///
/// - Thread: one worker.
@safe
struct PacketRing: ~Copyable {
  static let slotBytes = 2_048
  static let blockBytes = 65_536

  /// What a slot says about its frame.
  struct Entry {
    /// The whole frame waits at the socket.
    var isQueued: Bool
    /// Bytes are missing, and are nowhere: the socket's buffer was full.
    var isCut: Bool
    /// Protocol << 16 | control information.
    var tag: UInt32?
    /// Where the frame begins, and how much of it is in the slot.
    var frameOffset: Int
    var frameBytes: Int
  }

  /// 0 when there is no ring.
  let frameCount: Int
  private let memory: UnsafeMutableRawPointer?

  /// Makes a ring at a socket that is not bound yet; without one when the kernel has no memory for it.
  init(_ descriptor: Int32, frameCount wanted: Int) {
    let blocks = wanted * Self.slotBytes / Self.blockBytes
    guard blocks > 0,
      clinux_packet_make_ring(
        descriptor, UInt32(Self.blockBytes), UInt32(blocks), UInt32(Self.slotBytes)) == 0
    else {
      (frameCount, unsafe memory) = (0, nil)
      return
    }
    // SAFETY: a new mapping of the ring's size, at an address that the kernel chooses.
    let mapping = unsafe mmap(
      nil, blocks * Self.blockBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else {
      // The ring has no user then; frames would go there and be seen by nobody.
      _ = clinux_packet_make_ring(descriptor, 0, 0, 1)
      (frameCount, unsafe memory) = (0, nil)
      return
    }
    frameCount = blocks * Self.blockBytes / Self.slotBytes
    unsafe memory = mapping
  }

  deinit {
    // SAFETY: mapped by `init` with this size; no pointer outlives the ring.
    if let memory = unsafe memory { unsafe munmap(memory, frameCount * Self.slotBytes) }
  }

  /// What lies at a position; nil while that slot is the kernel's.
  func entry(_ position: Int) -> Entry? {
    guard frameCount > 0 else { return nil }
    // SAFETY: the slot is there, and ours once its status was read.
    let slot = unsafe slot(position)
    let status = unsafe clinux_ring_status(slot)
    guard status & CLINUX_RING_OURS.rawValue != 0 else { return nil }
    var tag: UInt32?
    if status & CLINUX_RING_TAGGED.rawValue != 0 {
      let hasProtocol = status & CLINUX_RING_TAG_PROTOCOL.rawValue != 0
      let number = unsafe hasProtocol ? UInt32(slot.pointee.tag_protocol) : 0x8100
      tag = unsafe number << 16 | UInt32(slot.pointee.tag_control)
    }
    let (offset, byteCount) = unsafe (
      Int(slot.pointee.frame_offset), Int(slot.pointee.frame_bytes)
    )
    precondition(
      offset >= VirtioHeader.byteCount && offset + byteCount <= Self.slotBytes,
      "the kernel keeps to its slots")
    return Entry(
      isQueued: status & CLINUX_RING_QUEUED.rawValue != 0,
      isCut: unsafe slot.pointee.wire_bytes > slot.pointee.frame_bytes, tag: tag,
      frameOffset: offset, frameBytes: byteCount)
  }

  /// Copies header and frame of a slot that is ours.
  ///
  /// - Unsafe: `VirtioHeader.byteCount + entry.frameBytes` bytes are writable at `destination`.
  @unsafe
  func copy(_ position: Int, _ entry: Entry, to destination: UnsafeMutableRawPointer) {
    // SAFETY: `entry` has checked that the frame and the header before it lie in the slot.
    let start = unsafe UnsafeMutableRawPointer(slot(position)) + entry.frameOffset
    unsafe destination.copyMemory(
      from: start - VirtioHeader.byteCount, byteCount: VirtioHeader.byteCount + entry.frameBytes)
  }

  /// The slot is the kernel's again.
  func giveBack(_ position: Int) {
    // SAFETY: the slot exists.
    unsafe clinux_ring_give_back(slot(position))
  }

  func position(after position: Int) -> Int { position + 1 == frameCount ? 0 : position + 1 }

  @unsafe
  private func slot(_ position: Int) -> UnsafeMutablePointer<clinux_ring_slot> {
    guard position >= 0, position < frameCount, let memory = unsafe memory else {
      preconditionFailure("no such slot")
    }
    // SAFETY: the position was checked; a slot begins with its header.
    return unsafe (memory + position * Self.slotBytes)
      .assumingMemoryBound(to: clinux_ring_slot.self)
  }
}

// SAFETY: the ring owns its mapping alone; sending it sends everything.
extension PacketRing: @unchecked Sendable {}
