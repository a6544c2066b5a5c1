// Frames that wait, against plain arrays, and at the bounds of their memory.

internal import Base
internal import FrameMemory
internal import Testing
internal import Wire

/// What a store keeps of a frame, with its bytes.
private struct PlainFrame: Equatable {
  var bytes: [UInt8]
  var ingress: PortIndex
  var tag: VLANTag
  var offload: Offload
  var note: UInt64
  var time: MonotonicTime

  var cells: Int { max((bytes.count + 2_047) / 2_048, 1) }
}

/// A store and a batch that expectations can call: the macros copy what they look at.
private final class TestStore {
  private var store: FrameStore
  private var batch = FrameBatch(capacity: 1)
  let cells: Int

  init(queueCount: Int, cells: Int) {
    self.cells = cells
    store = FrameStore(queueCount: queueCount, capacityBytes: cells * 2_048)
  }

  func enqueue(_ queue: Int, _ frame: PlainFrame, limit: Int = .max) -> StoreResult {
    batch.removeAll()
    batch.append(
      copying: frame.bytes.rawSpan, ingress: frame.ingress, tag: .none, offload: frame.offload)
    return store.enqueue(
      queue, from: batch, 0, tag: frame.tag, note: frame.note, now: frame.time, limitBytes: limit)
  }

  func first(_ queue: Int) -> StoredFrame? { store.first(queue) }

  func dequeue(_ queue: Int) -> PlainFrame {
    batch.removeAll()
    let (note, time) = (store.first(queue)!.note, store.first(queue)!.enqueuedTime)
    let index = store.dequeue(queue, into: &batch)
    let frame = batch[index]
    return PlainFrame(
      bytes: contents(of: index, in: batch), ingress: frame.ingress, tag: frame.tag,
      offload: frame.offload, note: note, time: time)
  }

  func clear(_ queue: Int) -> Int { store.clear(queue) }
  func byteCount(_ queue: Int) -> Int { store.byteCount(queue) }
  func frameCount(_ queue: Int) -> Int { store.frameCount(queue) }
  var freeCells: Int { store.freeBytes / 2_048 }
}

private func contents(of index: Int, in batch: borrowing FrameBatch) -> [UInt8] {
  // SAFETY: octets, copied during the call.
  unsafe batch.bytes(of: index).withUnsafeBytes { unsafe Array($0) }
}

@Suite struct FrameStoreTests {
  /// No two cells of a frame are alike.
  private static let pattern = (0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }

  private static func frame(_ random: inout SeededRandom, sizes: ClosedRange<Int>) -> PlainFrame {
    let byteCount = Int.random(in: sizes, using: &random)
    let start = Int.random(in: 0...4_000, using: &random)
    var offload = Offload.none
    if Bool.random(using: &random) {
      offload = Offload(flags: 1, checksumStart: 34, checksumOffset: 16)
    }
    return PlainFrame(
      bytes: Array(pattern[start..<start + byteCount]),
      ingress: PortIndex(Int.random(in: 0...1_000, using: &random)),
      tag: VLANTag(vlan: .random(in: 0...4_095, using: &random)), offload: offload,
      note: random.next(), time: MonotonicTime(nanoseconds: random.next()))
  }

