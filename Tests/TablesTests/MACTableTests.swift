// The MAC table against a dictionary, and at its bounds.

import Base
import Tables
import Testing
import Wire

/// A MAC table as one would write it without a thought for speed.
private struct PlainTable {
  struct Entry: Equatable {
    var port: UInt16
    var kind: MACEntry.Kind
    var seconds: UInt32
  }

  var entries: [MACKey: Entry] = [:]
  let ageing: UInt32

  func find(_ key: MACKey, _ now: UInt32) -> Entry? {
    guard let entry = entries[key] else { return nil }
    return entry.kind == .static || now - entry.seconds <= ageing ? entry : nil
  }

  mutating func record(_ key: MACKey, _ port: UInt16, _ kind: MACEntry.Kind, _ now: UInt32) {
    if entries[key]?.kind == .static && kind != .static { return }
    entries[key] = Entry(port: port, kind: kind, seconds: kind == .static ? 0 : now)
  }
}

/// A MAC table that expectations can call: the macros copy what they look at.
private final class TestTable {
  private var table: MACTable

  init(capacity: Int, portCapacity: Int, ageingSeconds: UInt32 = 300, seed: UInt64) {
    table = MACTable(
      capacity: capacity, portCapacity: portCapacity, ageingSeconds: ageingSeconds, seed: seed)
  }

  var count: Int { table.count }
  var bucketCount: Int { table.bucketCount }

  func find(_ key: MACKey, nowSeconds: UInt32) -> MACEntry? {
    table.find(key, nowSeconds: nowSeconds)
  }
  func learn(_ key: MACKey, port: UInt16, nowSeconds: UInt32) -> LearnResult {
    table.learn(key, port: port, nowSeconds: nowSeconds)
  }
  func learnExternal(_ key: MACKey, uplink: UInt16, nowSeconds: UInt32) -> LearnResult {
    table.learnExternal(key, uplink: uplink, nowSeconds: nowSeconds)
  }
  func setStatic(_ key: MACKey, port: UInt16) -> Bool { table.setStatic(key, port: port) }
  func refresh(_ key: MACKey, port: UInt16, nowSeconds: UInt32) -> Bool {
    table.refresh(key, port: port, nowSeconds: nowSeconds)
  }
  func flush(_ address: MACAddress, inVLANs isIncluded: (UInt16) -> Bool) {
    table.flush(address, inVLANs: isIncluded)
  }
  func remove(_ key: MACKey) { table.remove(key) }
  func flush(port: UInt16) { table.flush(port: port) }
  func flush() -> Int { table.flush() }
  func sweep(bucketCount: Int, nowSeconds: UInt32) {
    table.sweep(bucketCount: bucketCount, nowSeconds: nowSeconds)
  }
  func next(_ cursor: inout Int) -> (key: MACKey, entry: MACEntry)? { table.next(&cursor) }
  func dynamicCount(ofPort port: UInt16) -> Int { table.dynamicCount(ofPort: port) }
}

private func key(_ address: UInt64, vlan: UInt16 = 1) -> MACKey {
  MACKey(MACAddress(rawValue: address), vlan: vlan)
}

