// The memory that the AF_XDP sockets of one worker share: cells of equal size, in which the kernel puts
// frames that come and from which it takes frames that leave.
//
//   cell | headroom 256 (the kernel's XDP_PACKET_HEADROOM) | Ethernet header, payload ...   |
//
// Every socket registers the whole area as its own (XDP_UMEM_REG). The kernel pins the same pages again,
// which costs 8 bytes a page, and nothing hangs on the socket that was there first; zero-copy and copying
// devices share one area. A frame that came by one socket leaves by any other as it lies there.
//
// Memory, all of it when the area is made, with the default limits:
//   cells          16,384 * 2,048                       32 MiB
//   holders        16,384 * (2 + 4)                     96 KiB
//   for each queue, 16,384 * 1 held                     16 KiB
//   rings of each queue, 2,048 * (8 + 8 + 16 + 16)      96 KiB
// and the kernel's own for each queue, some 130 bytes a cell.
//
// Bound: a queue keeps at most its share of the cells, half of it to receive into and half of it being
// sent; shares grow smaller as queues come.

public import Base
internal import Glibc
internal import Linux
internal import Synchronization

/// Cells that AF_XDP attachments of one worker share.
///
/// - Thread: attachments are opened and closed by whoever manages ports; all else is the worker's.
@safe
public final class XDPMemory {
  /// How large an area is.
  public struct Limits: Hashable, Sendable {
    /// 2,048 or 4,096: a frame has 256 bytes less.
    public var cellBytes = 2_048
    public var cellCount = 16_384
    /// Entries of each ring, a power of two.
    public var ringEntries = 2_048
    /// Queues of all devices together.
    public var queues = 64

    public init() {}

    /// The largest MTU of a device: a frame and its tag fit into a cell.
    public var largestMTU: Int { cellBytes - headroomBytes - XDPAttachment.headerBytes }
  }

  /// What the kernel leaves before a frame.
  static let headroomBytes = 256
  /// A queue that closed keeps its cells so long: a driver may still write into them.
  private static let quarantineNanoseconds: UInt64 = 1_000_000_000

  public let limits: Limits
  let pool: CellPool
  private let base: UnsafeMutableRawPointer
  private let cellShift: Int
  private let queueCount = Atomic<Int>(0)
  private let closedCount = Atomic<Int>(0)
  private let closed = Mutex<[ClosedQueue]>([])

  /// Maps the area; its pages are touched when cells are used.
  public init(limits: Limits = Limits()) throws(Failure) {
    precondition(
      [2_048, 4_096].contains(limits.cellBytes) && limits.ringEntries.nonzeroBitCount == 1,
      "the kernel takes cells of 2 or 4 KiB, and rings of a power of two")
    self.limits = limits
    pool = CellPool(capacity: limits.cellCount)
    cellShift = limits.cellBytes.trailingZeroBitCount
    let byteCount = limits.cellBytes * limits.cellCount
    // SAFETY: a new mapping, which `deinit` removes.
    let mapping = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else {
      throw Errno.current.failure("cannot map \(byteCount) bytes for AF_XDP")
    }
    // Fewer entries in the TLB; and a child must not share pages that the kernel writes to.
    _ = unsafe madvise(mapping, byteCount, MADV_HUGEPAGE)
    _ = unsafe madvise(mapping, byteCount, MADV_DONTFORK)
    unsafe base = mapping
  }

  // SAFETY: mapped by `init`; attachments hold the area, so no socket is left. The kernel has pinned what it
  // still uses.
  deinit { unsafe munmap(base, byteCount) }

  public var byteCount: Int { limits.cellBytes * limits.cellCount }

  /// What an area and `queues` queues take of this process's memory, in bytes.
  public static func memoryBytes(limits: Limits = Limits(), queues: Int) -> Int {
    let perCell = limits.cellBytes + MemoryLayout<UInt16>.stride + MemoryLayout<UInt32>.stride
    let perQueue =
      limits.cellCount * MemoryLayout<UInt8>.stride
      + limits.ringEntries * XDPQueue.ringBytesPerEntry
    return limits.cellCount * perCell + queues * perQueue
  }

