// What is due when: deadlines of things that have a number, in a hierarchical timing wheel (Varghese and
// Lauck 1987, scheme 7).
//
// Time is counted in ticks of 65,536 ns. A wheel has 256 slots; slot i of wheel w holds what is due in the
// ticks whose byte w is i and whose higher bytes are those of the current tick. So six wheels hold every
// moment that there is, and a deadline is in the wheel of the highest byte in which it differs from now:
//
//   wheel 0    the next 256 ticks       one tick a slot        16.8 ms
//   wheel 1    ... 65,536 ticks         16.8 ms a slot         4.3 s
//   wheel 2    ... 16.7 million ticks   4.3 s a slot           18 minutes
//   wheel 3-5                                                  78 hours, 2 years, 585 years
//
// When the current tick reaches a slot of a higher wheel, its entries move down; each does so at most five
// times. A bit for each slot says whether it holds anything, so empty time is stepped over, not through.
//
// A slot is a list through two arrays with an entry for each number: every number at most once, in the
// order of scheduling. Never early: a deadline is rounded up to a tick.
//
// Memory: 12 KiB of slots and 18 bytes for each number.

public import Base

/// Deadlines for numbers below `capacity`, each with at most one.
///
/// - Thread: one worker. Nothing is allocated after `init`.
/// - Cost: scheduling and cancelling touch a few words, however many are scheduled.
public struct TimingWheel: ~Copyable, Sendable {
  /// How late a deadline may be found due: one tick.
  public static let granularityNanoseconds: UInt64 = 1 << tickShift
  private static let tickShift: UInt64 = 16
  private static let lastTick: UInt64 = (1 << 48) - 1
  private static let wheels = 6
  private static let slotsPerWheel = 256
  private static let nothing: Int32 = -1

  public let capacity: Int
  /// How many are scheduled.
  public private(set) var count = 0
  /// Everything before it was given out; what is in the slot of this tick is due.
  private var currentTick: UInt64
  private var slots: FixedArray<Slot>
  /// Which slots hold something, 64 in a word.
  private var occupied: FixedArray<UInt64>
  private var entries: FixedArray<Entry>

  struct Slot: BitwiseCopyable, Sendable {
    var first: Int32 = -1
    var last: Int32 = -1
  }

  struct Entry: BitwiseCopyable, Sendable {
    var tick: UInt64 = 0
    var next: Int32 = -1
    var previous: Int32 = -1
    /// Where it is; -1 when it is not scheduled.
    var slot: Int16 = -1
  }

  /// An empty wheel whose time begins at `now`.
  public init(capacity: Int, now: MonotonicTime = .zero) {
    precondition(capacity >= 0 && capacity < Int(Int32.max), "a wheel holds up to 2^31 - 2 numbers")
    self.capacity = capacity
    currentTick = now.nanoseconds >> Self.tickShift
    let slotCount = Self.wheels * Self.slotsPerWheel
    slots = FixedArray(repeating: Slot(), count: slotCount)
    occupied = FixedArray(repeating: 0, count: slotCount / 64)
    entries = FixedArray(repeating: Entry(), count: capacity)
  }

  /// What a wheel takes, in bytes.
  public static func memoryBytes(capacity: Int) -> Int {
    let slotCount = wheels * slotsPerWheel
    return slotCount * MemoryLayout<Slot>.stride + slotCount / 8
      + capacity * MemoryLayout<Entry>.stride
  }

  public func isScheduled(_ id: Int) -> Bool { entries[id].slot >= 0 }

  /// Makes a number due at a moment, instead of when it was due before.
  ///
  /// A moment that has passed is due at the next tick: whoever schedules what is due, while taking what
  /// is due, comes to an end.
  public mutating func schedule(_ id: Int, at time: MonotonicTime) {
    cancel(id)
    let partial: UInt64 = time.nanoseconds & (Self.granularityNanoseconds - 1) == 0 ? 0 : 1
    let tick = (time.nanoseconds >> Self.tickShift) + partial
    entries[id].tick = min(max(tick, currentTick + 1), Self.lastTick)
    insert(id)
    count += 1
  }

