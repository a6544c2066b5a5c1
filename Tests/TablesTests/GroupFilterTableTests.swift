// Basic multicast filtering against a dictionary of lists, and at its bounds.

import Base
import Tables
import Testing
import Wire

/// A table that expectations can call: the macros copy what they look at.
private final class TestTable {
  private var table: GroupFilterTable

  init(capacity: Int, portCapacity: Int, seed: UInt64 = 1) {
    table = GroupFilterTable(capacity: capacity, portCapacity: portCapacity, seed: seed)
  }

  var count: Int { table.count }
  var fullCount: UInt64 { table.fullCount }
  func overflows(_ port: Int) -> Bool { table.overflowing.contains(port) }
  func set(_ port: Int, _ addresses: [MACAddress]) -> GroupFilterResult {
    table.set(port: port, addresses: addresses.span)
  }
  func remove(_ port: Int) { table.remove(port: port) }

  /// Nil when the table knows no such group.
  func ports(of address: MACAddress) -> Set<Int>? {
    var set = PortSet()
    guard table.ports(of: address, into: &set) else { return nil }
    var ports: Set<Int> = []
    var next = 0
    while let port = set.next(from: next) {
      ports.insert(port)
      next = port + 1
    }
    return ports
  }

  func list(of port: Int) -> [MACAddress] {
    var list: [MACAddress] = []
    while let address = table.address(at: list.count, ofPort: port) { list.append(address) }
    return list
  }
}

private func group(_ number: UInt64) -> MACAddress {
  MACAddress(rawValue: 0x0100_5E00_0000 | number)
}

@Suite struct GroupFilterTableTests {
  /// A list is a set of at most 32 addresses; the table holds at most 60 different ones.
  @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func agreesWithADictionary(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let table = TestTable(capacity: 60, portCapacity: 20, seed: seed)
    var lists: [Int: Set<MACAddress>] = [:]
    var overflowing: Set<Int> = []
    var refusals: UInt64 = 0
    for step in 0..<3_000 {
      let port = Int.random(in: 0..<20, using: &random)
      lists[port] = nil
      overflowing.remove(port)
      if Int.random(in: 0..<4, using: &random) == 0 {
        table.remove(port)
      } else {
        let longest = Bool.random(using: &random) ? 40 : 8
        let length = Int.random(in: 0..<longest, using: &random)
        let wanted = (0..<length).map { _ in group(.random(in: 0..<90, using: &random)) }
        let others = lists.values.reduce(into: Set()) { $0.formUnion($1) }
        let result = table.set(port, wanted)
        if Set(wanted).count <= 32, others.union(wanted).count <= 60 {
          #expect(result == .listed, "seed \(seed), step \(step)")
          lists[port] = Set(wanted)
        } else {
          #expect(result != .listed, "seed \(seed), step \(step)")
          overflowing.insert(port)
          if result == .full { refusals += 1 }
        }
      }
      let all = lists.values.reduce(into: Set()) { $0.formUnion($1) }
      #expect(table.count == all.count, "seed \(seed), step \(step)")
      for address in (0..<90).map(group) where Int.random(in: 0..<8, using: &random) == 0 {
        let listeners = Set(lists.filter { $0.value.contains(address) }.keys)
        #expect(
          table.ports(of: address) == (listeners.isEmpty ? nil : listeners),
          "seed \(seed), step \(step), \(address)")
      }
      #expect(Set(table.list(of: port)) == lists[port] ?? [], "seed \(seed), step \(step)")
      #expect(table.overflows(port) == overflowing.contains(port), "seed \(seed), step \(step)")
    }
    #expect(table.fullCount == refusals && refusals > 0, "seed \(seed)")
  }

  @Test func thirtyTwoAddressesFitAndOneMoreIsAllMulticast() {
    let table = TestTable(capacity: 100, portCapacity: 2)
    #expect(table.set(0, (0..<32).map(group)) == .listed)
    #expect(table.set(1, (0..<33).map(group)) == .tooManyAddresses)
    #expect(table.overflows(1) && !table.overflows(0))
    #expect(table.ports(of: group(5)) == [0], "a list that does not fit leaves nothing behind")
    #expect(table.set(1, [group(5)]) == .listed)
    #expect(!table.overflows(1))
    #expect(table.ports(of: group(5)) == [0, 1])
  }

  @Test func onlyDifferentMulticastAddressesCount() {
    let table = TestTable(capacity: 100, portCapacity: 1)
    let unicast = (0..<40).map { MACAddress(rawValue: 0x0050_5600_0000 + $0) }
    let repeated = [MACAddress](repeating: group(1), count: 40)
    #expect(table.set(0, unicast + repeated) == .listed)
    #expect(table.count == 1)
    #expect(table.ports(of: unicast[0]) == nil)
  }

  @Test func aFullTableIsCountedAndTakesNothingFromOthers() {
    let table = TestTable(capacity: 40, portCapacity: 3)
    #expect(table.set(0, (0..<30).map(group)) == .listed)
    #expect(table.set(1, (20..<45).map(group)) == .full)
    #expect(table.fullCount == 1 && table.overflows(1))
    #expect(table.count == 30)
    #expect(table.set(2, (0..<30).map(group)) == .listed, "known addresses need no room")
    for number in 0..<30 as Range<UInt64> { #expect(table.ports(of: group(number)) == [0, 2]) }
  }

  @Test func theWholeCapacityFits() {
    let capacity = GroupFilterTable.defaultCapacity
    let table = TestTable(capacity: capacity, portCapacity: capacity / 32, seed: 9)
    for port in 0..<capacity / 32 {
      let addresses = (0..<32).map { group(UInt64(port * 32 + $0)) }
      #expect(table.set(port, addresses) == .listed)
    }
    #expect(table.count == capacity)
    for number in 0..<UInt64(capacity) {
      #expect(table.ports(of: group(number)) == [Int(number / 32)])
    }
    for port in 0..<capacity / 32 { table.remove(port) }
    #expect(table.count == 0)
    #expect(table.ports(of: group(0)) == nil)
  }
}
