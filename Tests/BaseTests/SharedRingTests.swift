// The ring between two threads: order, room, and what a reader refuses. See SharedRingThreadTests of LinuxTests
// for the threads.

import Base
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
