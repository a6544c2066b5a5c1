// Sets of ports against the standard library's.

import Base
import Tables
import Testing

@Suite struct PortSetTests {
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func agreesWithAnOrdinarySet(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var set = PortSet()
    var plain: Set<Int> = []
    for step in 0..<4_000 {
      let port = Int.random(in: 0..<PortSet.capacity, using: &random)
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<10:
        set.insert(port)
        plain.insert(port)
      case 10..<16:
        set.remove(port)
        plain.remove(port)
      case 16:
        let other = Self.randomSet(&random)
        set.formUnion(Self.portSet(other))
        plain.formUnion(other)
      case 17:
        let other = Self.randomSet(&random)
        set.subtract(Self.portSet(other))
        plain.subtract(other)
      case 18 where plain.count > 300:
        let other = Self.randomSet(&random)
        set.formIntersection(Self.portSet(other))
        plain.formIntersection(other)
      default:
        if Int.random(in: 0..<50, using: &random) == 0 {
          set.removeAll()
          plain = []
        }
      }
      let place: Comment = "seed \(seed), step \(step)"
      #expect(set.contains(port) == plain.contains(port), place)
      #expect(set.count == plain.count && set.isEmpty == plain.isEmpty, place)
      #expect(set.next(from: port) == plain.filter { $0 >= port }.min(), place)
    }
    #expect(Self.walk(set) == plain.sorted(), "seed \(seed)")
    #expect(set == Self.portSet(plain), "seed \(seed)")
    set.insert(7)
    plain.remove(7)
    #expect(set != Self.portSet(plain), "seed \(seed)")
  }

  @Test func theFirstAndTheLastPortAreFound() {
    let ends = Self.portSet([0, 63, 64, 1_087])
    #expect(Self.walk(ends) == [0, 63, 64, 1_087])
    #expect(ends.next(from: 1_088) == nil)
    #expect(PortSet().next(from: 0) == nil)
  }

  @Test func aPortBeyondTheCapacityTraps() async {
    await #expect(processExitsWith: .failure) {
      var set = PortSet()
      set.insert(1_088)
    }
  }

  private static func randomSet(_ random: inout SeededRandom) -> Set<Int> {
    Set(
      (0..<Int.random(in: 0..<200, using: &random)).map { _ in
        Int.random(in: 0..<PortSet.capacity, using: &random)
      })
  }

  private static func portSet(_ ports: Set<Int>) -> PortSet {
    var set = PortSet()
    for port in ports { set.insert(port) }
    return set
  }

  private static func walk(_ set: PortSet) -> [Int] {
    var ports: [Int] = []
    while let port = set.next(from: (ports.last ?? -1) + 1) { ports.append(port) }
    return ports
  }
}
