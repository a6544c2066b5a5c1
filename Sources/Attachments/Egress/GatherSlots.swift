// Frames on their way out, as lists of pieces (struct iovec), so that a frame's bytes are copied by
// nobody but the kernel and can be shared by all ports that send it.
//
//   slot   | virtio header 12 | tag 4 | checksum 2 | ... 64 | headers of a segment (up to 512) |
//
//   whole frame       virtio header, frame
//   with a tag        virtio header, addresses, tag, rest
//   with a checksum   virtio header, [addresses, tag,] before the field, field, after the field
//   a segment         virtio header, new headers (tag included), a slice of the payload
//
// Memory: `count` slots of 576 bytes and 6 pieces of 16 bytes, made once: 672 bytes a slot.
//
// Invariant: the pieces of a slot point into the slot itself and into the batch that it was filled
// from; they are used before that batch is emptied.

internal import Base
package import FrameMemory
internal import Glibc
internal import Wire

/// Room for `count` outgoing frames.
///
/// - Thread: one worker. Filling changes only the memory behind the pointers, never the struct.
@safe
package struct GatherSlots: ~Copyable {
  static let pieceLimit = 6
  static let headersOffset = 64
  private static let tagOffset = 12
  private static let sumOffset = 16
  private static let slotBytes = 576

  let count: Int
  /// Which virtio-net header goes first: 0, 10 or 12 bytes.
  let virtioBytes: Int
  private let pieces: UnsafeMutablePointer<iovec>
  private let scratch: UnsafeMutableRawPointer

  package init(count: Int, virtioBytes: Int) {
    precondition(
      Self.headersOffset + TransportLayout.headerLimitBytes + VLANTag.byteCount <= Self.slotBytes)
    self.count = count
    self.virtioBytes = virtioBytes
    // SAFETY: sized for `count` slots, freed in `deinit`; pieces are initialised here.
    unsafe pieces = .allocate(capacity: count * Self.pieceLimit)
    unsafe pieces.initialize(repeating: iovec(), count: count * Self.pieceLimit)
    unsafe scratch = .allocate(byteCount: count * Self.slotBytes, alignment: 64)
    unsafe scratch.initializeMemory(as: UInt8.self, repeating: 0, count: count * Self.slotBytes)
  }

  deinit {
    // SAFETY: allocated by `init`; nothing outside keeps a pointer past a call.
    unsafe pieces.deallocate()
    unsafe scratch.deallocate()
  }

  /// The pieces of a slot: as many as `fill` returned.
  ///
  /// - Unsafe: valid while the slots and the batch that they were filled from live.
  @unsafe
  func pieces(of slot: Int) -> UnsafeMutablePointer<iovec> {
    precondition(slot >= 0 && slot < count, "no such slot")
    // SAFETY: the index was checked.
    return unsafe pieces + slot * Self.pieceLimit
  }

  /// One piece of a slot, for those who copy it themselves.
  ///
  /// - Unsafe: as `pieces(of:)`; `index` is below what `fill` returned.
  @unsafe
  package func piece(_ index: Int, of slot: Int) -> UnsafeRawBufferPointer {
    precondition(index >= 0 && index < Self.pieceLimit, "no such piece")
    // SAFETY: every slot has `pieceLimit` initialised pieces.
    let piece = unsafe pieces(of: slot)[index]
    return unsafe UnsafeRawBufferPointer(start: piece.iov_base, count: piece.iov_len)
  }

  /// The scratch of a slot.
  @unsafe
  private func scratch(of slot: Int) -> UnsafeMutableRawPointer {
    precondition(slot >= 0 && slot < count, "no such slot")
    // SAFETY: the index was checked.
    return unsafe scratch + slot * Self.slotBytes
  }

  /// Fills a slot with leaving frame number `segment` of a plan.
  ///
  /// - Returns: the number of pieces.
  package func fill(
    _ slot: Int, _ plan: EgressPlan, segment: Int, from batch: borrowing FrameBatch
  ) -> Int {
    switch plan.work {
    case .pass: return fillWhole(slot, plan, batch)
    case .completeChecksum: return fillCompleted(slot, plan, batch)
    case .segment: return fillSegment(slot, plan, segment, batch)
    case .refuse: preconditionFailure("a refused frame does not leave")
    }
  }

  /// Fills a slot with one piece, when the frame leaves as it lies in the batch's own memory: its header is
  /// put into the headroom before it. One piece costs the kernel some 0.1 us less than two.
  ///
  /// - Returns: 1, or nil when the frame has to be gathered.
  func fillContiguous(_ slot: Int, _ plan: EgressPlan, from batch: borrowing FrameBatch) -> Int? {
    // SAFETY: header and frame lie one behind the other in the frame's slot, as `putHeader` says.
    guard case .pass = plan.work,
      let start = unsafe batch.putHeader(
        plan.offload, before: plan.frame, tag: plan.tag, byteCount: virtioBytes)
    else { return nil }
    var pieceCount = 0
    unsafe put(slot, &pieceCount, start, virtioBytes + Int(batch[plan.frame].byteCount))
    return pieceCount
  }

  /// All of a slot's pieces one after the other, into memory of at least their length.
  ///
  /// - Returns: the number of bytes, or nil when `destination` is too small.
  package func gather(_ slot: Int, pieceCount: Int, into destination: UnsafeMutableRawBufferPointer)
    -> Int?
  {
    var at = 0
    for index in 0..<pieceCount {
      // SAFETY: `pieceCount` pieces were filled; they point to live memory (invariant).
      let piece = unsafe pieces(of: slot)[index]
      let (source, byteCount) = unsafe (piece.iov_base, piece.iov_len)
      guard at + byteCount <= destination.count else { return nil }
      guard let source = unsafe source, let start = destination.baseAddress else { continue }
      // SAFETY: the room was checked, and the pieces lie in other memory than the destination.
      unsafe (start + at).copyMemory(from: source, byteCount: byteCount)
      at += byteCount
    }
    return at
  }
}

