// The ring between two threads, with two threads.

import Base
import Linux
import Testing

@Suite struct SharedRingThreadTests {
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
}
