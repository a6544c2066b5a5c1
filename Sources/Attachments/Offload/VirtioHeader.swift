// The virtio-net header (virtio 1.2, 5.1.6; linux/virtio_net.h), the same before every frame that a
// TAP or a packet socket moves:
//
//   0      1         2           4          6           8            10
//   flags  gso type  hdr length  gso size   csum start  csum offset  (buffers, TAP only)
//
// Little-endian: for the TAP by TUNSETVNETLE, for packet(7) because it is in the machine's order.
// What the kernel says is checked against the bytes before the switch sees it (`Offload.checked`).

internal import Base
package import FrameMemory

#if _endian(big)
  #error("packet(7) has its header in the machine's order; only little-endian machines are tested")
#endif

/// Reading and writing the header in memory.
package enum VirtioHeader {
  /// Without and with the count of merged buffers, which Martlet leaves at zero.
  package static let byteCount = 10
  package static let byteCountWithBuffers = 12

  private static let typeMask: UInt8 = 0x7F
  private static let ecnFlag: UInt8 = 0x80

  /// The metadata at `address`; nil when the segmentation type is not a known one.
  ///
  /// - Unsafe: ten bytes are readable at `address`.
  @unsafe
  package static func read(at address: UnsafeRawPointer) -> Offload? {
    // SAFETY: the caller's promise covers offsets 0-9; every bit pattern is a valid integer.
    func field(_ offset: Int) -> UInt16 {
      UInt16(littleEndian: unsafe address.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
    // SAFETY: as above.
    let type = unsafe address.load(fromByteOffset: 1, as: UInt8.self)
    guard let segmentation = Offload.Segmentation(rawValue: type & typeMask) else { return nil }
    return Offload(
      // SAFETY: as above.
      flags: unsafe address.load(as: UInt8.self), segmentation: segmentation,
      hasECN: type & ecnFlag != 0, headerBytes: field(2), segmentBytes: field(4),
      checksumStart: field(6), checksumOffset: field(8))
  }

  /// Writes the metadata: ten bytes, or twelve of which the last two are zero.
  ///
  /// - Unsafe: so many bytes are writable at `address`.
  @unsafe
  package static func write(
    _ offload: Offload, at address: UnsafeMutableRawPointer, byteCount: Int = byteCountWithBuffers
  ) {
    // SAFETY: the caller's promise covers these offsets; integers are trivial.
    func store(_ value: UInt16, _ offset: Int) {
      unsafe address.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt16.self)
    }
    let type = offload.segmentation.rawValue | (offload.hasECN ? ecnFlag : 0)
    // SAFETY: as above.
    unsafe address.storeBytes(of: offload.flags, as: UInt8.self)
    unsafe address.storeBytes(of: type, toByteOffset: 1, as: UInt8.self)
    store(offload.headerBytes, 2)
    store(offload.segmentBytes, 4)
    store(offload.checksumStart, 6)
    store(offload.checksumOffset, 8)
    if byteCount > Self.byteCount { store(0, 10) }
  }
}
