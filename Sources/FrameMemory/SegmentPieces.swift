// What a frame puts on a wire, and how it is put into pieces that are small enough to pass one at a time.
//
// A GSO frame of 64 KB is one frame for the switch and 46 on a wire, each with headers of its own. A rate
// counts what the wire carries. And where a rate is slow, the frame must not pass in one go: it is cut
// between segments into frames of a few segments each. Each is a valid GSO frame again, or with one
// segment an ordinary frame whose checksum is to be completed (virtio 1.2, 5.1.6.2). Cut to the end by
// whoever has to, the pieces make the same segments as the frame would have made.
//
// Nothing is believed that the sender says about its headers: they are measured (`TransportLayout`).

internal import Wire

/// A frame as pieces, in order; most frames are one piece, as they are.
public struct SegmentPieces: Sendable {
  /// How many pieces: at least one.
  public let count: Int
  /// What all of them put on a wire: Ethernet header and payload of each segment, no tag, no FCS.
  public let wireBytes: Int
  private let byteCount: Int
  private let offload: Offload
  /// Nil for a frame that is one segment, as it is.
  private let layout: TransportLayout?
  private let segmentCount: Int
  private let segmentsPerPiece: Int

  /// Pieces of at most `largestPieceBytes` on a wire, but of one segment at least.
  ///
  /// - Returns: nil when the metadata contradicts the bytes: the frame is malformed.
  public init?(of bytes: RawSpan, offload: Offload, largestPieceBytes: Int = .max) {
    self.offload = offload
    byteCount = bytes.byteCount
    guard offload.needsSegmentation else {
      (count, wireBytes, layout) = (1, bytes.byteCount, nil)
      (segmentCount, segmentsPerPiece) = (1, 1)
      return
    }
    let segmentBytes = Int(offload.segmentBytes)
    guard let layout = TransportLayout(of: bytes, offload: offload),
      let segmentCount = layout.segmentCount(segmentBytes: segmentBytes)
    else { return nil }
    wireBytes = segmentCount * layout.payloadOffset + layout.payloadBytes
    let isSmall = wireBytes <= largestPieceBytes
    segmentsPerPiece =
      isSmall ? segmentCount : max(largestPieceBytes / (layout.payloadOffset + segmentBytes), 1)
    count = (segmentCount + segmentsPerPiece - 1) / segmentsPerPiece
    self.layout = layout
    self.segmentCount = segmentCount
  }

  /// What of the frame a piece is; nil when the one piece is the frame as it is.
  func cut(_ piece: Int) -> SegmentCut? {
    guard count > 1, let layout else { return nil }
    return SegmentCut(
      layout: layout, segmentBytes: Int(offload.segmentBytes), segments: segments(of: piece))
  }

  /// The length of the headers that each piece gets.
  var headerBytes: Int { layout?.payloadOffset ?? 0 }

  private func segments(of piece: Int) -> Range<Int> {
    let start = piece * segmentsPerPiece
    return start..<min(start + segmentsPerPiece, segmentCount)
  }

  /// The length of a piece as the switch handles it.
  public func byteCount(of piece: Int) -> Int {
    guard let cut = cut(piece) else { return byteCount }
    return headerBytes + cut.payload.count
  }

  /// What a piece puts on a wire.
  public func wireBytes(of piece: Int) -> Int {
    guard let cut = cut(piece) else { return wireBytes }
    return segments(of: piece).count * headerBytes + cut.payload.count
  }

  /// The metadata of a piece.
  public func offload(of piece: Int) -> Offload {
    guard count > 1, let layout else { return offload }
    var result = offload
    result.flags = layout.hasNoChecksum ? 0 : Offload.needsChecksumFlag
    result.checksumStart = layout.hasNoChecksum ? 0 : UInt16(layout.transportOffset)
    result.checksumOffset = layout.hasNoChecksum ? 0 : UInt16(layout.checksumOffset)
    result.headerBytes = UInt16(layout.payloadOffset)
    // The mark that goes with CWR, which the first segment has (linux/virtio_net.h).
    result.hasECN = offload.hasECN && piece == 0
    if segments(of: piece).count == 1 {
      result.segmentation = .none
      result.segmentBytes = 0
      result.headerBytes = 0
      result.hasECN = false
    }
    return result
  }
}

extension FrameBatch {
  /// What a frame puts on a wire, headers of all its segments included; nil when it is malformed.
  ///
  /// - Cost: reads the headers of a GSO frame, and nothing of others.
  public func wireBytes(of index: Int) -> Int? {
    let frame = self[index]
    guard frame.offload.needsSegmentation else { return Int(frame.byteCount) }
    return SegmentPieces(of: bytes(of: index), offload: frame.offload)?.wireBytes
  }
}
