// Whether the worker looks again at once, or sleeps until the kernel wakes it.
//
// A wake-up costs some 25 us when it crosses processors: as much as all the rest of a frame's way. So after
// frames the worker goes on looking for as long as the next ones usually take. How long that is, is
// learned as KVM learns how long to poll for a halted guest (Documentation/virt/kvm/halt-polling.rst):
//
//   frames while looking        the spin becomes twice the gap, sinking slowly
//   frames soon after sleeping  the spin was too short: it doubles
//   frames long after sleeping  the spin was in vain: it halves, and below 5 us it is none
//
// Gaps are longer while the worker sleeps, by the wake-ups themselves. So the limit is well above the gaps
// that spinning leads to: below, two guests that answer each other would never be found out.
//
// Two things bound what spinning takes from others. What is spun in vain has an allowance: 1/128 of the
// time, and as much again as was spun with success. Only whole spins are begun: many that are too short
// would use it up and find nothing. And the worker yields while it spins; when somebody else then used the
// processor for long, there is no spare processor to spin on, and the worker sleeps at once for a while,
// longer each time that this is found again: a sleeper is woken by the next frame, while one that has
// yielded waits for the end of the other's turn.

package import Base

/// The decision, as a state machine without a clock of its own.
///
/// - Thread: the worker's.
package struct PollPolicy: Sendable {
  /// Longer gaps are slept through: the wake-up is then a small part of them.
  package static let spinLimitNanoseconds: UInt64 = 200_000
  package static let spinFirstNanoseconds: UInt64 = 5_000
  /// Of the time, in vain.
  package static let allowanceShift: UInt64 = 7
  package static let allowanceLimitNanoseconds: UInt64 = 1_000_000
  /// A yield of this length was used by somebody who works, not by one who answers a frame.
  package static let contendedNanoseconds: UInt64 = 500_000
  package static let pauseFirstNanoseconds: UInt64 = 5_000_000
  package static let pauseLimitNanoseconds: UInt64 = 160_000_000

  package let mode: PollMode
  /// How long after frames the worker looks for more.
  package private(set) var spinNanoseconds: UInt64 = 0
  /// What may still be spun in vain.
  package private(set) var allowanceNanoseconds = Self.allowanceLimitNanoseconds
  private var grownUntil = MonotonicTime.zero
  private var lastFrames = MonotonicTime.zero
  /// The last pause after the processor was needed by others.
  private var pauseNanoseconds: UInt64 = 0
  private var pausedUntil = MonotonicTime.zero
  private var hasSlept = true

  package init(_ mode: PollMode) { self.mode = mode }

  /// Whether to look again at once, after a round that moved frames or found none.
  package mutating func looksAgain(hasMoved: Bool, now: MonotonicTime) -> Bool {
    switch mode {
    case .busy: return true
    case .sleep: return false
    case .adaptive: break
    }
    if hasMoved { learn(now: now) } else if hasSlept { return false }
    grow(now: now)
    let spun = now.nanoseconds(since: lastFrames)
    if spun < spinNanoseconds, spinNanoseconds <= allowanceNanoseconds, now >= pausedUntil {
      return true
    }
    if !hasMoved { allowanceNanoseconds -= min(allowanceNanoseconds, spun) }
    hasSlept = true
    return false
  }

  /// The worker let others use its processor, and they did for this long.
  package mutating func hasYielded(forNanoseconds taken: UInt64, now: MonotonicTime) {
    guard taken > Self.contendedNanoseconds else { return }
    let isOftenSo = now < pausedUntil.advanced(byNanoseconds: pauseNanoseconds)
    pauseNanoseconds =
      isOftenSo
      ? min(Self.pauseLimitNanoseconds, 2 * pauseNanoseconds) : Self.pauseFirstNanoseconds
    pausedUntil = now.advanced(byNanoseconds: pauseNanoseconds)
  }

  private mutating func learn(now: MonotonicTime) {
    let gap = now.nanoseconds(since: lastFrames)
    lastFrames = now
    if !hasSlept {
      let sunk = spinNanoseconds - spinNanoseconds >> 6
      spinNanoseconds = min(Self.spinLimitNanoseconds, max(2 * gap, sunk))
      allow(gap)
    } else if gap <= Self.spinLimitNanoseconds {
      let grown = max(Self.spinFirstNanoseconds, 2 * spinNanoseconds)
      spinNanoseconds = min(Self.spinLimitNanoseconds, grown)
    } else {
      let halved = spinNanoseconds / 2
      spinNanoseconds = halved < Self.spinFirstNanoseconds ? 0 : halved
    }
    hasSlept = false
  }

  /// The allowance grows with time. Whole units only, so that no time is lost to rounding.
  private mutating func grow(now: MonotonicTime) {
    let units = now.nanoseconds(since: grownUntil) >> Self.allowanceShift
    grownUntil = grownUntil.advanced(byNanoseconds: units << Self.allowanceShift)
    allow(units)
  }

  private mutating func allow(_ nanoseconds: UInt64) {
    allowanceNanoseconds = min(Self.allowanceLimitNanoseconds, allowanceNanoseconds + nanoseconds)
  }
}
