// One thread waits for another, once (sem_init(3)).

internal import Glibc

/// Closed until somebody opens it; whoever waits goes on then.
///
/// - Thread: any. `open` may be called from any thread, once.
// SAFETY: a POSIX semaphore is made to be used from several threads, and the pointer never changes.
@safe
public final class Latch: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  public init() {
    unsafe semaphore = .allocate(capacity: 1)
    // SAFETY: room for one semaphore, not shared between processes.
    let failure = unsafe sem_init(semaphore, 0, 0)
    precondition(failure == 0, "a private semaphore can always be made")
  }

  deinit {
    // SAFETY: nobody waits any more: a waiter holds the latch.
    unsafe sem_destroy(semaphore)
    unsafe semaphore.deallocate()
  }

  public func open() {
    // SAFETY: the semaphore lives as long as the latch.
    unsafe sem_post(semaphore)
  }

  /// Blocks until `open` was called.
  public func wait() {
    // SAFETY: as `open`; a signal that interrupts the wait is no reason to go on.
    while unsafe sem_wait(semaphore) != 0 {}
  }
}
