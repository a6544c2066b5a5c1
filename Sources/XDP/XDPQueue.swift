// One AF_XDP socket: one queue of a device, with its four rings (Documentation/networking/af_xdp.rst).
//
//   fill        cells to receive into      we produce, the kernel consumes
//   receive     cells with frames          the kernel produces, we consume
//   transmit    cells to send              we produce, the kernel consumes
//   completion  cells that were sent       the kernel produces, we consume
//
// Each entry in the kernel's hands counts as one holder of its cell, and is noted in `held`, so that all
// of them come back when the socket closes, wherever the kernel has left them.

internal import Base
internal import CLinux
internal import CXDP
internal import Glibc
internal import Linux

/// A bound socket with its rings.
///
/// - Thread: made and closed by whoever manages ports, used by one worker.
@safe
final class XDPQueue {
  /// How a queue is used.
  struct Use {
    var bindsZeroCopy: Bool
    /// See `isZeroCopy`.
    var sendsLater: Bool
    var notesTags: Bool
  }

  /// The four rings of 8, 8, 16 and 16 bytes.
  static let ringBytesPerEntry = 48
  /// Room for frames that the network stack has not taken yet.
  private static let sendBufferBytes: Int32 = 4 << 20

  let socket: Descriptor
  let memory: XDPMemory
  /// The driver sends from the cells by itself, when it gets to it; otherwise they are copied while we
  /// ask it to.
  let isZeroCopy: Bool
  let held: HeldCells
  /// Checksums may be unfinished, and nobody says so; see PartialChecksum.swift.
  let isFromMemory: Bool
  /// Before each frame lies what the program found out about its tag.
  let notesTags: Bool
  private let mappings: UnsafeMutablePointer<clinux_xdp_ring>
  /// In memory of their own: a field of a class is guarded against overlapping access, each time.
  let rings: UnsafeMutablePointer<RingSet>
  /// Which delivery each entry of the transmit ring belongs to.
  let senders: UnsafeMutablePointer<Int32>

  /// Opens a socket and binds it to queue `number` of a device in the calling thread's namespace.
  init(
    device: DeviceFacts, queue number: UInt32, _ use: Use, memory: XDPMemory
  ) throws(Errno) {
    let limits = memory.limits
    let descriptor = clinux_xdp_open()
    guard descriptor >= 0 else { throw .current }
    let socket = Descriptor(owning: descriptor)
    // SAFETY: the area lives as long as `memory`, which this object keeps.
    guard
      unsafe clinux_xdp_register(
        descriptor, memory.start, UInt64(memory.byteCount), UInt32(limits.cellBytes)) == 0
    else { throw .current }
    let count = Int(CLINUX_XDP_RING_COUNT.rawValue)
    // SAFETY: room for the rings, which the call initialises.
    let mappings = UnsafeMutablePointer<clinux_xdp_ring>.allocate(capacity: count)
    unsafe mappings.initialize(repeating: clinux_xdp_ring(), count: count)
    guard unsafe clinux_xdp_make_rings(descriptor, UInt32(limits.ringEntries), mappings) == 0
    else {
      let error = Errno.current
      unsafe mappings.deallocate()
      throw error
    }
    guard
      clinux_xdp_set_budget(descriptor, UInt32(limits.ringEntries / 2), Self.sendBufferBytes) == 0,
      clinux_xdp_bind(descriptor, device.index, number, use.bindsZeroCopy ? 1 : 0) == 0,
      memory.admitQueue()
    else {
      let error = Errno.current
      unsafe clinux_xdp_unmap_rings(mappings)
      unsafe mappings.deallocate()
      throw error
    }
    self.socket = socket
    self.memory = memory
    isZeroCopy = use.sendsLater
    notesTags = use.notesTags
    isFromMemory = device.isVeth
    held = HeldCells(capacity: limits.cellCount)
    unsafe self.mappings = mappings
    // SAFETY: one value, and one number for each entry; initialised here and freed in `deinit`.
    unsafe rings = .allocate(capacity: 1)
    unsafe rings.initialize(to: RingSet(mappings, entries: UInt32(limits.ringEntries)))
    unsafe senders = .allocate(capacity: limits.ringEntries)
    unsafe senders.initialize(repeating: -1, count: limits.ringEntries)
  }

  deinit {
    // SAFETY: mapped and allocated by `init`. The kernel keeps its own mapping of the rings.
    unsafe clinux_xdp_unmap_rings(mappings)
    unsafe mappings.deallocate()
    unsafe rings.deallocate()
    unsafe senders.deallocate()
    // The socket closes right after; the cells are left alone for a while.
    memory.retire(held)
  }
}

// SAFETY: made on one thread and handed to the worker; closed when nobody else has it.
extension XDPQueue: @unchecked Sendable {}
