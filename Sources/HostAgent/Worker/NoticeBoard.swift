// What the worker leaves for the control thread: things that need a system call which may block, or a
// decision. Bounded: a notice that is there already is not added again.

internal import Linux
internal import Synchronization

/// Notices from the worker, each at most once until it is taken.
final class NoticeBoard: Sendable {
  private let waiting = Mutex<[SwitchRuntime.Notice]>([])
  let wakeup: WakeupSignal

  init() throws(Errno) { wakeup = try WakeupSignal() }

  func post(_ notices: [SwitchRuntime.Notice]) {
    let isNew = waiting.withLock { waiting in
      let fresh = notices.filter { !waiting.contains($0) }
      waiting += fresh
      return !fresh.isEmpty
    }
    if isNew { wakeup.ring() }
  }

  func takeAll() -> [SwitchRuntime.Notice] {
    wakeup.clear()
    return waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
  }
}
