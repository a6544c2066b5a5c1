// A worker: the thread that moves every frame of a host, or one of several (Workers).
//
// While frames come it goes round the ports that have some, a batch each; when none come it looks for a
// moment longer (`PollPolicy`), then sleeps in epoll. Time is read once per round. Other threads reach its
// state through the mailbox, and other workers through the rings of the switches.

internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Netlink

/// A thread that owns all switches of the host, or its lane of each.
final class Worker: Sendable {
  private let mailbox: Mailbox<WorkerState>
  /// What the control thread has to look into; rung when there is something.
  let notices: NoticeBoard
  private let thread: JoinOnce

  /// Starts the thread. `links` tells about the links of this namespace; `bells` are those of all workers.
  init(
    number: Int, bells: [WorkerBell], links: consuming LinkWatch, notices: NoticeBoard,
    poll: PollMode
  ) throws(Failure) {
    do throws(Errno) {
      let mailbox = try Mailbox<WorkerState>()
      let poller = try Poller(capacity: 256)
      try poller.add(mailbox.wakeup.descriptor, token: WorkerState.mailboxToken)
      try poller.add(links.descriptor, token: WorkerState.linksToken)
      try poller.add(bells[number].descriptor, token: WorkerState.bellToken)
      let parts = WorkerParts(
        poller: poller, links: links, poll: poll, number: number, bells: bells)
      let name = number == 0 ? "worker" : "worker \(number)"
      thread = JoinOnce(
        try Thread(named: name, owning: parts) { parts in
          var loop = WorkerLoop(parts, mailbox: mailbox, notices: notices)
          loop.run()
        })
      self.mailbox = mailbox
      self.notices = notices
    } catch { throw error.failure("cannot start the worker") }
  }

  /// Runs `body` on the worker between two batches and returns what it returns; traps after `stop`.
  func perform<Value: Sendable>(_ body: @escaping @Sendable (inout WorkerState) -> Value) -> Value {
    guard let value = mailbox.perform(body) else { preconditionFailure("the worker has ended") }
    return value
  }

  /// The same without waiting.
  func begin<Value: Sendable>(_ body: @escaping @Sendable (inout WorkerState) -> Value)
    -> Reply<Value>
  { mailbox.begin(body) }

  /// Ends the thread; attachments close with it.
  func stop() {
    perform { $0.isStopping = true }
    thread.join()
    mailbox.close()
  }
}

/// What is made before the thread starts, so that its failures reach whoever starts it.
private struct WorkerParts: ~Copyable, Sendable {
  let poller: Poller
  let links: LinkWatch
  let poll: PollMode
  let number: Int
  let bells: [WorkerBell]
}

/// The loop and what it works on; made and kept on the worker's thread.
private struct WorkerLoop: ~Copyable {
  /// Old MAC table entries are cleared away, and the kernel's drops counted, this often.
  private static let sweepNanoseconds: UInt64 = 1_000_000_000
  /// While the worker goes on without sleeping, what frames have made due may wait this long.
  private static let tickNanoseconds: UInt64 = 20_000

  private var state: WorkerState
  private var policy: PollPolicy
  private var links: LinkWatch
  private let mailbox: Mailbox<WorkerState>
  private let notices: NoticeBoard
  private var nextSweep = MonotonicTime.zero
  /// When the next thing is due, as far as is known; a frame or a change may have made something due
  /// since then.
  private var deadline = MonotonicTime.zero
  private var lastTick = MonotonicTime.zero
  private var hasChanged = true
  private var precedence = Precedence()

  init(_ parts: consuming WorkerParts, mailbox: Mailbox<WorkerState>, notices: NoticeBoard) {
    state = WorkerState(poller: parts.poller, number: parts.number, bells: parts.bells)
    policy = PollPolicy(parts.poll)
    links = parts.links
    self.mailbox = mailbox
    self.notices = notices
  }

