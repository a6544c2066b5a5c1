// A ring between two threads: one writes, the other reads, and neither waits.
//
// Each side has an object of its own, so that no count of references is shared either, and its count of
// elements on a cache line of its own. It publishes that once for a whole run of elements (release), so that
// the lines move between the processors once a batch and not once an element; and looks at the other side's
// count only when it has used up what it saw there last. The counts never wrap in practice (64 bits); their
// low bits say which slot.
//
// Invariant: slots `read..<written` belong to the reader, all others to the writer.

internal import Synchronization

/// Makes a ring of at least `capacity` elements, and gives out its two ends.
public func makeSharedRing<Element: BitwiseCopyable & Sendable>(
  capacity: Int, filledWith element: Element
) -> (writer: RingWriter<Element>, reader: RingReader<Element>) {
  let memory = RingMemory(capacity: capacity, filledWith: element)
  return (RingWriter(memory), RingReader(memory))
}

/// Slots and counts; freed with the second end.
// SAFETY: the two ends touch different slots, and hand them over by release and acquire of the counts.
@safe
private final class RingMemory<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  /// Two lines of 64 bytes, as they are fetched in pairs.
  private static var paddedBytes: Int { 128 }

  let capacity: Int
  let slots: UnsafeMutablePointer<Element>
  let written: UnsafeMutablePointer<Atomic<Int>>
  let read: UnsafeMutablePointer<Atomic<Int>>
  private let counts: UnsafeMutableRawPointer

  init(capacity: Int, filledWith element: Element) {
    precondition(capacity > 0 && capacity & (capacity - 1) == 0, "a power of two of slots")
    self.capacity = capacity
    // SAFETY: room for `capacity` elements, all initialised here; the type is trivial.
    unsafe slots = .allocate(capacity: capacity)
    unsafe slots.initialize(repeating: element, count: capacity)
    // SAFETY: two counts, each at the start of lines of its own.
    unsafe counts = .allocate(byteCount: 2 * Self.paddedBytes, alignment: Self.paddedBytes)
    unsafe written = counts.bindMemory(to: Atomic<Int>.self, capacity: 1)
    unsafe read = (counts + Self.paddedBytes).bindMemory(to: Atomic<Int>.self, capacity: 1)
    unsafe written.initialize(to: Atomic(0))
    unsafe read.initialize(to: Atomic(0))
  }

  // SAFETY: allocated by `init`; both ends are gone.
  deinit {
    unsafe slots.deallocate()
    unsafe counts.deallocate()
  }
}

/// The end at which elements go in.
///
/// - Thread: one at a time. Cost: an atomic access for a run, however long. Nothing is allocated.
// SAFETY: the pointers are those of `memory`, which lives as long as this; see there.
@safe
public final class RingWriter<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  private let memory: RingMemory<Element>
  private let slots: UnsafeMutablePointer<Element>
  private let written: UnsafeMutablePointer<Atomic<Int>>
  private let read: UnsafeMutablePointer<Atomic<Int>>
  private let capacity: Int
  /// Elements so far, those that the reader does not see yet included.
  private var count = 0
  /// Elements that the reader sees, taken or not.
  private var published = 0
  /// The reader's count as it was last seen.
  private var seenRead = 0

  fileprivate init(_ memory: RingMemory<Element>) {
    self.memory = memory
    capacity = memory.capacity
    // SAFETY: as the type says.
    unsafe (slots, written, read) = (memory.slots, memory.written, memory.read)
  }

  /// How many elements may be put now.
  public var freeCount: Int {
    // SAFETY: the count lives as long as the memory.
    seenRead = unsafe read.pointee.load(ordering: .acquiring)
    return capacity &- (count &- seenRead)
  }

  /// Whether `elements` may be put. The other side is only looked at when it seems not.
  public func hasRoom(for elements: Int) -> Bool {
    count &+ elements &- seenRead <= capacity || elements <= freeCount
  }

  /// Adds an element that the reader does not see before `publish`. Traps without room.
  public func put(_ element: Element) {
    precondition(hasRoom(for: 1), "no room in the ring")
    // SAFETY: within the slots that belong to the writer, as was just checked.
    unsafe slots[count & (capacity &- 1)] = element
    count &+= 1
  }

  /// Elements that were put and not published.
  public var unpublishedCount: Int { count &- published }

  /// Shows the reader what was put.
  public func publish() {
    published = count
    // SAFETY: the count lives as long as the memory.
    unsafe written.pointee.store(count, ordering: .releasing)
  }
}

/// The end at which elements come out.
///
/// - Thread: one at a time. Cost: as the writer's.
// SAFETY: the pointers are those of `memory`, which lives as long as this; see there.
@safe
public final class RingReader<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  private let memory: RingMemory<Element>
  private let slots: UnsafeMutablePointer<Element>
  private let written: UnsafeMutablePointer<Atomic<Int>>
  private let read: UnsafeMutablePointer<Atomic<Int>>
  private let capacity: Int
  /// Elements that were taken so far.
  private var taken = 0
  /// The writer's count as it was last seen.
  private var seenWritten = 0

  fileprivate init(_ memory: RingMemory<Element>) {
    self.memory = memory
    capacity = memory.capacity
    // SAFETY: as the type says.
    unsafe (slots, written, read) = (memory.slots, memory.written, memory.read)
  }

  /// How many elements wait.
  public var count: Int {
    // SAFETY: the count lives as long as the memory.
    seenWritten = unsafe written.pointee.load(ordering: .acquiring)
    return seenWritten &- taken
  }

  /// The element `index` places behind the first that waits. Traps where there is none.
  public func peek(_ index: Int) -> Element {
    precondition(
      index >= 0 && (taken &+ index < seenWritten || index < count), "nothing there in the ring")
    // SAFETY: within the slots that belong to the reader, as was just checked.
    return unsafe slots[(taken &+ index) & (capacity &- 1)]
  }

  /// Gives the first `elements` that wait back to the writer. Traps where there are fewer.
  public func remove(_ elements: Int) {
    guard elements > 0 else { return }
    precondition(taken &+ elements <= seenWritten || elements <= count, "not as many in the ring")
    taken &+= elements
    // SAFETY: the count lives as long as the memory.
    unsafe read.pointee.store(taken, ordering: .releasing)
  }

  /// Hands the waiting elements to `take` in order, until it refuses one, which stays.
  public func read(_ take: (Element) -> Bool) {
    let waiting = count
    var index = 0
    while index < waiting, take(peek(index)) { index &+= 1 }
    remove(index)
  }
}
