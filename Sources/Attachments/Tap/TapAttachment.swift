// A port over a TAP that the switch owns.
//
// Reading: one read(2) a frame, straight into the batch's slot; its virtio-net header lands at the
// end of the headroom, so one call fetches both. Writing: a frame that leaves as it lies in its slot is
// one write(2), with the header put into the headroom before it; any other is gathered from the shared
// bytes by one writev(2). io_uring was measured: a cable on it carries a fifth more small frames and no more
// bulk TCP than this; passing GSO frames is what counts there (2.6 -> 17.6 Gbit/s).

internal import Base
internal import CLinux
public import FrameMemory
internal import Glibc
internal import Linux
internal import Wire

/// Frames of a guest behind a TAP.
///
/// - Thread: one worker; opened and closed by whoever manages ports.
public final class TapAttachment: Attachment {
  public let name: String
  public let offloads: OffloadSet
  public private(set) var offloadCounters = OffloadCounters()
  public private(set) var receiveDrops = ReceiveDrops()
  private static let headerBytes = VirtioHeader.byteCountWithBuffers
  private let device: TapDevice
  private let slots = GatherSlots(count: 1, virtioBytes: VirtioHeader.byteCountWithBuffers)

  /// Takes the device over. `label` is for people; the device's name when nil.
  public init(_ device: consuming TapDevice, label: String? = nil) {
    name = "tap \(label ?? device.name)"
    // A kernel that can leave USO frames to us can also take them.
    offloads = device.receivedOffloads.union([.checksum, .tcp4, .tcp6])
    self.device = device
  }

  public var descriptor: Int32 { device.descriptor.number }

  /// The kernel takes frames of a queue from several threads (tun_get_user holds no lock), so that one queue
  /// does for all workers, and a TAP made for one serves several.
  public func makeSender() -> (any Attachment)? {
    guard let copy = try? device.descriptor.duplicate(),
      let same = try? TapDevice(adopting: copy)
    else { return nil }
    return TapAttachment(same, label: String(name.dropFirst("tap ".count)))
  }

  /// A TAP's queue counts its losses at the device (`ip -s link`): they are the guest's, not ours.
  public var kernelDrops: UInt64 { 0 }
}

// MARK: - Receiving

extension TapAttachment {
  public func receive(into batch: inout FrameBatch, port: PortIndex, limit: Int) -> ReceiveResult {
    let room = min(limit, batch.freeCapacity)
    let capacityBytes = batch.frameCapacityBytes
    let number = descriptor
    var appended = 0
    var movedBytes = 0
    // A dropped frame costs a turn too, so that a flood of bad ones cannot hold the worker.
    for turn in 0..<room {
      if movedBytes >= PacketAttachment.turnBytes { break }
      let slot = batch.count
      // SAFETY: the slot holds the headroom, in which the header fits, and `capacityBytes`.
      let header = unsafe batch.slotAddress(slot) + headerOffset
      let count = unsafe clinux_read(
        number, header, VirtioHeader.byteCountWithBuffers + capacityBytes)
      guard count > 0 else {
        if count < 0 && !isTransient(errno) { return appended > 0 ? .frames(appended) : .gone }
        return turn > 0 ? .frames(appended) : .idle
      }
      movedBytes += count
      let byteCount = count - VirtioHeader.byteCountWithBuffers
      // The kernel cuts what does not fit and does not say so: a full slot is taken for a cut one.
      guard byteCount > 0, byteCount < capacityBytes else {
        receiveDrops.oversize += 1
        continue
      }
      // SAFETY: `byteCount` bytes behind the header were just written by the kernel.
      let bytes = unsafe RawSpan(
        _unsafeStart: header + VirtioHeader.byteCountWithBuffers, byteCount: byteCount)
      guard let offload = unsafe VirtioHeader.read(at: header)?.checked(against: bytes) else {
        receiveDrops.malformed += 1
        continue
      }
      if offload.needsSegmentation { offloadCounters.segmentationReceived += 1 }
      batch.append(
        Frame(
          offset: UInt32(FrameBatch.headroomBytes), byteCount: UInt32(byteCount), ingress: port,
          offload: offload))
      batch.takeOutTag(of: slot)
      appended += 1
    }
    return room > 0 ? .frames(appended) : .idle
  }

  private var headerOffset: Int {
    FrameBatch.headroomBytes - VirtioHeader.byteCountWithBuffers
  }

  /// Whether reading may succeed later. EBADFD: the device was deleted under the descriptor.
  private func isTransient(_ error: Int32) -> Bool {
    error != EBADFD && error != ENODEV && error != EBADF
  }
}

// MARK: - Sending

extension TapAttachment {
  public func transmit(
    _ batch: borrowing FrameBatch, _ deliveries: inout DeliveryList, port: PortIndex
  ) -> TransmitResult {
    var result = TransmitResult()
    var entry = deliveries.first(of: port)
    while let current = entry {
      if let failure = send(batch, deliveries[current], &result) {
        result.fail(current, failure, &deliveries)
      }
      entry = deliveries.next(after: current)
    }
    return result
  }

  private func send(
    _ batch: borrowing FrameBatch, _ delivery: Delivery, _ result: inout TransmitResult
  ) -> DropReason? {
    if result.isGone { return .portDown }
    let offload = batch[Int(delivery.frame)].offload
    var tally = offload.passedTally
    var error: DropReason?
    if batch[Int(delivery.frame)].byteCount >= 14, offload.passes(offloads),
      let start = unsafe batch.putHeader(
        offload, before: Int(delivery.frame), tag: delivery.tag, byteCount: Self.headerBytes)
    {
      // SAFETY: header and frame lie in the slot, one behind the other.
      let byteCount = Self.headerBytes + Int(batch[Int(delivery.frame)].byteCount)
      if unsafe clinux_write(descriptor, start, byteCount) < 0 {
        error = reason(of: errno, &result)
      } else if tally.isPassed {
        // Each use of a property of a class costs a check, so ordinary frames use none.
        offloadCounters.count(tally)
      }
    } else {
      let plan = EgressPlan(batch, delivery, offloads)
      tally = plan.tally
      error = write(batch, plan, &result)
    }
    // The kernel does not take the metadata: do the work here, for this frame.
    guard error == .malformed, tally.isPassed else { return error }
    return write(batch, EgressPlan(batch, delivery, []), &result)
  }

  private func write(
    _ batch: borrowing FrameBatch, _ plan: EgressPlan, _ result: inout TransmitResult
  ) -> DropReason? {
    if case .refuse(let reason) = plan.work { return reason }
    for segment in 0..<plan.frameCount {
      let pieceCount = slots.fill(0, plan, segment: segment, from: batch)
      // SAFETY: the pieces point to the batch and to the slot, both alive during the call.
      if unsafe writev(descriptor, slots.pieces(of: 0), Int32(pieceCount)) < 0 {
        return reason(of: errno, &result)
      }
    }
    offloadCounters.count(plan.tally)
    return nil
  }

  private func reason(of error: Int32, _ result: inout TransmitResult) -> DropReason {
    switch error {
    case EAGAIN, ENOBUFS, ENOMEM, EINTR: return .attachmentFull
    // The guest took its device down.
    case EIO, ENETDOWN: return .portDown
    case EBADFD, ENODEV, EBADF:
      result.isGone = true
      return .portDown
    case EMSGSIZE, E2BIG: return .oversize
    default: return .malformed
    }
  }
}
