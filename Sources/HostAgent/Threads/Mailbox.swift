// How other threads reach state that one thread owns: they hand the owner a piece of work, and wait for
// the result. The worker's state and the control state are owned like this, so nothing of either is ever
// locked; the owner looks into its mailbox only when its wakeup rings.
//
// A closed mailbox answers at once with nothing, also to those that already wait: a thread that serves a
// request cannot be left behind when the agent ends.

internal import Linux
internal import Synchronization

/// Work handed to the owner of some state.
///
/// - Thread: any thread performs; the owner runs and closes.
final class Mailbox<State: ~Copyable>: Sendable {
  struct Work: Sendable {
    let run: @Sendable (inout State) -> Void
    let abandon: @Sendable () -> Void
  }

  private struct Queue: Sendable {
    var waiting: [Work] = []
    var isClosed = false
  }

  private let queue = Mutex(Queue())
  let wakeup: WakeupSignal

  init() throws(Errno) { wakeup = try WakeupSignal() }

  /// Hands work over and waits until the owner did it; nil when the mailbox is closed.
  func perform<Value: Sendable>(_ body: @escaping @Sendable (inout State) -> Value) -> Value? {
    begin(body).take()
  }

  /// Hands work over without waiting; the reply is nil when the mailbox is closed.
  func begin<Value: Sendable>(_ body: @escaping @Sendable (inout State) -> Value) -> Reply<Value> {
    let reply = Reply<Value>()
    let work = Work(run: { reply.give(body(&$0)) }, abandon: { reply.give(nil) })
    let isAccepted = queue.withLock { queue in
      if !queue.isClosed { queue.waiting.append(work) }
      return !queue.isClosed
    }
    if isAccepted { wakeup.ring() } else { reply.give(nil) }
    return reply
  }

  /// Does everything that waits, in order. For the owner.
  func run(_ state: inout State) {
    wakeup.clear()
    let waiting = queue.withLock { queue in
      defer { queue.waiting = [] }
      return queue.waiting
    }
    for work in waiting { work.run(&state) }
  }

  /// Takes no more work and gives up what waits.
  func close() {
    let waiting = queue.withLock { queue in
      defer { queue = Queue(waiting: [], isClosed: true) }
      return queue.waiting
    }
    for work in waiting { work.abandon() }
  }
}

/// Where a poster waits for the value of its work.
final class Reply<Value: Sendable>: Sendable {
  private let value = Mutex<Value?>(nil)
  private let isGiven = Latch()

  fileprivate func give(_ value: Value?) {
    self.value.withLock { $0 = value }
    isGiven.open()
  }

  /// Waits for it; nil when the owner has gone.
  func take() -> Value? {
    isGiven.wait()
    return value.withLock { $0 }
  }
}
