// Time as the data plane sees it: a number that is handed in.
//
// Nothing below the host agent reads a clock. Whoever drives a core (the worker, a test, the
// simulator) says what time it is, so that every core can be replayed.

/// A moment on a clock that never goes back, in nanoseconds from an arbitrary start.
@frozen
public struct MonotonicTime: Hashable, Comparable, Sendable, BitwiseCopyable {
  public var nanoseconds: UInt64

  @inlinable
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  @inlinable
  public init(milliseconds: UInt64) { nanoseconds = milliseconds * 1_000_000 }

  @inlinable
  public init(seconds: UInt64) { nanoseconds = seconds * 1_000_000_000 }

  /// The start of the clock.
  @inlinable public static var zero: MonotonicTime { MonotonicTime(nanoseconds: 0) }

  /// Later than every deadline: "never".
  @inlinable public static var never: MonotonicTime { MonotonicTime(nanoseconds: .max) }

  @inlinable
  public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

  /// A later moment; stays at `never` instead of wrapping.
  @inlinable
  public func advanced(byNanoseconds count: UInt64) -> Self {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(count)
    return overflow ? .never : Self(nanoseconds: sum)
  }

  @inlinable
  public func advanced(byMilliseconds count: UInt64) -> Self {
    advanced(byNanoseconds: count * 1_000_000)
  }

  /// How long after `earlier` this is; zero when it is before.
  @inlinable
  public func nanoseconds(since earlier: Self) -> UInt64 {
    nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
  }
}
