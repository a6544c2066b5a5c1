// The conversation with QEMU: recorded, damaged, late, and with QEMU itself.

import Base
import Linux
import QMP
import Testing
import Wire

@Suite("QMP") struct QMPTests {
  private let qemu: FakeQEMU
  private let start = MonotonicTime(seconds: 100)

  init() throws { qemu = try FakeQEMU() }

  private func ready() throws -> QMPClient {
    var client = try QMPClient(path: qemu.path, now: start)
    try qemu.say(FakeQEMU.greeting)
    let greeted = try client.advance(now: start)
    #expect(greeted == [])
    #expect(try qemu.hear() == #"{"execute":"qmp_capabilities","id":1}"# + "\n")
    try qemu.say(FakeQEMU.accepted(id: 1))
    let news = try client.advance(now: start)
    #expect(news == [.ready])
    return client
  }

  @Test("asks, is answered, hears of a change, asks again")
  func conversation() throws {
    var client = try ready()
    try client.query(nic: "net0", now: start)
    #expect(
      try qemu.hear()
        == #"{"execute":"query-rx-filter","arguments":{"name":"net0"},"id":2}"# + "\n")
    try qemu.say(FakeQEMU.otherEvent + FakeQEMU.answer(id: 2, FakeQEMU.filter()))
    let news = try client.advance(now: start)
    guard case .rxFilter("net0", let filter) = news.first, news.count == 1 else {
      Issue.record("\(news)")
      return
    }
    #expect(filter.name == "net0")
    #expect(filter.mainMAC == MACAddress("52:54:00:12:34:56"))
    #expect(!filter.isPromiscuous && !filter.broadcastAllowed)
    #expect(filter.multicast == .normal && filter.unicast == .normal && !filter.multicastOverflow)
    #expect(
      filter.multicastAddresses.map(\.description) == ["01:00:5e:00:00:01", "33:33:00:00:00:01"])

