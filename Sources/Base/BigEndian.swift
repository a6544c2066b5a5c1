// Big-endian loads and stores on spans: the one place where bytes become numbers.
//
// Swift 6.3 has no safe unaligned load on `RawSpan` (it comes with SE-0525 in 6.4), so the unsafe
// forms are fenced here. They are unsafe only in the type that they make, and every type here is an
// integer, for which every bit pattern is valid; the span checks the bounds of each access.

extension RawSpan {
  /// The byte at `offset`; traps outside the span.
  @inlinable @inline(__always)
  public func byte(_ offset: Int) -> UInt8 {
    // SAFETY: bounds are checked by the call; any bit pattern is a valid integer.
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)
  }

  /// Two bytes in network order; traps outside the span.
  @inlinable @inline(__always)
  public func big16(_ offset: Int) -> UInt16 {
    // SAFETY: as `byte`.
    UInt16(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// Four bytes in network order; traps outside the span.
  @inlinable @inline(__always)
  public func big32(_ offset: Int) -> UInt32 {
    // SAFETY: as `byte`.
    UInt32(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// Six bytes in network order, in the low 48 bits; traps outside the span.
  @inlinable @inline(__always)
  public func big48(_ offset: Int) -> UInt64 {
    UInt64(big32(offset)) << 16 | UInt64(big16(offset + 4))
  }

  /// Eight bytes in network order; traps outside the span.
  @inlinable @inline(__always)
  public func big64(_ offset: Int) -> UInt64 {
    // SAFETY: as `byte`.
    UInt64(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}

extension MutableRawSpan {
  /// Writes one byte; traps outside the span.
  @inlinable @inline(__always)
  public mutating func setByte(_ value: UInt8, at offset: Int) {
    storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
  }

  /// Writes two bytes in network order; traps outside the span.
  @inlinable @inline(__always)
  public mutating func setBig16(_ value: UInt16, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
  }

  /// Writes four bytes in network order; traps outside the span.
  @inlinable @inline(__always)
  public mutating func setBig32(_ value: UInt32, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
  }

  /// Writes the low 48 bits in network order; traps outside the span.
  @inlinable @inline(__always)
  public mutating func setBig48(_ value: UInt64, at offset: Int) {
    setBig32(UInt32(truncatingIfNeeded: value >> 16), at: offset)
    setBig16(UInt16(truncatingIfNeeded: value), at: offset + 4)
  }

  /// Writes eight bytes in network order; traps outside the span.
  @inlinable @inline(__always)
  public mutating func setBig64(_ value: UInt64, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt64.self)
  }
}
