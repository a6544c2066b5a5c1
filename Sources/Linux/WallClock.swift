// The time of day (clock_gettime(2)): for people, never for deadlines.

internal import Glibc

public enum WallClock {
  /// Nanoseconds since 1970; may jump when somebody sets the clock.
  public static func nowNanoseconds() -> UInt64 {
    var time = timespec()
    // SAFETY: `time` lives for the call; CLOCK_REALTIME cannot fail.
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Whole seconds since 1970.
  public static func nowSeconds() -> Int { Int(nowNanoseconds() / 1_000_000_000) }
}
