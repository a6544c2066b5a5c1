// Waking a worker for what another one has put into its rings, and only when it sleeps.
//
// A worker says that it is about to sleep, then looks into its rings once more; who puts something there looks
// whether it sleeps afterwards. With a full fence between the two steps on either side, one of them sees the
// other (Dekker), so that nothing lies in a ring while its reader sleeps.

internal import Linux
internal import Synchronization

/// One worker's bell.
///
/// - Thread: the worker sleeps, any other wakes.
final class WorkerBell: Sendable {
  private let signal: WakeupSignal
  private let isAsleep = Atomic(false)

  init() throws(Errno) { signal = try WakeupSignal() }

  /// Readable when rung.
  var descriptor: Int32 { signal.descriptor }

  /// After something was put into a ring of the worker. Costs a fence while it is awake.
  func wake() {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    guard isAsleep.load(ordering: .relaxed), isAsleep.exchange(false, ordering: .relaxed) else {
      return
    }
    signal.ring()
  }

  /// Before the last look into the rings.
  func beginSleep() {
    isAsleep.store(true, ordering: .relaxed)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
  }

  func endSleep() { isAsleep.store(false, ordering: .relaxed) }

  /// For the worker, when its poller has seen the descriptor.
  func clear() { signal.clear() }
}
