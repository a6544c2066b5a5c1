// The ring between two threads: order, room, and what a reader refuses.

import Base
import Testing

@Suite struct SharedRingTests {
  @Test func whatIsWrittenIsReadInOrder() {
    let ring = SharedRing(capacity: 8, filledWith: 0)
    var read: [Int] = []
    for round in 0..<10 {
      ring.write(count: 5) { round * 5 + $0 }
      #expect(ring.count == 5 && ring.freeCount == 3)
      ring.read { element in
        read.append(element)
        return true
      }
    }
    #expect(read == Array(0..<50) && ring.count == 0 && ring.freeCount == 8)
  }

  @Test func whatIsRefusedStays() {
    let ring = SharedRing(capacity: 4, filledWith: 0)
    ring.write(count: 4) { $0 }
    ring.read { $0 < 2 }
    #expect(ring.count == 2 && ring.freeCount == 2)
    var first: Int?
    ring.read { element in
      first = first ?? element
      return true
    }
    #expect(first == 2)
  }

  @Test func aWriteBeyondTheRoomTraps() async {
    await #expect(processExitsWith: .failure) {
      let ring = SharedRing(capacity: 2, filledWith: 0)
      ring.write(count: 3) { $0 }
    }
  }
}
