// Bytes in an array, read and written as everything else is: through raw spans.
//
// For tests, tools and configuration. The data path has no arrays.

extension Array where Element == UInt8 {
  /// All of the bytes.
  @inlinable
  public var rawSpan: RawSpan {
    @_lifetime(borrow self)
    get {
      // SAFETY: unsafe only in that padding of an element may be uninitialised; a byte has none.
      unsafe span.bytes
    }
  }

  /// Lends all of the bytes, to be changed in place.
  @inlinable
  public mutating func withMutableRawSpan<Result, Problem: Error>(
    _ body: (inout MutableRawSpan) throws(Problem) -> Result
  ) throws(Problem) -> Result {
    var elements = mutableSpan
    // SAFETY: as above, and any bit pattern is a valid byte.
    var bytes = unsafe elements.mutableBytes
    return try body(&bytes)
  }
}

extension Span where Element == UInt8 {
  /// All of the bytes.
  @inlinable
  public var rawSpan: RawSpan {
    @_lifetime(copy self)
    get {
      // SAFETY: as above.
      unsafe bytes
    }
  }
}