  mutating func run() {
    var looksAgain = false
    while !state.isStopping {
      // The poller is asked in every round, so that no port waits for those that are polled.
      if looksAgain { state.poller.wait(timeoutNanoseconds: 0) } else { rest() }
      let now = MonotonicClock.now()
      if links.probe(&state, now: now) { hasChanged = true }
      for index in 0..<state.poller.count { handle(state.poller[index].token, now: now) }
      let moved = state.goRound(now: now) + state.takeOver(now: now)
      let hasMoved = moved > 0
      hasChanged = hasChanged || hasMoved
      looksAgain = policy.looksAgain(hasMoved: hasMoved, now: now)
      tickIfNeeded(before: looksAgain ? Self.tickNanoseconds : 0, now: now)
      // Nothing may wait in here while the worker sleeps.
      state.exchangeNotes(now: now, moved: looksAgain ? moved : 0)
      postNotices()
      let isIdle = looksAgain && !hasMoved && policy.mode != .busy
      precedence.set(goesFirst: !isIdle)
      if isIdle { yield() }
    }
  }

  /// Waits for whatever comes first: a frame, a request, an event, or a time.
  private mutating func rest() {
    guard state.armAll(), state.beginSleep() else {
      state.poller.wait(timeoutNanoseconds: 0)
      return
    }
    let now = MonotonicClock.now()
    let end = min(deadline, state.notesDeadline)
    state.poller.wait(timeoutNanoseconds: end == .never ? nil : end.nanoseconds(since: now))
    state.endSleep()
  }

  /// Lets a guest run that waits for this processor.
  private mutating func yield() {
    let before = MonotonicClock.now()
    Thread.yield()
    let after = MonotonicClock.now()
    policy.hasYielded(forNanoseconds: after.nanoseconds(since: before), now: after)
  }

  private mutating func handle(_ token: UInt64, now: MonotonicTime) {
    switch token {
    case WorkerState.mailboxToken:
      mailbox.run(&state)
      hasChanged = true
    case WorkerState.linksToken:
      links.readEvents(&state, notices, now: now)
      hasChanged = true
    case WorkerState.bellToken: state.clearBell()
    default:
      let (place, port) = WorkerState.place(token)
      state.poll(place, port)
    }
  }

  private mutating func tickIfNeeded(before patience: UInt64, now: MonotonicTime) {
    let isDue = now >= deadline
    guard isDue || hasChanged && now.nanoseconds(since: lastTick) >= patience else { return }
    hasChanged = false
    lastTick = now
    deadline = tick(now: now)
  }

  private mutating func tick(now: MonotonicTime) -> MonotonicTime {
    var deadline = MonotonicTime.never
    let isSweepDue = now >= nextSweep
    if isSweepDue { nextSweep = now.advanced(byNanoseconds: Self.sweepNanoseconds) }
    for index in state.runtimes.indices {
      let runtime = state.runtimes[index]
      deadline = min(deadline, runtime.tick(&state.batch, now: now))
      if isSweepDue {
        runtime.network.sweepMACs(now: now)
        runtime.countKernelDrops()
      }
      if runtime.network.macCount > 0 { deadline = min(deadline, nextSweep) }
    }
    return deadline
  }

  private mutating func postNotices() {
    for index in state.runtimes.indices where !state.runtimes[index].notices.isEmpty {
      let fresh = state.runtimes[index].takeNotices()
      for case .attachmentGone(let name, let port) in fresh { state.silence(port, of: name) }
      notices.post(fresh)
    }
  }
}

/// Whether the worker goes before ordinary threads.
///
/// It does while it has frames, and when it sleeps, so that it is woken at once: on a busy machine every
/// guest would lose frames while the worker waits for its turn (a TAP holds 1,000 of them). It does not
/// while it only looks for frames: a guest that was woken on this processor must not wait for that.
private struct Precedence {
  private static let nice: Int32 = -15

  private let isAllowed: Bool
  private var goesFirst: Bool

  /// Sets it for the calling thread.
  init() {
    isAllowed = ThreadPriority.raise(to: Self.nice)
    goesFirst = isAllowed
  }

  mutating func set(goesFirst: Bool) {
    guard isAllowed, goesFirst != self.goesFirst else { return }
    self.goesFirst = goesFirst
    if goesFirst { ThreadPriority.raise(to: Self.nice) } else { ThreadPriority.makeOrdinary() }
  }
}
