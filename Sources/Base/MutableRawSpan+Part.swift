// A part of a mutable span, lent for as long as the whole is borrowed.
//
// Swift 6.3 has this under a name with an underscore and deprecates the plain name; the one use of
// the underscored name is here, to be replaced when the standard library settles.

extension MutableRawSpan {
  /// The bytes in `range`, to be changed in place; traps outside the span.
  @inlinable
  @_lifetime(&self)
  public mutating func part(_ range: Range<Int>) -> MutableRawSpan {
    _mutatingExtracting(range)
  }
}
