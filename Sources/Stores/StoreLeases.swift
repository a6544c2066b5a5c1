// The leases of an engine that has to end them by itself.
//
// They live in the process: who kept them up is gone when it ends, and so are the records (`dropAll`).

internal import Base

/// Which leases are kept up, and until when. Time is handed in.
struct StoreLeases: Sendable {
  private struct Lease {
    var nanoseconds: UInt64
    var end: MonotonicTime
  }

  private var leases: [StoreLease: Lease] = [:]
  private var last: Int64 = 0

  mutating func grant(seconds: Int, now: MonotonicTime) -> StoreLease {
    last += 1
    let nanoseconds = UInt64(max(1, seconds)) * 1_000_000_000
    let lease = StoreLease(rawValue: last)
    leases[lease] = Lease(
      nanoseconds: nanoseconds, end: now.advanced(byNanoseconds: nanoseconds))
    return lease
  }

  mutating func keepAlive(_ lease: StoreLease, now: MonotonicTime) -> Bool {
    guard let known = leases[lease], known.end > now else { return false }
    leases[lease]?.end = now.advanced(byNanoseconds: known.nanoseconds)
    return true
  }

  mutating func end(_ lease: StoreLease) { leases[lease] = nil }

  func contains(_ lease: StoreLease) -> Bool { leases[lease] != nil }

  /// Takes out those whose time is over.
  mutating func takeEnded(now: MonotonicTime) -> [StoreLease] {
    let ended = leases.filter { $0.value.end <= now }.map(\.key)
    for lease in ended { leases[lease] = nil }
    return ended.sorted { $0.rawValue < $1.rawValue }
  }

  /// When the next one ends, if nobody keeps it up.
  var nextEnd: MonotonicTime { leases.values.map(\.end).min() ?? .never }
}