// MARK: - Whole frames

extension GatherSlots {
  private func fillWhole(_ slot: Int, _ plan: EgressPlan, _ batch: borrowing FrameBatch) -> Int {
    var pieceCount = putVirtioHeader(slot, plan.offload.shifted(for: plan.tag))
    let end = Int(batch[plan.frame].byteCount)
    if plan.tag.isPresent {
      put(slot, &pieceCount, batch, plan.frame, 0..<12)
      putTag(slot, &pieceCount, plan.tag)
      put(slot, &pieceCount, batch, plan.frame, 12..<end)
    } else {
      put(slot, &pieceCount, batch, plan.frame, 0..<end)
    }
    return pieceCount
  }

  private func fillCompleted(_ slot: Int, _ plan: EgressPlan, _ batch: borrowing FrameBatch) -> Int
  {
    let end = Int(batch[plan.frame].byteCount)
    let start = Int(plan.offload.checksumStart)
    let field = start + Int(plan.offload.checksumOffset)
    // The field holds the sum of the pseudo-header, so it is summed with the rest (virtio 5.1.6.2).
    var sum = Checksum()
    sum.add(batch.bytes(of: plan.frame).extracting(start..<end))
    var pieceCount = putVirtioHeader(slot, .none)
    if plan.tag.isPresent {
      put(slot, &pieceCount, batch, plan.frame, 0..<12)
      putTag(slot, &pieceCount, plan.tag)
      put(slot, &pieceCount, batch, plan.frame, 12..<field)
    } else {
      put(slot, &pieceCount, batch, plan.frame, 0..<field)
    }
    // SAFETY: two bytes within the slot's scratch.
    let address = unsafe scratch(of: slot) + Self.sumOffset
    unsafe address.storeBytes(of: sum.transportField.bigEndian, as: UInt16.self)
    unsafe put(slot, &pieceCount, address, 2)
    put(slot, &pieceCount, batch, plan.frame, field + 2..<end)
    return pieceCount
  }

  private func fillSegment(
    _ slot: Int, _ plan: EgressPlan, _ segment: Int, _ batch: borrowing FrameBatch
  ) -> Int {
    guard let layout = plan.layout else { preconditionFailure("a plan to segment has a layout") }
    let bytes = batch.bytes(of: plan.frame)
    let cut = SegmentCut(
      layout: layout, segmentBytes: plan.segmentBytes, segments: segment..<segment + 1)
    var pieceCount = putVirtioHeader(slot, .none)
    let headerBytes = layout.payloadOffset + (plan.tag.isPresent ? VLANTag.byteCount : 0)
    // SAFETY: `headerLimitBytes` and a tag fit behind `headersOffset` (checked in `init`).
    let address = unsafe scratch(of: slot) + Self.headersOffset
    var headers = unsafe MutableRawSpan(_unsafeStart: address, byteCount: headerBytes)
    cut.writeHeaders(of: bytes, tag: plan.tag, checksum: .whole, into: &headers)
    unsafe put(slot, &pieceCount, address, headerBytes)
    put(slot, &pieceCount, batch, plan.frame, cut.payload)
    return pieceCount
  }
}

// MARK: - Pieces

extension GatherSlots {
  private func putVirtioHeader(_ slot: Int, _ offload: Offload) -> Int {
    guard virtioBytes > 0 else { return 0 }
    var pieceCount = 0
    // SAFETY: the scratch begins with room for the header.
    let address = unsafe scratch(of: slot)
    unsafe VirtioHeader.write(offload, at: address)
    unsafe put(slot, &pieceCount, address, virtioBytes)
    return pieceCount
  }

  private func putTag(_ slot: Int, _ pieceCount: inout Int, _ tag: VLANTag) {
    let value = UInt32(VLANTag.etherType) << 16 | UInt32(tag.controlInformation)
    // SAFETY: four bytes within the slot's scratch.
    let address = unsafe scratch(of: slot) + Self.tagOffset
    unsafe address.storeBytes(of: value.bigEndian, as: UInt32.self)
    unsafe put(slot, &pieceCount, address, VLANTag.byteCount)
  }

  /// Adds a range of a frame; nothing when it is empty.
  private func put(
    _ slot: Int, _ pieceCount: inout Int, _ batch: borrowing FrameBatch, _ frame: Int,
    _ range: Range<Int>
  ) {
    guard !range.isEmpty else { return }
    precondition(range.upperBound <= Int(batch[frame].byteCount), "outside the frame")
    // SAFETY: the range lies within the frame. The kernel and `gather` only read from a piece.
    let start = unsafe batch.cellAddress(frame) + Int(batch[frame].offset)
    unsafe put(slot, &pieceCount, start + range.lowerBound, range.count)
  }

  private func put(
    _ slot: Int, _ pieceCount: inout Int, _ address: UnsafeMutableRawPointer, _ byteCount: Int
  ) {
    precondition(pieceCount < Self.pieceLimit, "too many pieces")
    // SAFETY: the slot has `pieceLimit` initialised pieces.
    unsafe pieces(of: slot)[pieceCount] = iovec(iov_base: address, iov_len: byteCount)
    pieceCount += 1
  }
}

// SAFETY: the slots own their memory alone; sending them sends everything.
extension GatherSlots: @unchecked Sendable {}
