// What the querier of multicast snooping keeps: its state in each VLAN, the ports that it asks by themselves,
// and where it is in the tables that it goes through.

internal import Base
internal import Wire

/// The querier of one protocol in one VLAN.
struct QuerierState: Sendable, BitwiseCopyable {
  var isActive = false
  var startupLeft: UInt8 = 0
  /// When our next general query is due, while no other querier is heard.
  var generalTime = MonotonicTime.never
  /// Until when another querier is taken to be there; `.zero` when none was heard.
  var otherEnd = MonotonicTime.zero
  /// When hosts had their time to answer the first query; `.never` before.
  var reliableTime = MonotonicTime.never
  /// What the other querier tells of itself; 0 when it does not tell.
  var otherRobustness: UInt8 = 0
  var otherIntervalSeconds: UInt32 = 0
}

/// A port that is asked what it listens to.
struct PortAsk: Sendable, BitwiseCopyable {
  var port: UInt16 = .max
  var vlan: UInt16 = 0
  var family = GroupFamily.v4
  var left: UInt8 = 0
  /// `.never` is a free element.
  var time = MonotonicTime.never
}

/// A table that is gone through for what is due, and the earliest time at which there may be any.
struct DueScan: Sendable, BitwiseCopyable {
  var due = MonotonicTime.never
  private var index = 0
  private var earliest = MonotonicTime.never

  /// Something in the table is due then.
  mutating func note(_ time: MonotonicTime) {
    due = min(due, time)
    // A pass that has begun may be past it.
    if index > 0 { earliest = min(earliest, time) }
  }

  /// The next element to look at; nil when the pass is over or nothing can be due.
  mutating func next(_ count: Int, now: MonotonicTime) -> Int? {
    guard due <= now else { return nil }
    guard index < count else {
      due = earliest
      index = 0
      earliest = .never
      return nil
    }
    index += 1
    return index - 1
  }

  /// An element that was looked at is due then.
  mutating func passed(_ time: MonotonicTime) { earliest = min(earliest, time) }
}
