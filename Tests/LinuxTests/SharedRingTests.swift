// The ring between two threads: order, room, and what a reader refuses.

import Base
import Linux
import Testing

@Suite struct SharedRingTests {
  @Test func whatIsPutIsReadInOrder() {
    let (writer, reader) = makeSharedRing(capacity: 8, filledWith: 0)
    var read: [Int] = []
    for round in 0..<10 {
      for place in 0..<5 { writer.put(round * 5 + place) }
      #expect(reader.count == 0, "not published yet")
      writer.publish()
      #expect(reader.count == 5 && writer.freeCount == 3)
      reader.read { element in
        read.append(element)
        return true
      }
    }
    #expect(read == Array(0..<50) && reader.count == 0 && writer.freeCount == 8)
  }

  @Test func whatIsRefusedStays() {
    let (writer, reader) = makeSharedRing(capacity: 4, filledWith: 0)
    for element in 0..<4 { writer.put(element) }
    writer.publish()
    reader.read { $0 < 2 }
    #expect(reader.count == 2 && writer.freeCount == 2)
    #expect(reader.peek(0) == 2 && reader.peek(1) == 3)
    reader.remove(1)
    #expect(reader.peek(0) == 3 && writer.hasRoom(for: 3) && !writer.hasRoom(for: 4))
  }

  /// A thread at each end, in runs of different lengths.
  @Test func twoThreadsLoseNothing() throws {
    let (writer, reader) = makeSharedRing(capacity: 64, filledWith: 0)
    let last = 200_000
    let thread = try Thread(named: "writer") {
      var next = 0
      while next < last {
        guard writer.hasRoom(for: 1 + next % 7) else { continue }
        for _ in 0...next % 7 {
          writer.put(next)
          next += 1
        }
        writer.publish()
      }
    }
    var expected = 0
    var wrong = 0
    while expected < last {
      reader.read { element in
        wrong += element == expected ? 0 : 1
        expected += 1
        return true
      }
    }
    thread.join()
    #expect(wrong == 0)
  }

  @Test func aWriteBeyondTheRoomTraps() async {
    await #expect(processExitsWith: .failure) {
      let (writer, _) = makeSharedRing(capacity: 2, filledWith: 0)
      for element in 0..<3 { writer.put(element) }
    }
  }

  @Test func aLookBeyondTheEndTraps() async {
    await #expect(processExitsWith: .failure) {
      let (writer, reader) = makeSharedRing(capacity: 2, filledWith: 0)
      writer.put(1)
      writer.publish()
      _ = reader.peek(1)
    }
  }
}
