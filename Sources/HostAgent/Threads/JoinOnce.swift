// A thread that is joined when asked, and only once.

internal import Linux
internal import Synchronization

/// Holds a thread until somebody joins it.
final class JoinOnce: Sendable {
  private let thread: Mutex<Thread?>

  init(_ thread: consuming sending Thread) { self.thread = Mutex(thread) }

  func join() {
    guard let thread = thread.withLock({ $0.take() }) else { return }
    thread.join()
  }
}
