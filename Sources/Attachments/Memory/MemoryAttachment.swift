// A port whose wire is memory: what a test injects comes in, and what the switch sends is kept.
//
// Frames look as on a wire: the VLAN tag is in the bytes, and the offload metadata counts from
// there. Both directions are bounded; a full one refuses, and says so as a device would.

internal import Base
public import FrameMemory
internal import Wire

/// A pair of bounded rings.
///
/// - Thread: one; injecting and taking happen between the rounds of the worker.
public final class MemoryAttachment: Attachment {
  /// A frame that was sent.
  public struct SentFrame: Hashable, Sendable {
    /// As on a wire, tag included.
    public var bytes: [UInt8]
    /// What is left to the receiver; offsets count from the first byte.
    public var offload: Offload
  }

  public let name: String
  public let offloads: OffloadSet
  public private(set) var offloadCounters = OffloadCounters()
  public private(set) var receiveDrops = ReceiveDrops()
  private var incoming: FrameRing
  private var outgoing: FrameRing
  private let slots = GatherSlots(count: 1, virtioBytes: 0)

  /// Makes two rings of `capacity` frames of at most `frameCapacityBytes` each.
  ///
  /// - `offloads`: what it takes as it is; the rest is done in software before it gets here.
  public init(
    name: String = "memory", offloads: OffloadSet = .all, capacity: Int = 256,
    frameCapacityBytes: Int = FrameBatch.largestFrameBytes
  ) {
    self.name = name
    self.offloads = offloads
    incoming = FrameRing(capacity: capacity, frameCapacityBytes: frameCapacityBytes)
    // A tag makes a frame four bytes longer.
    outgoing = FrameRing(
      capacity: capacity, frameCapacityBytes: frameCapacityBytes + VLANTag.byteCount)
  }

  public var descriptor: Int32 { -1 }

  public var kernelDrops: UInt64 { 0 }

  /// Puts a frame where `receive` will find it; false when the ring is full or the frame too large.
  ///
  /// - `bytes`: as on a wire, tag included; `offload` counts from the first of them.
  @discardableResult
  public func inject(_ bytes: RawSpan, offload: Offload = .none) -> Bool {
    guard !incoming.isFull, bytes.byteCount <= incoming.frameCapacityBytes else { return false }
    unsafe bytes.withUnsafeBytes { source in
      // SAFETY: the slot has room for `frameCapacityBytes`, which was checked.
      unsafe incoming.freeSlot.copyMemory(from: source)
    }
    incoming.append(byteCount: bytes.byteCount, offload: offload)
    return true
  }

  /// The same for an array.
  @discardableResult
  public func inject(_ bytes: [UInt8], offload: Offload = .none) -> Bool {
    // SAFETY: octets have no padding; the span is used only during the call.
    unsafe inject(bytes.span.bytes, offload: offload)
  }

  /// How many sent frames wait to be taken.
  public var sentCount: Int { outgoing.count }

  /// The oldest frame that was sent, nil when there is none. Makes an array: for tests.
  public func takeSent() -> SentFrame? {
    guard let entry = outgoing.oldest else { return nil }
    let bytes = outgoing.copyOldest()
    outgoing.removeOldest()
    return SentFrame(bytes: bytes, offload: entry.offload)
  }

  /// Forgets up to `limit` sent frames without looking at them: for benchmarks.
  ///
  /// - Returns: how many there were.
  @discardableResult
  public func discardSent(limit: Int = .max) -> Int {
    let count = min(limit, outgoing.count)
    for _ in 0..<count { outgoing.removeOldest() }
    return count
  }

  public func receive(into batch: inout FrameBatch, port: PortIndex, limit: Int) -> ReceiveResult {
    let room = min(limit, batch.freeCapacity)
    let before = batch.count
    var taken = 0
    while taken < room, let entry = incoming.oldest {
      taken += 1
      accept(incoming, entry, into: &batch, port)
      incoming.removeOldest()
    }
    return taken > 0 ? .frames(batch.count - before) : .idle
  }

  private func accept(
    _ ring: borrowing FrameRing, _ entry: FrameRing.Entry, into batch: inout FrameBatch,
    _ port: PortIndex
  ) {
    let bytes = ring.oldestBytes
    guard bytes.byteCount > 0, bytes.byteCount <= batch.frameCapacityBytes else {
      receiveDrops.oversize += 1
      return
    }
    guard let offload = entry.offload.checked(against: bytes) else {
      receiveDrops.malformed += 1
      return
    }
    if offload.needsSegmentation { offloadCounters.segmentationReceived += 1 }
    let slot = batch.count
    batch.append(copying: bytes, ingress: port, offload: offload)
    batch.takeOutTag(of: slot)
  }

  public func transmit(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, port: PortIndex
  ) -> TransmitResult {
    var result = TransmitResult()
    var entry = deliveries.first(of: port)
    while let current = entry {
      let plan = EgressPlan(batch, deliveries[current], offloads)
      if let failure = store(plan, batch) {
        result.fail(current, failure, &deliveries)
      }
      entry = deliveries.next(after: current)
    }
    return result
  }

  private func store(_ plan: EgressPlan, _ batch: borrowing FrameBatch) -> DropReason? {
    if case .refuse(let reason) = plan.work { return reason }
    for segment in 0..<plan.frameCount {
      guard !outgoing.isFull else { return .attachmentFull }
      let pieceCount = slots.fill(0, plan, segment: segment, from: batch)
      // SAFETY: the free slot is memory of the ring's own, written up to its end at most.
      let slot = unsafe outgoing.freeSlot
      guard let byteCount = unsafe slots.gather(0, pieceCount: pieceCount, into: slot) else {
        return .oversize
      }
      outgoing.append(byteCount: byteCount, offload: plan.leavingOffload)
    }
    offloadCounters.count(plan.tally)
    return nil
  }
}
