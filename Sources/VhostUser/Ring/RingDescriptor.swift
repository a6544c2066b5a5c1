// One entry of a descriptor table (virtio 1.2, 2.7.5), as a private copy: loaded once, then judged.

internal import CLinux

/// Where a buffer is.
struct RingDescriptor: BitwiseCopyable {
  static let byteCount = 16

  let address: UInt64
  let length: UInt32
  private let rawFlags: UInt16
  let next: UInt16

  /// - Unsafe: 16 bytes are readable at `start`, which is aligned to 8.
  @unsafe
  @inline(__always)
  init(at start: UnsafeRawPointer) {
    address = UInt64(littleEndian: unsafe clinux_load64(start))
    let rest = UInt64(littleEndian: unsafe clinux_load64(start + 8))
    length = UInt32(truncatingIfNeeded: rest)
    rawFlags = UInt16(truncatingIfNeeded: rest >> 32)
    next = UInt16(truncatingIfNeeded: rest >> 48)
  }

  @inline(__always)
  var hasNext: Bool { rawFlags & 1 != 0 }
  /// For the device to write.
  @inline(__always)
  var isWritable: Bool { rawFlags & 2 != 0 }
  /// A table of descriptors.
  @inline(__always)
  var isIndirect: Bool { rawFlags & 4 != 0 }

  /// One buffer, to be read.
  @inline(__always)
  var isPlainReadable: Bool { rawFlags & 7 == 0 }
  /// One buffer, to be written.
  @inline(__always)
  var isPlainWritable: Bool { rawFlags & 7 == 2 }
}