@Suite struct MACTableTests {
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
  func agreesWithAPlainTable(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let table = TestTable(capacity: 500, portCapacity: 16, ageingSeconds: 30, seed: seed)
    var plain = PlainTable(ageing: 30)
    var now: UInt32 = 100
    for step in 0..<20_000 {
      let key = key(.random(in: 1...400, using: &random), vlan: .random(in: 0...1, using: &random))
      let port = UInt16.random(in: 0..<16, using: &random)
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<60:
        _ = table.learn(key, port: port, nowSeconds: now)
        plain.record(key, port, .learned, now)
      case 60..<70:
        _ = table.learnExternal(key, uplink: port, nowSeconds: now)
        plain.record(key, port, .external, now)
      case 70..<75:
        #expect(table.setStatic(key, port: port))
        plain.record(key, port, .static, now)
      case 75..<90:
        table.remove(key)
        plain.entries[key] = nil
      case 90..<91:
        table.flush(port: port)
        plain.entries = plain.entries.filter { $0.value.kind == .static || $0.value.port != port }
      case 91..<92: now += .random(in: 0...10, using: &random)
      default: table.sweep(bucketCount: 8, nowSeconds: now)
      }
      let found = table.find(key, nowSeconds: now).map {
        PlainTable.Entry(port: $0.port, kind: $0.kind, seconds: $0.seenSeconds)
      }
      #expect(found == plain.find(key, now), "seed \(seed), step \(step)")
    }
    var listed: [MACKey: MACEntry] = [:]
    var cursor = 0
    while let (key, entry) = table.next(&cursor) {
      #expect(listed.updateValue(entry, forKey: key) == nil, "listed twice, seed \(seed)")
    }
    #expect(listed.count == table.count)
    for (key, entry) in plain.entries where plain.find(key, now) != nil {
      #expect(listed[key]?.port == entry.port, "seed \(seed)")
    }
    for port in 0..<16 as Range<UInt16> {
      let dynamic = listed.values.count { $0.kind != .static && $0.port == port }
      #expect(table.dynamicCount(ofPort: port) == dynamic, "seed \(seed)")
    }
  }

  @Test(arguments: [64, 1_000, 65_536])
  func holdsItsWholeCapacityAndNotOneMore(capacity: Int) {
    let table = TestTable(capacity: capacity, portCapacity: 2, seed: 42)
    for address in 1...UInt64(capacity) {
      #expect(table.learn(key(address), port: 1, nowSeconds: 5) == .added)
    }
    #expect(table.learn(key(UInt64(capacity) + 1), port: 1, nowSeconds: 5) == .full)
    #expect(table.count == capacity)
    for address in 1...UInt64(capacity) {
      #expect(table.find(key(address), nowSeconds: 5)?.port == 1)
    }
    #expect(table.setStatic(key(UInt64(capacity) + 1), port: 0), "the plan's addresses still fit")
    #expect(table.flush() == capacity)
    #expect(table.count == 1)
  }

  @Test(arguments: [4, 1_000] as [UInt64])
  func everyPortHasRoomForItsAddressHoweverSmallTheTable(capacity: UInt64) {
    let table = TestTable(capacity: Int(capacity), portCapacity: 1_056, seed: 3)
    for address in 1...capacity {
      #expect(table.learn(key(address), port: 1, nowSeconds: 0) == .added)
    }
    for port in 0..<1_056 as Range<UInt16> {
      #expect(table.setStatic(key(0x0050_5600_0000 + UInt64(port)), port: port))
    }
  }

  @Test func theSameAddressInTwoVLANsIsTwoEntries() {
    let table = TestTable(capacity: 8, portCapacity: 4, seed: 1)
    _ = table.learn(key(7, vlan: 10), port: 1, nowSeconds: 0)
    _ = table.learn(key(7, vlan: 20), port: 2, nowSeconds: 0)
    #expect(table.find(key(7, vlan: 10), nowSeconds: 0)?.port == 1)
    #expect(table.find(key(7, vlan: 20), nowSeconds: 0)?.port == 2)
    #expect(table.find(key(7, vlan: 30), nowSeconds: 0) == nil)
  }

  @Test func aMoveIsAcceptedAtOnce() {
    let table = TestTable(capacity: 8, portCapacity: 4, seed: 1)
    #expect(table.learn(key(7), port: 1, nowSeconds: 0) == .added)
    #expect(table.learn(key(7), port: 1, nowSeconds: 1) == .known)
    #expect(table.learn(key(7), port: 2, nowSeconds: 1) == .moved)
    #expect(table.dynamicCount(ofPort: 1) == 0)
    #expect(table.dynamicCount(ofPort: 2) == 1)
  }

  @Test func thePlanWinsOverWhatIsSeen() {
    let table = TestTable(capacity: 8, portCapacity: 4, seed: 1)
    _ = table.learn(key(7), port: 1, nowSeconds: 0)
    #expect(table.setStatic(key(7), port: 3))
    #expect(table.learn(key(7), port: 1, nowSeconds: 1) == .isStatic)
    #expect(table.find(key(7), nowSeconds: 1_000_000)?.port == 3)
    #expect(table.dynamicCount(ofPort: 1) == 0)
  }

  /// Also when the 32 bits of the seconds begin anew in between.
  @Test(arguments: [0, 1_000, .max - 300, .max - 100, .max] as [UInt32])
  func anIdleEntryIsForgottenToTheSecond(start: UInt32) {
    let table = TestTable(capacity: 8, portCapacity: 4, ageingSeconds: 300, seed: 1)
    _ = table.learn(key(7), port: 1, nowSeconds: start)
    table.sweep(bucketCount: table.bucketCount, nowSeconds: start &+ 300)
    #expect(table.find(key(7), nowSeconds: start &+ 300) != nil)
    #expect(table.find(key(7), nowSeconds: start &+ 301) == nil)
    table.sweep(bucketCount: table.bucketCount, nowSeconds: start &+ 301)
    #expect(table.count == 0)
    #expect(table.dynamicCount(ofPort: 1) == 0)
  }

  /// Static entries may use every slot, so they can fill a table until entries have to move for them.
  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func entriesThatMoveForOthersAreStillFound(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let table = TestTable(capacity: 256, portCapacity: 4, seed: seed)
    let slots = table.bucketCount * 4
    var held: [MACKey: UInt16] = [:]
    for _ in 0..<slots {
      let key = key(.random(in: 1..<1 << 48, using: &random))
      let port = UInt16.random(in: 0..<4, using: &random)
      if table.setStatic(key, port: port) { held[key] = port }
      #expect(table.count == held.count, "seed \(seed)")
    }
    #expect(held.count > slots * 9 / 10, "seed \(seed)")
    for (key, port) in held {
      #expect(table.find(key, nowSeconds: 0)?.port == port, "seed \(seed)")
    }
  }

  @Test func theZeroAddressIsNeitherStoredNorFound() {
    let table = TestTable(capacity: 8, portCapacity: 4, seed: 1)
    for vlan in [0, 1] as [UInt16] {
      #expect(table.find(key(0, vlan: vlan), nowSeconds: 0) == nil, "an empty slot is no entry")
      #expect(table.learn(key(0, vlan: vlan), port: 1, nowSeconds: 0) == .full)
    }
    #expect(table.count == 0)
  }

  @Test func anAddressIsRefreshedOnlyWhereItWasLearned() {
    let table = TestTable(capacity: 8, portCapacity: 4, seed: 1)
    #expect(!table.refresh(key(1), port: 1, nowSeconds: 0), "unknown")
    _ = table.learn(key(1), port: 1, nowSeconds: 0)
    #expect(table.refresh(key(1), port: 1, nowSeconds: 0))
    #expect(!table.refresh(key(1), port: 2, nowSeconds: 0), "another port's")
    #expect(!table.refresh(key(1, vlan: 2), port: 1, nowSeconds: 0), "another VLAN")
    #expect(table.refresh(key(1), port: 1, nowSeconds: 1_000), "idle for long")
    #expect(table.find(key(1), nowSeconds: 1_300)?.seenSeconds == 1_000)
    _ = table.learnExternal(key(1), uplink: 1, nowSeconds: 1_000)
    #expect(!table.refresh(key(1), port: 1, nowSeconds: 1_000), "not learned but announced")
    _ = table.setStatic(key(2), port: 1)
    #expect(!table.refresh(key(2), port: 1, nowSeconds: 0), "not learned but planned")
    #expect(table.dynamicCount(ofPort: 1) == 1)
  }

  @Test func oneAddressIsForgottenInSomeVLANs() {
    let table = TestTable(capacity: 64, portCapacity: 16, seed: 1)
    for vlan in 1...9 as ClosedRange<UInt16> {
      _ = table.learn(key(7, vlan: vlan), port: vlan, nowSeconds: 0)
      _ = table.learn(key(8, vlan: vlan), port: vlan, nowSeconds: 0)
    }
    _ = table.setStatic(key(7, vlan: 3), port: 3)
    table.flush(key(7).address) { $0 < 6 }
    for vlan in 1...9 as ClosedRange<UInt16> {
      let isThere = table.find(key(7, vlan: vlan), nowSeconds: 0) != nil
      #expect(isThere == (vlan == 3 || vlan >= 6))
      #expect(table.find(key(8, vlan: vlan), nowSeconds: 0) != nil)
    }
  }
}