    try qemu.say(FakeQEMU.event)
    let changed = try client.advance(now: start)
    #expect(changed == [.rxFilterChanged(nic: "net0")])
    try client.query(nic: nil, now: start)
    #expect(try qemu.hear() == #"{"execute":"query-rx-filter","id":3}"# + "\n")
    let other = FakeQEMU.filter(mac: "02:00:00:00:00:01", promiscuous: true, multicast: "all")
    try qemu.say(FakeQEMU.answer(id: 3, other))
    guard case .rxFilter(nil, let second) = try client.advance(now: start).first else {
      Issue.record("no filter")
      return
    }
    #expect(second.isPromiscuous && second.multicast == .all)
    #expect(second.mainMAC == MACAddress("02:00:00:00:00:01"))
    let rest = client.deadline
    #expect(rest == .never)
  }

  @Test("questions wait for the greeting and for each other, each nic once")
  func questionsWait() throws {
    var client = try QMPClient(path: qemu.path, now: start)
    for nic in ["a", "b", "a"] { try client.query(nic: nic, now: start) }
    try qemu.say(FakeQEMU.greeting + FakeQEMU.accepted(id: 1))
    var news = try client.advance(now: start)
    #expect(news == [.ready])
    #expect(try qemu.hear().contains(#""name":"a"}"#))
    // Asked again while the answer is on its way: what comes may be old.
    try client.query(nic: "a", now: start)
    try qemu.say(FakeQEMU.refused(id: 2, "invalid net client name: a"))
    news = try client.advance(now: start)
    guard case .refused("a", let failure) = news.first else {
      Issue.record("\(news)")
      return
    }
    #expect(failure.why == "invalid net client name: a")
    try qemu.say(FakeQEMU.answer(id: 3, FakeQEMU.filter("b")))
    _ = try client.advance(now: start)
    try qemu.say(FakeQEMU.answer(id: 4, FakeQEMU.filter("a")))
    news = try client.advance(now: start)
    guard case .rxFilter("a", _) = news.first else {
      Issue.record("\(news)")
      return
    }
  }

  @Test("several nics want a choice, none is said")
  func choice() throws {
    for (filters, why) in [
      ([FakeQEMU.filter("net0", vlans: 0), FakeQEMU.filter("net1", vlans: 0)], "net0, net1"),
      ([], "it has none"),
    ] {
      let qemu = try FakeQEMU()
      var client = try QMPClient(path: qemu.path, now: MonotonicClock.now())
      try qemu.say(
        FakeQEMU.greeting + FakeQEMU.accepted(id: 1)
          + FakeQEMU.answer(id: 2, filters.joined(separator: ",")))
      do {
        _ = try client.rxFilter(nic: nil)
        Issue.record("a filter was chosen")
      } catch { #expect(error.why.contains(why)) }
    }
  }

  @Test("more addresses than are kept are an overflow")
  func overflow() throws {
    let groups = (0..<100 as Range<UInt64>).map {
      MACAddress(rawValue: 0x0100_5E00_0000 | $0).description
    }
    var client = try QMPClient(path: qemu.path, now: MonotonicClock.now())
    try qemu.say(
      FakeQEMU.greeting + FakeQEMU.accepted(id: 1) + FakeQEMU.event
        + FakeQEMU.answer(id: 2, FakeQEMU.filter(groups: groups)))
    let (filter, news) = try client.rxFilter(nic: "net0")
    #expect(filter.multicastAddresses.count == RxFilter.addressesMax && filter.multicastOverflow)
    #expect(news == [.ready, .rxFilterChanged(nic: "net0")])
  }

  @Test("pieces of any size, and objects over several lines", arguments: [1, 2, 3, 1000])
  func pieces(pieceBytes: Int) throws {
    let text =
      FakeQEMU.greeting
      + "{\r\n    \"return\": {\r\n    },\r\n  \"id\": 1 }\r\n"
      + FakeQEMU.answer(id: 2, FakeQEMU.filter("odd } \\\" { name", vlans: 20))
    var client = try QMPClient(path: qemu.path, now: start)
    try client.query(nic: "x", now: start)
    var news: [QMPNews] = []
    let bytes = Array(text.utf8)
    for place in stride(from: 0, to: bytes.count, by: pieceBytes) {
      let piece = bytes[place..<min(place + pieceBytes, bytes.count)]
      try qemu.say(String(decoding: piece, as: UTF8.self))
      news += try client.advance(now: start)
    }
    guard news.count == 2, case .rxFilter("x", let filter) = news[1] else {
      Issue.record("\(news)")
      return
    }
    #expect(filter.name == "odd } \" { name")
  }

  @Test("a QEMU that is silent is given up at the deadline, and not before")
  func silence() throws {
    let mute = try FakeQEMU()
    var client = try QMPClient(path: mute.path, now: start, answerMilliseconds: 500)
    #expect(try client.advance(now: start.advanced(byMilliseconds: 499)) == [])
    do {
      _ = try client.advance(now: start.advanced(byMilliseconds: 500))
      Issue.record("it is not late")
    } catch { #expect(error.why == "nothing came within 500 ms") }

    var other = try ready()
    let idle = try other.advance(now: start.advanced(byMilliseconds: 1 << 40))
    #expect(idle == [], "nothing is waited for")
    try other.query(nic: "net0", now: start)
    let deadline = other.deadline
    #expect(deadline == start.advanced(byMilliseconds: 2000))
    // Events are no answer, and one after the other they are one.
    try qemu.say(FakeQEMU.event + FakeQEMU.event)
    let events = try other.advance(now: start)
    #expect(events == [.rxFilterChanged(nic: "net0")])
    try qemu.say(FakeQEMU.event)
    do {
      _ = try other.advance(now: deadline)
      Issue.record("it is not late")
    } catch { #expect(error.what == "QEMU does not answer") }
  }

  @Test("what is no QMP, too large or too deep is refused in words")
  func refuses() throws {
    let large = #"{"QMP": ""# + String(repeating: "x", count: 300_000)
    for (text, why) in [
      ("QEMU 7.2.22 monitor - type 'help' for more information\r\n", "not JSON"),
      (String(repeating: "[", count: 3), "not JSON"),
      (#"{"a": "# + String(repeating: "[", count: 100), "more than 32 levels"),
      (large, "more than 262144 bytes"), ("{]}", "not JSON"),
      (FakeQEMU.greeting + #"{"error": {"class": "GenericError"}, "id": 1}"#, "desc is missing"),
      (FakeQEMU.greeting + #"{"return": [{"name": "net0"}], "id": 1}"#, "main-mac is missing"),
      (FakeQEMU.greeting + FakeQEMU.refused(id: 1, "no"), "no"),
      (
        FakeQEMU.greeting + FakeQEMU.accepted(id: 1)
          + FakeQEMU.answer(id: 2, FakeQEMU.filter(multicast: "some")), "multicast"
      ),
    ] {
      let qemu = try FakeQEMU()
      var client = try QMPClient(path: qemu.path, now: start)
      try client.query(nic: nil, now: start)
      var failure: Failure?
      // A socket holds less than the largest of these.
      for piece in Array(text.utf8).chunks(of: 50_000) {
        try qemu.say(String(decoding: piece, as: UTF8.self))
        do { _ = try client.advance(now: start) } catch {
          failure = error
          break
        }
      }
      #expect(
        failure?.why.contains(why) == true, "\(text.prefix(60)): \(failure?.why ?? "nothing")")
    }
  }

  @Test("nobody there, and somebody who goes away")
  func gone() throws {
    do {
      _ = try QMPClient(path: "/tmp/martlet-no-such-socket", now: start)
      Issue.record("connected to nothing")
    } catch { #expect(error.why == "No such file or directory") }
    do {
      _ = try QMPClient(path: String(repeating: "x", count: 200), now: start)
      Issue.record("connected to nothing")
    } catch { #expect(error.why == "File name too long") }
    var client = try ready()
    qemu.hangUp()
    do {
      _ = try client.advance(now: start)
      Issue.record("it is gone")
    } catch { #expect(error.why == "it closed the connection") }
    do {
      try client.query(nic: nil, now: start)
      Issue.record("it is gone")
    } catch { #expect(error.why == "Broken pipe") }
  }

  @Test("changed bytes never trap")
  func survives() throws {
    let text =
      FakeQEMU.greeting + FakeQEMU.accepted(id: 1) + FakeQEMU.event
      + FakeQEMU.answer(id: 2, FakeQEMU.filter(vlans: 3))
    for seed in 0..<500 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      var bytes = Array(text.utf8)
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
          in: 1...127, using: &random)
      }
      let qemu = try FakeQEMU()
      var client = try QMPClient(path: qemu.path, now: start)
      try client.query(nic: "net0", now: start)
      try qemu.say(String(decoding: bytes, as: UTF8.self))
      do { _ = try client.advance(now: start) } catch { #expect(!error.why.isEmpty) }
    }
  }

  @Test("QEMU itself answers", .enabled(if: RealQEMU.isInstalled, RealQEMU.needed))
  func real() throws {
    let qemu = try RealQEMU()
    var client = try qemu.connect()
    let (filter, news) = try client.rxFilter(nic: "net0")
    #expect(news == [.ready])
    #expect(filter.name == "net0")
    #expect(filter.mainMAC == MACAddress("52:54:00:12:34:56"))
    // No driver has said what it wants, so a virtio nic takes everything.
    #expect(filter.isPromiscuous)
    #expect(filter.multicast == .normal && filter.multicastAddresses.isEmpty)
    let (only, _) = try client.rxFilter(nic: nil)
    #expect(only == filter)
    do {
      _ = try client.rxFilter(nic: "net1")
      Issue.record("there is no net1")
    } catch { #expect(error.why == "invalid net client name: net1") }
  }
}

extension Array {
  /// The elements in slices of at most `count`.
  fileprivate func chunks(of count: Int) -> [ArraySlice<Element>] {
    stride(from: 0, to: self.count, by: count).map { self[$0..<Swift.min($0 + count, self.count)] }
  }
}