  /// Forgets a number's deadline, if it has one.
  public mutating func cancel(_ id: Int) {
    guard entries[id].slot >= 0 else { return }
    remove(id)
    count -= 1
  }

  /// The next number that is due by `now`, or nil; earlier deadlines first, to a tick.
  ///
  /// - Shape: call until nil. Deadlines of the same tick come in the order of scheduling.
  public mutating func popDue(_ now: MonotonicTime) -> Int? {
    let target = now.nanoseconds >> Self.tickShift
    while true {
      let due = slots[Int(currentTick & 255)].first
      if due >= 0 {
        guard currentTick <= target else { return nil }
        cancel(Int(due))
        return Int(due)
      }
      guard let (slot, tick) = nextOccupied(), tick <= target else {
        currentTick = max(currentTick, target)
        return nil
      }
      currentTick = tick
      if slot >= Self.slotsPerWheel { moveDown(slot) }
    }
  }

  /// No deadline is before this; `never` when there is none.
  ///
  /// It may be earlier than the earliest, by as much as a slot of a higher wheel is wide: whoever wakes up
  /// then takes nothing, and learns the rest. Within 16.8 ms it is mostly exact.
  public var nextDeadline: MonotonicTime {
    let tick: UInt64
    if slots[Int(currentTick & 255)].first >= 0 {
      tick = currentTick
    } else if let next = nextOccupied() {
      tick = next.tick
    } else {
      return .never
    }
    return MonotonicTime(nanoseconds: tick << Self.tickShift)
  }
}

// MARK: - Slots

extension TimingWheel {
  /// The first slot after the current tick that holds something, and the first tick that it stands for.
  private func nextOccupied() -> (slot: Int, tick: UInt64)? {
    for wheel in 0..<Self.wheels {
      let shift = UInt64(wheel * 8)
      let now = Int(currentTick >> shift & 255)
      guard let index = occupiedIndex(inWheel: wheel, after: now) else { continue }
      let higher = (currentTick >> (shift + 8)) << (shift + 8)
      return (wheel * Self.slotsPerWheel + index, higher | UInt64(index) << shift)
    }
    return nil
  }

  private func occupiedIndex(inWheel wheel: Int, after index: Int) -> Int? {
    let start = index + 1
    for word in start / 64..<Self.slotsPerWheel / 64 {
      var bits = occupied[wheel * (Self.slotsPerWheel / 64) + word]
      if word == start / 64 { bits &= .max << UInt64(start % 64) }
      if bits != 0 { return word * 64 + bits.trailingZeroBitCount }
    }
    return nil
  }

  /// Spreads a slot of a higher wheel, whose time has come, over the lower ones, in its order.
  private mutating func moveDown(_ slot: Int) {
    while slots[slot].first >= 0 {
      let id = Int(slots[slot].first)
      remove(id)
      insert(id)
    }
  }

  /// Puts an entry at the end of the slot that its tick has, seen from the current one.
  private mutating func insert(_ id: Int) {
    let tick = entries[id].tick
    let difference = tick ^ currentTick
    let wheel = difference == 0 ? 0 : (63 - difference.leadingZeroBitCount) / 8
    let slot = wheel * Self.slotsPerWheel + Int(tick >> UInt64(wheel * 8) & 255)
    let last = slots[slot].last
    entries[id].slot = Int16(slot)
    entries[id].previous = last
    entries[id].next = Self.nothing
    if last < 0 {
      slots[slot].first = Int32(id)
      occupied[slot / 64] |= 1 << UInt64(slot % 64)
    } else {
      entries[Int(last)].next = Int32(id)
    }
    slots[slot].last = Int32(id)
  }

  /// Takes an entry out of its slot.
  private mutating func remove(_ id: Int) {
    let entry = entries[id]
    let slot = Int(entry.slot)
    if entry.previous < 0 {
      slots[slot].first = entry.next
    } else {
      entries[Int(entry.previous)].next = entry.next
    }
    if entry.next < 0 {
      slots[slot].last = entry.previous
    } else {
      entries[Int(entry.next)].previous = entry.previous
    }
    if slots[slot].first < 0 { occupied[slot / 64] &= ~(1 << UInt64(slot % 64)) }
    entries[id].slot = -1
  }
}
