// Where the frames of a batch go: for each egress port, in order, which frames with which tag.
//
// The switch appends while it works through a batch; afterwards the worker visits each port that got
// something, once, and sends its frames in one go. The deliveries of a port are a linked list through
// one fixed pool, so that a port costs nothing until it gets a frame and a broadcast to a thousand ports
// costs a thousand entries, not a thousand queues.
//
// Bound: `capacity` deliveries. The switch asks for room for a whole broadcast before it takes the next
// frame, and stops early when there is none; the worker sends and goes on. Nothing is lost.

public import Base
public import Wire

/// One frame to one port.
@frozen
public struct Delivery: Sendable, BitwiseCopyable {
  /// Which frame of the batch.
  public var frame: UInt16
  /// What the attachment found: nil when it took the frame, else why not.
  public var failure: DropReason?
  /// What the filter of the port changes in the bytes; see `FrameBatch.mark`.
  public var rewrite: Rewrite
  /// The tag to put into the bytes, `none` for an untagged frame.
  public var tag: VLANTag
  @usableFromInline
  var next: Int32

  @inlinable
  init(frame: UInt16, tag: VLANTag, rewrite: Rewrite, next: Int32) {
    self.frame = frame
    self.tag = tag
    self.rewrite = rewrite
    self.next = next
    failure = nil
  }
}

/// The ends of a port's list; -1 where it is empty.
@frozen
@usableFromInline
struct DeliveryEnds: Sendable, BitwiseCopyable {
  @usableFromInline
  var first: Int32
  @usableFromInline
  var last: Int32

  @inlinable
  init(first: Int32, last: Int32) {
    self.first = first
    self.last = last
  }

  @inlinable
  static var none: DeliveryEnds { DeliveryEnds(first: -1, last: -1) }
}

/// The deliveries of one batch, by egress port, each port in order of arrival.
public struct DeliveryList: ~Copyable, Sendable {
  public let capacity: Int
  @usableFromInline
  var used = 0
  @usableFromInline
  var pool: FixedArray<Delivery>
  @usableFromInline
  var ends: FixedArray<DeliveryEnds>
  /// The ports that have deliveries, in the order in which they got their first.
  @usableFromInline
  var touched: FixedArray<PortIndex>
  @usableFromInline
  var touchedPorts = 0
  /// The ports of which a delivery has a rewrite.
  @usableFromInline
  var rewritten: FixedArray<Bool>
  /// Any delivery has a rewrite.
  public private(set) var hasRewrites = false

  /// Room for `capacity` deliveries to ports below `portCapacity`.
  public init(capacity: Int, portCapacity: Int) {
    precondition(capacity <= Int(Int32.max), "too many deliveries")
    self.capacity = capacity
    pool = FixedArray(
      repeating: Delivery(frame: 0, tag: .none, rewrite: .none, next: -1), count: capacity)
    rewritten = FixedArray(repeating: false, count: portCapacity)
    ends = FixedArray(repeating: .none, count: portCapacity)
    // One more than there are ports: the place behind the last is written before it is counted.
    touched = FixedArray(repeating: .none, count: portCapacity + 1)
  }

  /// How many deliveries there are.
  @inlinable
  public var count: Int { used }

  /// How many ports have deliveries.
  @inlinable
  public var touchedCount: Int { touchedPorts }

  @inlinable
  public var freeCapacity: Int { capacity - used }

  /// Adds a delivery at the end of `port`'s list. Traps when full: ask `freeCapacity` first.
  @inlinable @inline(__always)
  public mutating func append(
    frame: UInt16, to port: PortIndex, tag: VLANTag, rewrite: Rewrite = .none
  ) {
    let entry = Int32(truncatingIfNeeded: used)
    let known = ends[port.index]
    // Without a branch: whether a port has got a frame in this batch before cannot be predicted. A first
    // one is linked to itself, and then written over. All bits set for a first one, as the compiler makes a
    // branch of a choice between two.
    let isFirst = known.last >> 31
    pool[Int(known.last & ~isFirst | entry & isFirst)].next = entry
    pool[used] = Delivery(frame: frame, tag: tag, rewrite: rewrite, next: -1)
    used &+= 1
    ends[port.index] = DeliveryEnds(first: known.first & ~isFirst | entry & isFirst, last: entry)
    touched[touchedPorts] = port
    touchedPorts &-= Int(isFirst)
    if rewrite != .none { noteRewrite(at: port) }
  }

  @usableFromInline
  mutating func noteRewrite(at port: PortIndex) {
    rewritten[port.index] = true
    hasRewrites = true
  }

  /// Whether a delivery to `port` has a rewrite: then mark before sending, and unmark after.
  @inlinable
  public func hasRewrites(at port: PortIndex) -> Bool { hasRewrites && rewritten[port.index] }

  /// The `index`-th port that has deliveries; traps outside `0..<touchedCount`.
  public func touchedPort(_ index: Int) -> PortIndex {
    precondition(index < touchedCount, "no such port")
    return touched[index]
  }

  /// The first delivery of a port, or nil.
  public func first(of port: PortIndex) -> Int? {
    let first = ends[port.index].first
    return first < 0 ? nil : Int(first)
  }

  /// The delivery after `entry` at the same port, or nil.
  public func next(after entry: Int) -> Int? {
    let next = pool[entry].next
    return next < 0 ? nil : Int(next)
  }

  /// The delivery at `entry`, as given by `first(of:)` and `next(after:)`.
  public subscript(entry: Int) -> Delivery {
    get { pool[entry] }
    set { pool[entry] = newValue }
  }

  /// Forgets everything; costs as much as ports were touched.
  public mutating func removeAll() {
    for index in 0..<touchedCount { ends[touched[index].index] = .none }
    if hasRewrites {
      for index in 0..<touchedCount { rewritten[touched[index].index] = false }
      hasRewrites = false
    }
    touchedPorts = 0
    used = 0
  }
}
