// Threads that wait until a number has risen far enough (pthread_cond_timedwait(3)).

public import Base
internal import Glibc

/// A number that only rises.
///
/// - Thread: any.
// SAFETY: the mutex guards the number, and the pointers never change.
@safe
public final class Watermark: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let hasRisen: UnsafeMutablePointer<pthread_cond_t>
  private var value: Int64

  public init(_ value: Int64) {
    self.value = value
    unsafe mutex = .allocate(capacity: 1)
    unsafe hasRisen = .allocate(capacity: 1)
    // SAFETY: room for one of each, and the attributes live for the calls. These can always be made.
    unsafe pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(hasRisen, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    // SAFETY: nobody waits any more: a waiter holds the watermark.
    unsafe pthread_cond_destroy(hasRisen)
    unsafe pthread_mutex_destroy(mutex)
    unsafe hasRisen.deallocate()
    unsafe mutex.deallocate()
  }

  /// Raises the number, and wakes whoever waits for that. Nothing when it is as high already.
  public func rise(to value: Int64) {
    // SAFETY: both live as long as the watermark.
    unsafe pthread_mutex_lock(mutex)
    self.value = max(self.value, value)
    unsafe pthread_cond_broadcast(hasRisen)
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Waits until the number is above `value`, or the time has come. True when it is above.
  public func wait(above value: Int64, until end: MonotonicTime) -> Bool {
    var time = timespec(
      tv_sec: Int(end.nanoseconds / 1_000_000_000), tv_nsec: Int(end.nanoseconds % 1_000_000_000))
    // SAFETY: as `rise`; the time is a local that outlives the call.
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while self.value <= value {
      let result = unsafe pthread_cond_timedwait(hasRisen, mutex, &time)
      if result != 0 { return self.value > value }
    }
    return true
  }
}
