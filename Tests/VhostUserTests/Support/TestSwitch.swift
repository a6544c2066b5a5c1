// A worker between two attachments, on a thread of its own: it polls for a while after frames, and sleeps
// as the protocol of `Attachment` says.

import Attachments
import FrameMemory
import Linux
import Synchronization

/// Moves frames both ways until it is stopped.
final class TestSwitch: Sendable {
  private let isStopping = Atomic<Bool>(false)
  private let moved = Atomic<Int>(0)
  private let sleeps = Atomic<Int>(0)
  private let hasEnded = Atomic<Bool>(false)

  /// Frames that were received so far, both ways.
  var movedCount: Int { moved.load(ordering: .relaxed) }
  /// How often it slept.
  var sleepCount: Int { sleeps.load(ordering: .relaxed) }

  /// The ends are made here and used by the thread alone until `stop`.
  init(_ ends: [any Attachment]) throws {
    let box = Ends(ends)
    _ = try Thread(named: "switch") { [self] in
      run(box.take())
      hasEnded.store(true, ordering: .releasing)
    }
  }

  /// Ends the thread; it lets go of the ends.
  func stop() {
    isStopping.store(true, ordering: .relaxed)
    _ = MonotonicClock.wait(atMostNanoseconds: 5_000_000_000) {
      hasEnded.load(ordering: .acquiring)
    }
  }

  // SAFETY: handed over once, before the thread starts.
  private final class Ends: @unchecked Sendable {
    private var ends: [any Attachment]
    init(_ ends: [any Attachment]) { self.ends = ends }

    func take() -> [any Attachment] {
      defer { ends = [] }
      return ends
    }
  }

  private func run(_ ends: [any Attachment]) {
    let relay = Relay()
    guard var poller = try? Poller() else { return }
    for (index, end) in ends.enumerated() { try? poller.add(end.descriptor, token: UInt64(index)) }
    var idleRounds = 0
    while !isStopping.load(ordering: .relaxed) {
      var count = 0
      for index in 0...1 {
        if case .frames(let fresh) = relay.move(from: ends[index], to: ends[1 - index]) {
          count += fresh
        }
      }
      moved.wrappingAdd(count, ordering: .relaxed)
      idleRounds = count > 0 ? 0 : idleRounds + 1
      guard idleRounds > 50 else { continue }
      let areReady = ends.map { $0.prepareToSleep() }
      guard areReady.allSatisfy({ $0 }) else { continue }
      sleeps.wrappingAdd(1, ordering: .relaxed)
      poller.wait(timeoutNanoseconds: 50_000_000)
    }
  }
}
