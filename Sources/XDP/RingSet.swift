// The four rings of a socket as libxdp's inline functions want them, and how far each has come.

internal import CLinux
internal import CXDP

/// Plain memory of a queue; see `XDPQueue`.
@unsafe
struct RingSet {
  // SAFETY: no rings yet; `init` sets all four.
  var fill = unsafe xsk_ring_prod()
  var completion = unsafe xsk_ring_cons()
  var receive = unsafe xsk_ring_cons()
  var transmit = unsafe xsk_ring_prod()
  /// Cells that the kernel has to receive into.
  var fillCount = 0
  /// Cells that the kernel has to send.
  var sendCount = 0
  /// The first entry of the transmit ring that the kernel has not taken, as far as we know.
  var takenPosition: UInt32 = 0
  /// How far the kernel has seen the transmit ring at most.
  var shownPosition: UInt32 = 0
  /// Where the entries of the list begin that is being sent.
  var listPosition: UInt32 = 0

  /// - Unsafe: the mappings are those of `clinux_xdp_make_rings` with as many entries.
  init(_ mappings: UnsafeMutablePointer<clinux_xdp_ring>, entries: UInt32) {
    // SAFETY: there are CLINUX_XDP_RING_COUNT mappings.
    unsafe fill = xsk_ring_prod(mappings[Int(CLINUX_XDP_FILL.rawValue)], entries)
    unsafe completion = unsafe xsk_ring_cons(mappings[Int(CLINUX_XDP_COMPLETION.rawValue)], entries)
    unsafe receive = xsk_ring_cons(mappings[Int(CLINUX_XDP_RECEIVE.rawValue)], entries)
    unsafe transmit = xsk_ring_prod(mappings[Int(CLINUX_XDP_TRANSMIT.rawValue)], entries)
  }
}

extension xsk_ring_prod {
  /// An empty ring that we produce into: `cached_cons` is a whole ring ahead (xsk_prod_nb_free).
  @unsafe
  fileprivate init(_ ring: clinux_xdp_ring, _ entries: UInt32) {
    // SAFETY: the pointers of a mapped ring.
    unsafe self.init()
    unsafe (mask, size) = (entries - 1, entries)
    unsafe (producer, consumer) = (ring.producer, ring.consumer)
    unsafe (self.ring, flags) = (ring.entries, ring.flags)
    unsafe cached_prod = ring.producer.pointee
    unsafe cached_cons = ring.consumer.pointee &+ entries
  }
}

extension xsk_ring_cons {
  /// An empty ring that we consume from.
  @unsafe
  fileprivate init(_ ring: clinux_xdp_ring, _ entries: UInt32) {
    // SAFETY: the pointers of a mapped ring.
    unsafe self.init()
    unsafe (mask, size) = (entries - 1, entries)
    unsafe (producer, consumer) = (ring.producer, ring.consumer)
    unsafe (self.ring, flags) = (ring.entries, ring.flags)
    unsafe cached_prod = ring.producer.pointee
    unsafe cached_cons = ring.consumer.pointee
  }
}
