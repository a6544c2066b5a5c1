// Polling, waking, signals and threads.

import Base
import Glibc
import Linux
import Synchronization
import Testing

@Suite("poller")
struct PollerTests {
  @Test("an empty poller times out, and not before")
  func timesOut() throws {
    var poller = try Poller()
    let start = MonotonicClock.now()
    #expect(poller.wait(timeoutNanoseconds: 3_000_000) == 0)
    #expect(MonotonicClock.now().nanoseconds(since: start) >= 3_000_000)
    #expect(poller.wait(timeoutNanoseconds: 0) == 0)
  }

  @Test("a ring is one event with its token, until cleared")
  func rings() throws {
    var poller = try Poller(capacity: 4)
    let bell = try WakeupSignal()
    let token: UInt64 = 0xFFFF_0001_8000_0002
    try poller.add(bell.descriptor, token: token)
    #expect(poller.wait(timeoutNanoseconds: 0) == 0)
    bell.ring()
    bell.ring()
    #expect(poller.wait(timeoutNanoseconds: nil) == 1)
    #expect(poller[0] == Poller.Event(token: token, readiness: .readable))
    let wasRung = bell.clear()
    let isStillRung = bell.clear()
    #expect(wasRung)
    #expect(!isStillRung)
    #expect(poller.wait(timeoutNanoseconds: 0) == 0)
  }

  @Test("modify changes token and interest; remove forgets; mistakes are errors")
  func modifies() throws {
    var poller = try Poller()
    let bell = try WakeupSignal()
    try poller.add(bell.descriptor, token: 1)
    #expect(throws: Errno.exists) { try poller.add(bell.descriptor, token: 1) }
    try poller.modify(bell.descriptor, token: 2, for: .writable)
    #expect(poller.wait(timeoutNanoseconds: 0) == 1)
    #expect(poller[0] == Poller.Event(token: 2, readiness: .writable))
    try poller.remove(bell.descriptor)
    #expect(poller.wait(timeoutNanoseconds: 0) == 0)
    #expect(throws: Errno.notFound) { try poller.remove(bell.descriptor) }
  }

  @Test("more ready descriptors than room come with later waits", arguments: [1, 3, 64])
  func overflows(capacity: Int) throws {
    var poller = try Poller(capacity: capacity)
    var bells: [Int32: Bell] = [:]
    for token in 0..<70 {
      let bell = try Bell()
      try poller.add(
        bell.signal.descriptor, token: UInt64(token), for: [.readable, .edgeTriggered])
      bell.signal.ring()
      bells[Int32(token)] = bell
    }
    var seen: Set<UInt64> = []
    for _ in 0..<140 where seen.count < 70 {
      for index in 0..<poller.wait(timeoutNanoseconds: 0) { seen.insert(poller[index].token) }
    }
    #expect(seen.count == 70)
  }

  @Test("a bell rung on another thread wakes a waiter")
  func wakesAcrossThreads() throws {
    let bell = try Bell()
    var poller = try Poller()
    try poller.add(bell.signal.descriptor, token: 9)
    let thread = try Thread(named: "ringer") { bell.signal.ring() }
    #expect(poller.wait(timeoutNanoseconds: 5_000_000_000) == 1)
    thread.join()
  }

  private final class Bell: Sendable {
    let signal: WakeupSignal
    init() throws(Errno) { signal = try WakeupSignal() }
  }
}

@Suite("threads")
struct ThreadTests {
  @Test("a thread runs, carries its name, and is joined")
  func runs() throws {
    let name = Mutex("")
    let shared = Shared(name)
    try Thread(named: "a-name-of-twenty-bytes") {
      let text = (try? readFile("/proc/thread-self/comm", limitBytes: 100)) ?? []
      shared.value.withLock { $0 = String(decoding: text, as: UTF8.self) }
    }.join()
    #expect(shared.value.withLock { $0 } == "a-name-of-twent\n")
  }

  @Test("a thread owns the value that it is given")
  func owns() throws {
    let bell = try WakeupSignal()
    let copy = fcntl(bell.descriptor, F_DUPFD_CLOEXEC, 0)
    defer { close(copy) }
    try Thread(named: "owner", owning: bell) { $0.ring() }.join()
    var count: UInt64 = 0
    // SAFETY: eight bytes of a local.
    #expect(unsafe read(copy, &count, 8) == 8)
    #expect(count == 1)
  }

  private final class Shared: Sendable {
    let value: Mutex<String>
    init(_ value: consuming Mutex<String>) { self.value = value }
  }
}

@Suite("clock and signals")
struct ClockTests {
  @Test("the clock goes on")
  func advances() {
    let first = MonotonicClock.now()
    #expect(
      MonotonicClock.wait(atMostNanoseconds: 1_000_000_000) { MonotonicClock.now() > first })
    #expect(!MonotonicClock.wait(atMostNanoseconds: 2_000_000) { false })
  }

  @Test("a blocked signal is read from the descriptor, once")
  func readsSignals() throws {
    // On a thread of its own, and sent to that thread: the test runner keeps its signals.
    let result = Mutex<[Signal?]>([])
    let box = Box(result)
    try Thread(named: "signals") {
      guard let signals = try? SignalDescriptor([.hangUp]) else { return }
      let before = signals.next()
      pthread_kill(pthread_self(), SIGHUP)
      let after = signals.next()
      let last = signals.next()
      box.value.withLock { $0 = [before, after, last] }
    }.join()
    #expect(box.value.withLock { $0 } == [nil, .hangUp, nil])
  }

  private final class Box: Sendable {
    let value: Mutex<[Signal?]>
    init(_ value: consuming Mutex<[Signal?]>) { self.value = value }
  }
}