  /// The largest frame that a cell holds, tag included.
  public var largestFrameBytes: Int { limits.cellBytes - Self.headroomBytes }

  /// How many cells are free: all of them when nothing is received or sent.
  public var freeCount: Int { pool.freeCount }

  // MARK: - Cells

  /// The start of a cell.
  ///
  /// - Unsafe: `cellBytes` bytes, valid while the area lives; who holds the cell may use them.
  @unsafe
  @inline(__always)
  func address(of cell: Int) -> UnsafeMutableRawPointer {
    precondition(UInt(bitPattern: cell) < UInt(bitPattern: pool.capacity), "no such cell")
    // SAFETY: the cell was checked.
    return unsafe base + cell << cellShift
  }

  /// The whole area, for registration.
  // SAFETY: mapped as long as this object lives.
  @unsafe var start: UnsafeMutableRawPointer { unsafe base }

  /// Which cell begins at an address; nil when it lies outside.
  @inline(__always)
  func cell(at address: UnsafeMutableRawPointer) -> Int? {
    // SAFETY: addresses are compared, nothing is read.
    let distance = unsafe UInt(bitPattern: address) &- UInt(bitPattern: base)
    return distance < UInt(bitPattern: byteCount) ? Int(bitPattern: distance) >> cellShift : nil
  }

  /// A descriptor's address as cell and offset, and back.
  @inline(__always)
  func place(_ address: UInt64) -> (cell: Int, offset: Int) {
    let address = Int(truncatingIfNeeded: address)
    return (address >> cellShift, address & (limits.cellBytes - 1))
  }

  @inline(__always)
  func descriptor(_ cell: Int, offset: Int = 0) -> UInt64 {
    UInt64(truncatingIfNeeded: cell << cellShift | offset)
  }

  // MARK: - Queues

  /// How many cells a queue may hold to receive into, and as many again that are being sent.
  var shareCount: Int {
    let share = limits.cellCount / (2 * max(queueCount.load(ordering: .relaxed), 1))
    return min(share, limits.ringEntries)
  }

  /// Notes that a queue opens; false with ENOBUFS when there are as many as there may be.
  func admitQueue() -> Bool {
    let count = queueCount.wrappingAdd(1, ordering: .relaxed).newValue
    if count <= limits.queues { return true }
    queueCount.wrappingSubtract(1, ordering: .relaxed)
    errno = ENOBUFS
    return false
  }

  /// Notes that a queue has closed. The worker takes its cells back.
  func retire(_ held: HeldCells) {
    let time = MonotonicClock.now().advanced(byNanoseconds: Self.quarantineNanoseconds)
    let record = ClosedQueue(held: held, freeTime: time)
    closed.withLock { $0.append(record) }
    queueCount.wrappingSubtract(1, ordering: .relaxed)
    closedCount.wrappingAdd(1, ordering: .releasing)
  }

  /// Takes back the cells of queues that have closed; nearly always nothing but one load.
  @inline(__always)
  func settle() {
    if closedCount.load(ordering: .acquiring) > 0 { takeBackClosed() }
  }

  @inline(never)
  private func takeBackClosed() {
    let now = MonotonicClock.now()
    closed.withLock { closed in
      for record in closed where record.freeTime <= now { record.held.letGoAll(in: pool) }
      let before = closed.count
      closed.removeAll { $0.freeTime <= now }
      closedCount.wrappingSubtract(before - closed.count, ordering: .relaxed)
    }
  }
}

/// What a queue held when it closed.
private struct ClosedQueue: Sendable {
  let held: HeldCells
  let freeTime: MonotonicTime
}

// SAFETY: the pool is used by the worker alone, the atomics and the lock by anyone; the rest is constant.
extension XDPMemory: @unchecked Sendable {}
