// A ring between two threads: one writes, the other reads, and neither waits.
//
// Each side keeps its own count on a cache line of its own, and publishes it once for a whole run of elements
// (release), so that the lines move between the cores once a batch and not once an element. The counts never
// wrap in practice (64 bits); their low bits say which slot.
//
// Invariant: slots `read..<written` belong to the reader, all others to the writer.

internal import Synchronization

/// Elements on their way from one thread to another, in order.
///
/// - Thread: one that writes, one that reads; each may be another one later if that is ordered otherwise.
/// - Cost: two atomic accesses for a run, however long. Nothing is allocated after `init`.
// SAFETY: the two sides touch different slots, and hand them over by release and acquire of the counts.
@safe
public final class SharedRing<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  public let capacity: Int
  private let slots: UnsafeMutablePointer<Element>
  private let written: PaddedCount
  private let read: PaddedCount

  /// An empty ring. Traps unless `capacity` is a power of two.
  public init(capacity: Int, filledWith element: Element) {
    precondition(capacity > 0 && capacity & (capacity - 1) == 0, "a power of two of slots")
    self.capacity = capacity
    // SAFETY: room for `capacity` elements, all initialised here; the type is trivial.
    unsafe slots = .allocate(capacity: capacity)
    unsafe slots.initialize(repeating: element, count: capacity)
    written = PaddedCount()
    read = PaddedCount()
  }

  // SAFETY: allocated by `init`; nobody has the ring any more.
  deinit { unsafe slots.deallocate() }

  /// How many elements the writer may add now.
  public var freeCount: Int {
    capacity - (written.value.load(ordering: .relaxed) - read.value.load(ordering: .acquiring))
  }

  /// How many elements the reader may take now.
  public var count: Int {
    written.value.load(ordering: .acquiring) - read.value.load(ordering: .relaxed)
  }

  /// Adds `count` elements, each from its index. Traps where there is less room: ask `freeCount` first.
  public func write(count: Int, _ element: (Int) -> Element) {
    precondition(count >= 0 && count <= freeCount, "no room in the ring")
    let start = written.value.load(ordering: .relaxed)
    for index in 0..<count {
      // SAFETY: within the slots that belong to the writer, as was just checked.
      unsafe slots[(start &+ index) & (capacity - 1)] = element(index)
    }
    written.value.store(start &+ count, ordering: .releasing)
  }

  /// Hands the waiting elements to `take` in order, until it refuses one, which stays.
  public func read(_ take: (Element) -> Bool) {
    let start = read.value.load(ordering: .relaxed)
    let end = written.value.load(ordering: .acquiring)
    var next = start
    // SAFETY: within the slots that belong to the reader.
    while next < end, take(unsafe slots[next & (capacity - 1)]) { next &+= 1 }
    if next != start { read.value.store(next, ordering: .releasing) }
  }
}

/// A count with its neighbours' cache lines to itself: two of 64 bytes, as they are fetched in pairs.
private final class PaddedCount: Sendable {
  private let before: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
  private let before2: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
  let value = Atomic<Int>(0)
  private let after: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
  private let after2: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

  init() {
    before = (0, 0, 0, 0, 0, 0, 0, 0)
    before2 = before
    after = before
    after2 = before
  }
}
