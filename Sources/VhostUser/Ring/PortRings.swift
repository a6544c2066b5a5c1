// Where the worker and the control thread meet: the rings of one port, and who has them.
//
// `owner` says who works on them: nobody, the worker for one batch, or the control thread for the few
// stores that install other rings. The worker asks once and otherwise does without; the control thread
// tries until the batch is over. Nothing is locked, and nobody waits, for a frame.

internal import Attachments
internal import CLinux
internal import Linux
internal import Synchronization

/// The rings of one port with the memory that they are in.
///
/// - Thread: fields other than `owner` belong to whoever has entered.
@safe
// SAFETY: the fields are touched only between entering and leaving; `owner` orders that.
package final class PortRings: @unchecked Sendable {
  /// What the rings point into, kept for as long as they do.
  struct Holdings {
    var memory: GuestMemory?
    var bells: [CallBell] = []
    var log: MappedRegion?
  }

  /// What was negotiated, as far as frames are concerned.
  struct Terms: BitwiseCopyable {
    /// 12 with VERSION_1 or MRG_RXBUF, else 10.
    var headerBytes = 12
    var mergesBuffers = false
    var allowsIndirect = false
    /// The guest's headers say something: it may leave checksums or segmentation to us.
    var readsHeaders = false
    /// What the guest takes as it is.
    var offloads: OffloadSet = []
  }

  private let owner = Atomic<UInt32>(0)
  /// For anybody to read: whether frames can move, and what the guest takes as it is.
  let isLinkUp = Atomic<Bool>(false)
  let guestOffloads = Atomic<UInt8>(0)
  let ringCapacity: Int
  /// Ring numbers as in the protocol: even ones the guest receives from, odd ones it sends by.
  let rings: UnsafeMutablePointer<GuestRing>
  /// Numbers of the running rings that the guest sends by, and that it receives from.
  let sending: UnsafeMutablePointer<Int>
  let receiving: UnsafeMutablePointer<Int>
  var sendingCount = 0
  var receivingCount = 0
  var memory = MemoryView.none
  /// Not 0 once memory was lost.
  var loss: UnsafePointer<UInt32>?
  var log = DirtyLog.none
  var terms = Terms()
  var holdings = Holdings()
  /// The rule that the guest broke: nothing moves any more.
  var cutOff: CutOffReason?
  /// Whom the front end wants announced after a migration; 0: nobody.
  var announcement: UInt64 = 0
  /// Rings to look at first, next time.
  var turn = 0
  /// Told when the worker cut the guest off.
  let alarm: WakeupSignal
  /// The worker sleeps on it: kicks of all rings, and `wakeup`.
  let events: EventSet

  init(ringCapacity: Int) throws(Errno) {
    alarm = try WakeupSignal()
    events = try EventSet(capacity: ringCapacity + 1)
    self.ringCapacity = ringCapacity
    // SAFETY: sized and filled here, freed in `deinit`.
    unsafe rings = .allocate(capacity: ringCapacity)
    unsafe rings.initialize(repeating: .none, count: ringCapacity)
    unsafe sending = .allocate(capacity: ringCapacity)
    unsafe sending.initialize(repeating: 0, count: ringCapacity)
    unsafe receiving = .allocate(capacity: ringCapacity)
    unsafe receiving.initialize(repeating: 0, count: ringCapacity)
  }

  deinit {
    // SAFETY: allocated by `init`; the last owner is gone.
    unsafe rings.deallocate()
    unsafe sending.deallocate()
    unsafe receiving.deallocate()
  }

  // MARK: - Who has them

  /// Looks this often before the worker gives up: the other side holds them for a microsecond.
  private static let looksMax = 2_000

  /// For the worker: false when the control thread is at them.
  @inline(__always)
  func enter() -> Bool {
    if owner.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged {
      return true
    }
    return enterSlowly()
  }

  @inline(never)
  private func enterSlowly() -> Bool {
    for _ in 0..<Self.looksMax {
      if owner.weakCompareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged {
        return true
      }
      clinux_pause()
    }
    return false
  }

  @inline(__always)
  func leave() { owner.store(0, ordering: .releasing) }

  /// For the control thread: waits for the end of the worker's batch.
  func withRings<Value>(_ body: () -> Value) -> Value {
    while !enterSlowly() { Scheduling.yield() }
    defer { leave() }
    return body()
  }

  // MARK: - Cutting off

  /// Stops everything; the control thread closes the connection. For whoever has entered.
  func cutOff(because reason: CutOffReason) {
    guard cutOff == nil else { return }
    // Zeroes instead of a ring break one rule or another.
    cutOff = isMemoryLost ? .memoryLost : reason
    sendingCount = 0
    receivingCount = 0
    isLinkUp.store(false, ordering: .relaxed)
    alarm.ring()
  }

  private var isMemoryLost: Bool {
    // SAFETY: `holdings` keeps what it is in.
    if let loss = unsafe loss { unsafe clinux_load32(loss) != 0 } else { false }
  }

  /// A memory file may have shrunk while a batch was moved. Asked once a batch.
  @inline(__always)
  func checkMemory() {
    if isMemoryLost { cutOff(because: .memoryLost) }
  }
}
