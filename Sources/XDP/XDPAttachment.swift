// A port or an uplink over an existing device, by AF_XDP: frames pass by the kernel's network stack.
//
// What comes lies in cells that are shared with the kernel, and is lent to the batch; what leaves by another
// AF_XDP port of the same worker is sent from where it lies. Cheap for each frame, and nothing else: there
// is no segmentation offload, so bulk TCP costs what its frames cost, and no partial checksum: what leaves
// is finished here, and what comes unfinished from a veth is recognised (PartialChecksum.swift).
//
// A frame is at most a cell less 256 bytes, so an MTU of 1,774; with cells of 4 KiB 3,822.
//
// Memory of one: 43 KB of gather slots, and its queues' share of `XDPMemory`.

public import Attachments
internal import Base
internal import CLinux
public import FrameMemory
internal import Glibc
internal import Linux

/// Frames of a device that somebody else owns.
///
/// - Thread: one worker, the one of its `XDPMemory`; opened and closed by whoever manages ports.
public final class XDPAttachment: Attachment {
  /// An Ethernet header and a tag.
  static let headerBytes = 18
  /// The kernel gets cells when such a part is missing of those that it is to have.
  private static let refillParts = 16
  /// A worker that never sleeps asks so often, when nothing comes, whether the device is still there.
  private static let idleCallsPerLook = 1_024

  public let name: String
  public internal(set) var offloadCounters = OffloadCounters()
  public internal(set) var receiveDrops = ReceiveDrops()
  let device: XDPDevice
  let memory: XDPMemory
  /// For frames that are cut or completed before they leave.
  let slots = GatherSlots(count: 1, virtioBytes: 0)
  /// Cells whose tag was put in where they lie, until the kernel has copied them.
  var shifted = FixedArray(repeating: ShiftedCell(), count: XDPAttachment.shiftedLimit)
  var shiftedCount = 0
  static let shiftedLimit = 64
  /// Frames posted where they lay, and frames that had to be copied into a cell.
  package internal(set) var lentCount: UInt64 = 0
  package internal(set) var copiedCount: UInt64 = 0
  /// The largest frame that the device takes, its tag not counted.
  var frameLimitBytes: Int
  /// It was down when we last asked.
  var isDown = false
  /// The queue that is asked first.
  private var firstQueue = 0
  /// Calls that found nothing since we last looked whether the device is still there.
  private var idleCalls = XDPAttachment.idleCallsPerLook

  /// Takes the device over. `label` is for people; the device's name when nil.
  public init(_ device: consuming XDPDevice, label: String? = nil) {
    name = "xdp \(label ?? device.name)"
    memory = device.memory
    frameLimitBytes = device.frameLimitBytes ?? 0
    self.device = device
  }

  public var descriptor: Int32 { device.descriptor }

  /// None: everything is done in software before a frame gets here.
  public var offloads: OffloadSet { [] }

  /// How frames get here.
  public var mode: XDPMode { device.mode }

  /// Why not in a better way; empty for zero-copy.
  public var reason: String { device.reason }

  public var kernelDrops: UInt64 {
    // Once a second is often enough to learn of another MTU.
    if let limit = device.frameLimitBytes { frameLimitBytes = limit }
    return device.queues.reduce(0) { $0 + $1.kernelDrops }
  }

  // MARK: - Receiving

  public func receive(into batch: inout FrameBatch, port: PortIndex, limit: Int) -> ReceiveResult {
    memory.settle()
    let room = min(limit, batch.freeCapacity)
    let queueCount = device.queues.count
    var taken = 0
    for step in 0..<queueCount where taken < room {
      // SAFETY: the device holds its queues for as long as it lives, so nobody need count that we use one.
      let queue = unsafe Unmanaged.passUnretained(
        device.queues[(firstQueue + step) % queueCount])
      taken += unsafe queue._withUnsafeGuaranteedRef {
        let count = $0.receive(into: &batch, port: port, limit: room - taken)
        $0.refill(atLeast: memory.shareCount / Self.refillParts)
        return count
      }
    }
    firstQueue = (firstQueue + 1) % queueCount
    guard taken == 0 else { return .frames(taken) }
    idleCalls += 1
    if idleCalls < Self.idleCallsPerLook { return .idle }
    idleCalls = 0
    return device.isGone ? .gone : .idle
  }

  /// Gives back the cells that `receive` lent.
  public func release(_ batch: borrowing FrameBatch) {
    for index in 0..<batch.count {
      // SAFETY: addresses are compared with the area.
      if let cell = unsafe memory.cell(at: batch.cellAddress(index)) { memory.pool.letGo(cell) }
    }
  }

  /// Gives the kernel what it needs to receive while we sleep.
  public func prepareToSleep() -> Bool {
    memory.settle()
    var waits = false
    for queue in device.queues {
      queue.reap()
      queue.refill()
      if queue.hasUntaken { _ = queue.kick() }
      // Nothing tells when a busy device takes more: then we do not sleep.
      if queue.hasFrames || (queue.hasUntaken && !isDown) { waits = true }
    }
    // What wakes us next may be the end of the device.
    idleCalls = Self.idleCallsPerLook
    return !waits
  }
}

/// A frame in a cell, with its addresses four bytes further ahead than they should be.
struct ShiftedCell: BitwiseCopyable {
  var cell = 0
  /// Where the frame began.
  var offset = 0
}
