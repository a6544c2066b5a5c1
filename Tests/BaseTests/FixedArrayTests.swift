// Fixed arrays: every element is made once, reached in place, and ends once.

internal import Base
internal import Testing

/// Notes when it ends.
private struct Witness: ~Copyable {
  final class Log {
    var ended: [Int] = []
  }

  let number: Int
  let log: Log

  deinit { log.ended.append(number) }
}

@Suite struct FixedArrayTests {
  @Test func elementsAreMadeFromTheirIndex() {
    let squares = FixedArray(count: 5) { $0 * $0 }
    let (elements, indices) = (squares.elements, squares.indices)
    #expect(elements == [0, 1, 4, 9, 16] && indices == 0..<5)
  }

  @Test func aCollectionIsCopiedFromItsOwnStart() {
    let slice = [7, 8, 9, 10][1...2]
    let elements = FixedArray(slice).elements
    #expect(elements == [8, 9])
  }

  @Test func elementsChangeInPlace() {
    var array = FixedArray(repeating: [Int](), count: 3)
    array[1].append(5)
    array[1].append(6)
    let before = array.elements
    array.fill(with: [1])
    let after = array.elements
    #expect(before == [[], [5, 6], []] && after == [[1], [1], [1]])
  }

  @Test func everyElementEndsOnce() {
    let log = Witness.Log()
    do {
      let array = FixedArray(count: 4) { Witness(number: $0, log: log) }
      #expect(log.ended.isEmpty)
      _ = array.count
    }
    #expect(log.ended.sorted() == [0, 1, 2, 3])
  }

  @Test func anEmptyArrayHasNoElement() async {
    let count = FixedArray(repeating: 0, count: 0).count
    #expect(count == 0)
    await #expect(processExitsWith: .failure) { _ = FixedArray(repeating: 0, count: 0)[0] }
  }

  @Test func anIndexOutsideTraps() async {
    await #expect(processExitsWith: .failure) { _ = FixedArray(repeating: 0, count: 3)[3] }
    await #expect(processExitsWith: .failure) { _ = FixedArray(repeating: 0, count: 3)[-1] }
    await #expect(processExitsWith: .failure) {
      var array = FixedArray(repeating: 0, count: 3)
      array[Int.max] = 1
    }
    await #expect(processExitsWith: .success) { _ = FixedArray(repeating: 0, count: 3)[2] }
  }

  @Test func aNegativeCountTraps() async {
    await #expect(processExitsWith: .failure) { _ = FixedArray(repeating: 0, count: -1) }
  }
}
