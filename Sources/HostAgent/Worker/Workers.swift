// The workers of a host: threads that share every switch.
//
//   each worker   a lane of every switch (Dataplane: LaneNote), an epoll, and the ports whose home is that
//                 lane (LaneHome): it alone receives from them, so that a port's frames, and with them each
//                 flow's, stay in order; it alone shapes them
//   sending       TAPs and packet sockets take frames from any thread: a worker sends by a sender of its own
//                 (Attachment.makeSender), nothing crosses threads. Where only one can send (AF_XDP,
//                 vhost-user), and where egress is shaped, the frame is copied into the home worker's ring;
//                 without room there it is dropped, queueFull, at its port
//   notes         what a lane learns from frames goes to the others once a round
//   waking        a worker that sleeps is woken by its bell (WorkerBell) when something is put into its rings
//   control       every call is made on every worker, in the same order; plans, tables and old plans are made
//                 and freed by the control thread
//   links         each worker looks at the carriers and hears the events by itself, so that none sends into a
//                 dead link because another was late
//   time          each lane has its timers; beacons, queries, announcements and load balancing are the first
//                 lane's
//   readings      counters are summed, all read at one moment, and addresses united; what is the same in all
//                 lanes is read of the first
//
// With one worker there are no rings, bells or senders.

internal import Attachments
internal import Base
internal import Dataplane
internal import FrameMemory
internal import Linux
internal import Synchronization

/// All workers of a host.
///
/// - Thread: one at a time makes changes; any reads.
final class Workers: Sendable {
  let all: [Worker]
  private let bells: [WorkerBell]

  /// Starts the threads. `makeLinks` is called once for each of them.
  init(
    count: Int, notices: NoticeBoard, poll: PollMode,
    links makeLinks: () throws(Failure) -> LinkWatch
  ) throws(Failure) {
    precondition(count >= 1 && count <= SwitchLimits.lanesMax, "1 to 16 workers")
    do throws(Errno) {
      var bells: [WorkerBell] = []
      for _ in 0..<count { bells.append(try WorkerBell()) }
      self.bells = bells
    } catch { throw error.failure("cannot start the workers") }
    var all: [Worker] = []
    do throws(Failure) {
      for number in 0..<count {
        all.append(
          try Worker(
            number: number, bells: bells, links: try makeLinks(), notices: notices, poll: poll))
      }
    } catch {
      for worker in all { worker.stop() }
      throw error
    }
    self.all = all
  }

  var count: Int { all.count }

  /// Which worker receives from a port.
  func home(of port: PortIndex) -> Int { LaneHome.lane(of: port, lanes: count) }

  /// Asks the first worker: for what all of them know alike.
  func perform<Value: Sendable>(_ body: @escaping @Sendable (inout WorkerState) -> Value) -> Value {
    all[0].perform(body)
  }

  /// Asks or tells every worker, one after the other.
  @discardableResult
  func performOnAll<Value: Sendable>(
    _ body: @escaping @Sendable (inout WorkerState) -> Value
  ) -> [Value] {
    all.map { $0.perform(body) }
  }

  /// Asks every worker while none of them moves frames, so that their numbers are of one moment.
  ///
  /// - Thread: one at a time. Cost: all wait until the last has finished its batch.
  func performTogether<Value: Sendable>(
    _ body: @escaping @Sendable (inout WorkerState) -> Value
  ) -> [Value] {
    let gate = Gate(count)
    let replies = all.map { worker in
      worker.begin { state in
        gate.pass()
        return body(&state)
      }
    }
    return replies.map { reply in
      guard let value = reply.take() else { preconditionFailure("the worker has ended") }
      return value
    }
  }

  func stop() { for worker in all { worker.stop() } }

  // MARK: - Switches

  /// Adds a switch without ports: a lane of it to each worker. Its tables are made here.
  func addSwitch(_ name: String, seed: UInt64, limits: SwitchLimits = SwitchLimits()) {
    var limits = limits
    limits.lanes = count
    let rings = LaneRings.make(count: count)
    for (lane, worker) in all.enumerated() {
      let fresh = Handover(
        SwitchRuntime(
          name: name, limits: limits, seed: seed, lane: lane, rings: count > 1 ? rings[lane] : nil))
      worker.perform { $0.add(fresh.value) }
    }
  }

  /// Takes a switch away whose ports have no attachments any more; it is freed here.
  func removeSwitch(_ name: String) {
    for worker in all { _ = worker.perform { Handover($0.remove(named: name)) } }
  }

  /// Gives a port its attachment. The others can send before the first frame comes in.
  /// `isUp` is asked on each worker: whether the guest is there.
  func attach(
    _ attachment: any Attachment, to port: PortIndex, of name: String,
    isUp: @escaping @Sendable () -> Bool = { true }
  ) {
    let home = home(of: port)
    var senders = (0..<count).map { $0 == home ? nil : attachment.makeSender() }
    // One that cannot send keeps all from it: what the ports of a flow do must not depend on luck.
    let isAtHomeOnly = senders.enumerated().contains { $0 != home && $1 == nil }
    if isAtHomeOnly { senders = senders.map { _ in nil } }
    for (number, worker) in all.enumerated() where number != home {
      let parcel = Handover(senders[number])
      worker.perform { state in
        state.attachSender(
          parcel.value, to: port, of: name, isAtHomeOnly: isAtHomeOnly, isUp: isUp(),
          now: MonotonicClock.now())
      }
    }
    let parcel = Handover(attachment)
    all[home].perform { state in
      state.attach(
        parcel.value, to: port, of: name, isUp: isUp(), now: MonotonicClock.now())
    }
  }

  /// Takes a port's attachment away; nil when there was none. It closes when the caller lets go of it.
  func detach(_ port: PortIndex, of name: String) -> (any Attachment)? {
    let home = all[home(of: port)]
    let attachment = home.perform { state in
      Handover(state.detach(port, of: name, now: MonotonicClock.now()))
    }.value
    for worker in all where worker !== home {
      _ = worker.perform { state in
        Handover(state.detachSender(port, of: name, now: MonotonicClock.now()))
      }
    }
    return attachment
  }
}

/// Lets threads through when all have come.
private final class Gate: Sendable {
  private let missing: Atomic<Int>

  init(_ count: Int) { missing = Atomic(count) }

  func pass() {
    missing.subtract(1, ordering: .acquiringAndReleasing)
    while missing.load(ordering: .acquiring) > 0 { Thread.yield() }
  }
}
