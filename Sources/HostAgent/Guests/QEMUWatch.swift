// The nics of one QEMU guest, asked for over its QMP socket.
//
// QEMU serves one client at a time, so all nics of a guest share a connection. It may start later than
// the agent and end before it: after a failure the next try waits twice as long as the last, up to
// `delayNanosecondsMax`, and meanwhile nothing is known about the nics.

internal import Base
internal import Linux
internal import Planner
internal import QMP

/// A connection to one QMP socket, or the wait for one.
///
/// - Thread: the control thread's.
final class QEMUWatch {
  private static let delayNanosecondsMin: UInt64 = 500_000_000
  private static let delayNanosecondsMax: UInt64 = 16_000_000_000
  /// A nic that QEMU does not know may be plugged in later.
  private static let refusedNanoseconds: UInt64 = 5_000_000_000

  /// What has become known about a nic; nil when nothing is known any more.
  struct Change {
    var key: PortKey
    var filter: RxFilter?
  }

  private let path: String
  private let token: UInt64
  /// The ports of the guest, and the ids of their nics in QEMU.
  private var nics: [PortKey: String?] = [:]
  private var client: QMPClient?
  private var nextTry = MonotonicTime.zero
  private var delayNanoseconds = delayNanosecondsMin
  /// When to ask again about a nic that QEMU does not know.
  private var nextAsk = MonotonicTime.never
  /// Failures are logged once.
  private var isTold = false

  /// `token` is what the poller says when QEMU has said something.
  init(path: String, token: UInt64) {
    self.path = path
    self.token = token
  }

  var isEmpty: Bool { nics.isEmpty }

  /// When `advance` has something to do though QEMU said nothing.
  var deadline: MonotonicTime {
    client == nil ? nextTry : min(client?.deadline ?? .never, nextAsk)
  }

  func add(_ key: PortKey, nic: String?, now: MonotonicTime) {
    nics[key] = .some(nic)
    // QEMU tells only the next change after an answer.
    try? client?.query(nic: nic, now: now)
  }

  func remove(_ key: PortKey) { nics[key] = nil }

  /// Connects if it is time to, and takes in what QEMU said.
  func advance(_ poller: borrowing Poller, now: MonotonicTime) -> [Change] {
    do throws(Failure) {
      if client == nil {
        guard now >= nextTry else { return [] }
        try connect(poller, now: now)
      }
      return try read(now: now)
    } catch {
      if !isTold { AgentLog.write("\(path): \(error.what): \(error.why)") }
      isTold = true
      client = nil
      nextTry = now.advanced(byNanoseconds: delayNanoseconds)
      delayNanoseconds = min(delayNanoseconds * 2, Self.delayNanosecondsMax)
      return nics.keys.map { Change(key: $0, filter: nil) }
    }
  }

  private func connect(_ poller: borrowing Poller, now: MonotonicTime) throws(Failure) {
    var fresh = try QMPClient(path: path, now: now)
    for nic in Set(nics.values) { try fresh.query(nic: nic, now: now) }
    do throws(Errno) { try poller.add(fresh.descriptor, token: token) } catch {
      throw error.failure("cannot wait for QEMU at \(path)")
    }
    client = consume fresh
    nextAsk = .never
  }

  private func read(now: MonotonicTime) throws(Failure) -> [Change] {
    var changes: [Change] = []
    for news in try client?.advance(now: now) ?? [] {
      switch news {
      case .ready:
        delayNanoseconds = Self.delayNanosecondsMin
        isTold = false
      case .rxFilter(let nic, let filter):
        changes += keys(of: nic).map { Change(key: $0, filter: filter) }
      case .refused(let nic, let failure):
        if !isTold { AgentLog.write("\(path): \(failure.what): \(failure.why)") }
        isTold = true
        nextAsk = now.advanced(byNanoseconds: Self.refusedNanoseconds)
        changes += keys(of: nic).map { Change(key: $0, filter: nil) }
      case .rxFilterChanged(let name):
        try ask(now: now) { name == nil || $0 == nil || $0 == name }
      }
    }
    if now >= nextAsk {
      nextAsk = .never
      try ask(now: now) { _ in true }
    }
    return changes
  }

  private func ask(now: MonotonicTime, about isMeant: (String?) -> Bool) throws(Failure) {
    for nic in Set(nics.values) where isMeant(nic) { try client?.query(nic: nic, now: now) }
  }

  private func keys(of nic: String?) -> [PortKey] { nics.filter { $0.value == nic }.map(\.key) }
}
