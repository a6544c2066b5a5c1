// The kernel's monotonic clock (clock_gettime(2)), and waiting on it.
//
// Read once per batch by whoever drives a core, and handed in; nothing below floor F2 reads a
// clock.

public import Base
internal import Glibc

public enum MonotonicClock {
  /// Nanoseconds since some moment near boot; never goes back. Costs no system call (vDSO).
  public static func now() -> MonotonicTime {
    var time = timespec()
    // SAFETY: `time` lives for the call; CLOCK_MONOTONIC cannot fail.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicTime(
      nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  /// Nanoseconds that the calling thread has run for, whatever else the processors did meanwhile.
  public static func threadNanoseconds() -> UInt64 {
    var time = timespec()
    // SAFETY: `time` lives for the call; CLOCK_THREAD_CPUTIME_ID cannot fail for the own thread.
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Asks `condition` until it holds or the time is up; pauses in between. False when time is up.
  ///
  /// - Thread: blocks the caller. For set-up, tear-down and tests; a worker polls descriptors.
  public static func wait<Problem: Error>(
    atMostNanoseconds limit: UInt64, everyNanoseconds pause: UInt64 = 2_000_000,
    until condition: () throws(Problem) -> Bool
  ) throws(Problem) -> Bool {
    let deadline = now().advanced(byNanoseconds: limit)
    while true {
      if try condition() { return true }
      if now() >= deadline { return false }
      var time = timespec(tv_sec: Int(pause / 1_000_000_000), tv_nsec: Int(pause % 1_000_000_000))
      // SAFETY: `time` lives for the call; waking early only asks again.
      unsafe nanosleep(&time, nil)
    }
  }
}
