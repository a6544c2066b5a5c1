// What has to be done to one frame before one egress: pass it on, complete its checksum, cut it
// into segments, or refuse it.
//
// The frame's bytes are shared with other ports, so nothing here changes them: what differs (tag,
// checksum, the headers of segments) is written into a slot's scratch and gathered with the rest.

internal import Base
package import FrameMemory
package import Wire

/// The work for one delivery; a small value, made per delivery.
package struct EgressPlan: BitwiseCopyable {
  package enum Work: BitwiseCopyable {
    /// The metadata goes along; a complete frame has none.
    case pass
    case completeChecksum
    case segment
    case refuse(DropReason)
  }

  package let frame: Int
  package let tag: VLANTag
  /// The metadata that goes along, before the tag is put in.
  private(set) var offload: Offload
  package private(set) var work: Work
  /// The sender's segment size; meaningful when cutting.
  private(set) var segmentBytes = 0
  private(set) var layout: TransportLayout?
  /// How many frames leave.
  package private(set) var frameCount = 1

  /// Decides for a frame of the batch; its metadata must have been checked when it came in, except
  /// that whoever filled the batch is not trusted for anything that would be read out of bounds.
  package init(_ batch: borrowing FrameBatch, _ delivery: Delivery, _ capabilities: OffloadSet) {
    frame = Int(delivery.frame)
    tag = delivery.tag
    let source = batch[frame]
    offload = source.offload
    work = .pass
    guard source.byteCount >= 14 else {
      work = .refuse(.runt)
      return
    }
    if offload.passes(capabilities) { return }
    if offload.needsSegmentation {
      planSegments(batch)
    } else {
      planChecksum(Int(source.byteCount))
    }
  }

  /// The metadata of what leaves, the tag put in.
  package var leavingOffload: Offload {
    if case .pass = work { offload.shifted(for: tag) } else { .none }
  }

  /// How the frame counts when the device takes it.
  package var tally: EgressTally {
    switch work {
    case .pass: offload.passedTally
    case .completeChecksum: .checksumDone
    case .segment: .segmentationDone(UInt16(frameCount))
    case .refuse: .plain
    }
  }

  private mutating func planChecksum(_ byteCount: Int) {
    let start = Int(offload.checksumStart)
    let end = start + Int(offload.checksumOffset) + 2
    work = start >= 14 && end <= byteCount ? .completeChecksum : .refuse(.checksum)
  }

  private mutating func planSegments(_ batch: borrowing FrameBatch) {
    segmentBytes = Int(offload.segmentBytes)
    guard let layout = TransportLayout(of: batch.bytes(of: frame), offload: offload),
      let count = layout.segmentCount(segmentBytes: segmentBytes)
    else {
      work = .refuse(.checksum)
      return
    }
    work = .segment
    self.layout = layout
    frameCount = count
  }
}

/// What became of a frame's offloads.
package enum EgressTally: BitwiseCopyable {
  case plain
  case checksumPassed
  case segmentationPassed
  case checksumDone
  /// With the number of segments.
  case segmentationDone(UInt16)

  /// Whether the kernel was asked to do something that could be done here instead.
  var isPassed: Bool {
    switch self {
    case .checksumPassed, .segmentationPassed: true
    default: false
    }
  }
}

extension OffloadCounters {
  /// Counts a frame that the device took.
  package mutating func count(_ tally: EgressTally) {
    switch tally {
    case .plain: break
    case .checksumPassed: checksumPassed += 1
    case .segmentationPassed: segmentationPassed += 1
    case .checksumDone: checksumDone += 1
    case .segmentationDone(let segments):
      segmentationDone += 1
      segmentsMade += UInt64(segments)
    }
  }
}

extension Offload {
  /// Whether an egress with these capabilities takes the frame as it is.
  ///
  /// Not GSO without a partial checksum: the kernel would have to guess the headers, and cannot behind
  /// a VLAN tag.
  func passes(_ capabilities: OffloadSet) -> Bool {
    if needsSegmentation { return needsChecksum && capabilities.contains(requirement) }
    return !needsChecksum || capabilities.contains(.checksum)
  }

  /// How a frame counts that left as it is.
  var passedTally: EgressTally {
    needsSegmentation ? .segmentationPassed : needsChecksum ? .checksumPassed : .plain
  }

  /// What an egress must be able to do to take this frame as it is.
  fileprivate var requirement: OffloadSet {
    switch segmentation {
    case .none: []
    case .tcp4: [.checksum, .tcp4]
    case .tcp6: [.checksum, .tcp6]
    case .udp: [.checksum, .udp]
    // Obsolete; no kernel of today takes it, and cutting refuses it by name.
    case .udpFragment: OffloadSet(rawValue: 0x80)
    }
  }
}
