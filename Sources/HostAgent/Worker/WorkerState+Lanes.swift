// A worker and the others: frames that they hand over, notes, and waking.

internal import Base
internal import Dataplane
internal import FrameMemory

extension WorkerState {
  private static let noteRetryNanoseconds: UInt64 = 1_000_000

  /// Takes at most one batch of each switch that other workers have handed over. Returns how many frames.
  mutating func takeOver(now: MonotonicTime) -> Int {
    guard bells.count > 1 else { return 0 }
    var moved = 0
    for place in runtimes.indices { moved += runtimes[place].takeOver(&batch, now: now) }
    return moved
  }

  /// Takes in what the others have noted, sends what this worker's lanes have, and wakes whoever sleeps and
  /// was given something. `moved`: how many frames this
  /// round has moved; none when the worker is about to sleep.
  mutating func exchangeNotes(now: MonotonicTime, moved: Int) {
    guard bells.count > 1 else { return }
    notesDeadline = .never
    var given: UInt32 = 0
    for place in runtimes.indices {
      given |= runtimes[place].exchangeNotes(now: now, isBusy: moved >= Self.batchFrames)
      if runtimes[place].network.hasLaneNotes {
        notesDeadline = now.advanced(byNanoseconds: Self.noteRetryNanoseconds)
      }
    }
    for other in bells.indices where other != number && given & (1 << UInt32(other)) != 0 {
      bells[other].wake()
    }
  }

  /// Says that the worker sleeps; false when another one has given it something meanwhile.
  mutating func beginSleep() -> Bool {
    guard bells.count > 1 else { return true }
    bells[number].beginSleep()
    for place in runtimes.indices where runtimes[place].rings?.isWaiting == true {
      bells[number].endSleep()
      return false
    }
    return true
  }

  func endSleep() { if bells.count > 1 { bells[number].endSleep() } }

  func clearBell() { bells[number].clear() }
}
