// The counts behind cells, and the recognition of unfinished checksums, against slow models.

import Base
import FrameMemory
import Testing
import XDP

@Suite("AF_XDP cells") struct CellTests {
  /// What the pool should say: for each cell, how often each of three queues holds it.
  private struct Model {
    var held: [[Int]]
    var isFree: [Bool] { held.map { $0.reduce(0, +) == 0 } }
  }

  /// Calls on a pool; a class, because the macros cannot hold it themselves.
  private final class Subject {
    let pool: CellPool
    let queues: [HeldCells]

    init(capacity: Int) {
      pool = CellPool(capacity: capacity)
      queues = (0..<3).map { _ in HeldCells(capacity: capacity) }
    }

    var freeCount: Int { pool.freeCount }
    func take() -> Int? { pool.take() }
    func hold(_ cell: Int) -> Bool { pool.hold(cell) }
    func letGo(_ cell: Int) { pool.letGo(cell) }
    func holderCount(_ cell: Int) -> Int { pool.holderCount(cell) }
    func letGoAll(_ queue: Int) { queues[queue].letGoAll(in: pool) }
  }

  @Test("cells that are taken, held and let go in any order", arguments: UInt64(1)...20)
  func counts(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let capacity = 24
    let subject = Subject(capacity: capacity)
    var model = Model(held: Array(repeating: [0, 0, 0], count: capacity))
    for _ in 0..<3_000 {
      let (queue, cell) = (Int(random.next() % 3), Int(random.next() % UInt64(capacity)))
      switch random.next() % 8 {
      case 0...2:
        if let taken = subject.take() {
          #expect(model.isFree[taken], "seed \(seed)")
          #expect(subject.queues[queue].add(taken))
          model.held[taken][queue] = 1
        } else {
          #expect(!model.isFree.contains(true), "seed \(seed)")
        }
      case 3, 4:
        guard !model.isFree[cell], subject.queues[queue].add(cell) else { continue }
        #expect(subject.hold(cell))
        model.held[cell][queue] += 1
      case 5, 6:
        guard model.held[cell][queue] > 0 else { continue }
        subject.queues[queue].remove(cell)
        subject.letGo(cell)
        model.held[cell][queue] -= 1
      default:
        guard random.next() % 20 == 0 else { continue }
        subject.letGoAll(queue)
        for cell in 0..<capacity { model.held[cell][queue] = 0 }
      }
      #expect(subject.freeCount == model.isFree.count { $0 }, "seed \(seed)")
      #expect(subject.holderCount(cell) == model.held[cell].reduce(0, +), "seed \(seed)")
    }
  }

  @Test("a cell has at most as many holders as can be counted")
  func bounds() {
    let subject = Subject(capacity: 1)
    #expect(subject.take() == 0)
    for _ in 1..<Int(UInt16.max) { #expect(subject.hold(0)) }
    #expect(!subject.hold(0) && subject.holderCount(0) == Int(UInt16.max))
    for _ in 0..<Int(UInt8.max) { #expect(subject.queues[0].add(0)) }
    #expect(!subject.queues[0].add(0))
  }

  @Test("any bytes can be asked for an unfinished checksum; what is complete stays as it is")
  func recognises() {
    var random = SeededRandom(seed: 77)
    for frame in [TestFrame.udp4, TestFrame.udp6] {
      #expect(offload(frame.unfinished.bytes) == frame.offload)
      #expect(offload(frame.whole.bytes) == .none)
      for count in 0..<frame.whole.bytes.count {
        #expect(offload(Array(frame.unfinished.bytes.prefix(count))) == .none)
      }
      for _ in 0..<20_000 {
        var bytes = frame.unfinished.bytes
        for _ in 0...Int(random.next() % 4) {
          bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
        }
        bytes.removeLast(Int(random.next() % 3))
        let found = offload(bytes)
        // What is found lies within the frame.
        let end = Int(found.checksumStart) + Int(found.checksumOffset) + 2
        #expect(!found.needsChecksum || end <= bytes.count, "\(bytes)")
      }
    }
  }

  private func offload(_ bytes: [UInt8]) -> Offload {
    // SAFETY: octets; the span is used only during the call.
    unsafe Offload.ofUnfinished(bytes.span.bytes)
  }
}
