// Giving way to the thread that one waits for.

internal import Glibc

enum Scheduling {
  /// Lets another thread run (sched_yield(2)).
  static func yield() { sched_yield() }
}