  private static func frame(byteCount: Int) -> PlainFrame {
    var random = SeededRandom(seed: 1)
    return frame(&random, sizes: byteCount...byteCount)
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func agreesWithPlainArrays(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let cells = [20, 200, 1_000].randomElement(using: &random)!
    let store = TestStore(queueCount: 4, cells: cells)
    var plain = [[PlainFrame]](repeating: [], count: 4)
    var refused = 0
    for step in 0..<1_500 {
      let queue = Int.random(in: 0..<4, using: &random)
      let held = plain[queue].reduce(0) { $0 + $1.cells }
      let free = cells - plain.joined().reduce(0) { $0 + $1.cells }
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<55:
        let sizes = [14...60, 60...1_514, 2_046...2_050, 9_000...65_600]
        let frame = Self.frame(&random, sizes: sizes[Int.random(in: 0..<4, using: &random)])
        let limit = Int.random(in: 0...300_000, using: &random)
        let bytes = plain[queue].reduce(frame.bytes.count) { $0 + $1.bytes.count }
        let fits =
          frame.cells <= free
          && (plain[queue].isEmpty || bytes <= limit && held + frame.cells <= free - frame.cells)
        #expect(
          store.enqueue(queue, frame, limit: limit) == (fits ? .stored : .full),
          "seed \(seed) step \(step)")
        if fits { plain[queue].append(frame) } else { refused += 1 }
      case 55..<99:
        if let expected = plain[queue].first {
          #expect(store.first(queue)?.wireBytes == UInt32(expected.bytes.count))
          plain[queue].removeFirst()
          let frame = store.dequeue(queue)
          #expect(frame == expected, "seed \(seed) step \(step)")
        } else {
          #expect(store.first(queue) == nil, "seed \(seed) step \(step)")
        }
      default:
        #expect(store.clear(queue) == plain[queue].count, "seed \(seed) step \(step)")
        plain[queue] = []
      }
      #expect(store.frameCount(queue) == plain[queue].count, "seed \(seed) step \(step)")
      #expect(
        store.byteCount(queue) == plain[queue].reduce(0) { $0 + $1.bytes.count },
        "seed \(seed) step \(step)")
      #expect(
        store.freeCells == cells - plain.joined().reduce(0) { $0 + $1.cells },
        "seed \(seed) step \(step)")
    }
    #expect(refused > 100, "seed \(seed)")
  }

  @Test func aGreedyQueueLeavesRoomForTheOthers() {
    let store = TestStore(queueCount: 12, cells: 120)
    let frame = Self.frame(byteCount: 1_514)
    func fill(_ queue: Int) -> Int {
      while store.enqueue(queue, frame) == .stored {}
      return store.frameCount(queue)
    }
    // Each takes half of what those before left.
    #expect((0..<7).map(fill) == [60, 30, 15, 7, 4, 2, 1])
    // The last cell is for a queue that has nothing.
    #expect(store.freeCells == 1)
    #expect(store.enqueue(0, frame) == .full)
    #expect(store.enqueue(11, frame) == .stored)
    #expect(store.enqueue(10, frame) == .full)
    #expect(store.clear(0) == 60)
    // What it gave back is there for all, again by halves.
    #expect(fill(1) == 45 && fill(10) == 22)
    for queue in 1..<12 { _ = store.clear(queue) }
    #expect(store.freeCells == 120 && fill(3) == 60)
  }

  @Test func oneFrameIsHeldWhateverTheLimit() {
    let store = TestStore(queueCount: 2, cells: 33)
    let large = Self.frame(byteCount: 65_550)
    #expect(store.enqueue(0, large, limit: 0) == .stored)
    #expect(store.freeCells == 0)
    #expect(store.enqueue(1, Self.frame(byteCount: 60), limit: .max) == .full)
    #expect(store.dequeue(0) == large)
    let small = Self.frame(byteCount: 100)
    #expect(store.enqueue(0, small, limit: 100) == .stored)
    #expect(store.enqueue(0, small, limit: 199) == .full)
    #expect(store.enqueue(0, small, limit: 200) == .stored)
    #expect(store.byteCount(0) == 200)
  }

  @Test func memoryIsWhatItSays() {
    let bytes = FrameStore.memoryBytes(queueCount: 2_112)
    #expect(bytes > FrameStore.defaultCapacityBytes && bytes < 68 * 1_024 * 1_024)
  }

  @Test func whatIsNotThereTraps() async {
    await #expect(processExitsWith: .failure) {
      var store = FrameStore(queueCount: 1, capacityBytes: 4_096)
      var batch = FrameBatch(capacity: 1)
      _ = store.dequeue(0, into: &batch)
    }
    await #expect(processExitsWith: .failure) {
      let store = FrameStore(queueCount: 1, capacityBytes: 4_096)
      _ = store.frameCount(1)
    }
    await #expect(processExitsWith: .failure) {
      var store = FrameStore(queueCount: 1, capacityBytes: 4_096)
      var batch = FrameBatch(capacity: 1)
      _ = batch.appendZeroed(byteCount: 60, ingress: .none)
      _ = store.enqueue(0, from: batch, 0, tag: .none, note: 0, now: .zero, limitBytes: 0)
      // The batch is full.
      _ = store.dequeue(0, into: &batch)
    }
  }
}
