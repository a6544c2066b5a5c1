// When to announce which port: five rounds after it came up or changed its uplink, paced.
//
// The rounds are those of QEMU's announce_self: 0, 50, 200, 450 and 800 ms after the change, the first at
// once because the guest's traffic waits for it, the others because any single frame may be lost. When
// many ports move together (an uplink fails under a hundred VMs) at most `framesPerInterval` are sent in
// each interval, so that the storm does not push the guests' own frames out of the uplink's queue.
// vSphere throttles in the same way, at 128 per interval. A port with thousands of addresses goes on in
// later intervals, and gives way to the others after each turn.
//
// Bound: a port is scheduled at most once; scheduling it again starts its rounds anew.

public import Base

/// Which ports are to be announced, and when.
///
/// - Thread: one worker. Nothing is allocated after `init`.
public struct AnnouncementSchedule: ~Copyable, Sendable {
  /// After the change, in milliseconds.
  public static let roundMilliseconds: [5 of UInt64] = [0, 50, 200, 450, 800]
  public static let framesPerInterval = 128
  /// What one port sends before the next has its turn.
  public static let framesPerTurn = 32
  public static let intervalNanoseconds: UInt64 = 10_000_000

  // Not private: a private element of a fixed array trips the compiler (6.3.1) in debug builds of
  // other modules.
  struct Entry: Sendable, BitwiseCopyable {
    var start = MonotonicTime.zero
    var due = MonotonicTime.never
    var round: UInt8 = 0
  }

  var entries: FixedArray<Entry>
  /// How many ports have rounds left.
  public private(set) var count = 0
  private var scanStart = 0
  private var intervalStart = MonotonicTime.zero
  private var sentInInterval = 0

  public init(portCapacity: Int) {
    entries = FixedArray(repeating: Entry(), count: portCapacity)
  }

  /// Starts the rounds of a port, the first of them now.
  public mutating func schedule(_ port: Int, now: MonotonicTime) {
    if entries[port].due == .never { count += 1 }
    entries[port] = Entry(start: now, due: now, round: 0)
  }

  /// Forgets the rounds that a port has left.
  public mutating func cancel(_ port: Int) {
    if entries[port].due != .never { count -= 1 }
    entries[port].due = .never
  }

  /// The port whose turn it is to be announced now, or nil: nothing is due, or the interval's share is used
  /// up. Send at most `allowance` frames, and say so to `sent`.
  ///
  /// - Cost: in the number of ports while any is scheduled, nothing otherwise.
  public mutating func next(now: MonotonicTime) -> Int? {
    guard count > 0 else { return nil }
    if now.nanoseconds(since: intervalStart) >= Self.intervalNanoseconds {
      intervalStart = now
      sentInInterval = 0
    }
    guard sentInInterval < Self.framesPerInterval else { return nil }
    for step in 0..<entries.count {
      let port = (scanStart + step) % entries.count
      if entries[port].due <= now { return port }
    }
    return nil
  }

  /// How many frames the port that `next` gave may send in this turn.
  public var allowance: Int {
    min(Self.framesPerTurn, Self.framesPerInterval - sentInInterval)
  }

  /// Ends the turn of a port. Its round is over when all of its announcement was sent.
  public mutating func sent(_ frames: Int, for port: Int, isComplete: Bool) {
    sentInInterval += frames
    // A port that only the end of the interval cut short goes on first in the next.
    let isCutShort = !isComplete && frames < Self.framesPerTurn
    scanStart = isCutShort ? port : (port + 1) % entries.count
    if isComplete { advance(port) }
  }

  /// When `next` may have something: `.never` when nothing is scheduled.
  public var deadline: MonotonicTime {
    guard count > 0 else { return .never }
    var earliest = MonotonicTime.never
    for port in entries.indices { earliest = min(earliest, entries[port].due) }
    guard sentInInterval >= Self.framesPerInterval else { return earliest }
    return max(earliest, intervalStart.advanced(byNanoseconds: Self.intervalNanoseconds))
  }

  private mutating func advance(_ port: Int) {
    let round = Int(entries[port].round) + 1
    guard round < Self.roundMilliseconds.count else { return cancel(port) }
    entries[port].round = UInt8(round)
    entries[port].due = entries[port].start.advanced(
      byMilliseconds: Self.roundMilliseconds[round])
  }
}
