// How large a frame is on a wire: what the MTU of the switch judges.

internal import Base
internal import FrameMemory
internal import Wire

extension FrameBatch {
  /// The largest Ethernet payload that a frame puts on a wire, or nil when its metadata is impossible.
  ///
  /// A GSO frame of 64 KB is cut into segments before any wire, so that a segment counts: headers up to
  /// and with the transport header, and `segmentBytes`. The header lengths are read from the bytes; the
  /// hint in the metadata is the guest's to set and proves nothing.
  @inline(__always)
  func largestPayloadBytes(of index: Int, _ frame: Frame) -> Int? {
    guard frame.offload.needsSegmentation else { return Int(frame.byteCount) - 14 }
    return segmentPayloadBytes(of: index)
  }

  /// Reads the frame again: what most frames have no use for is not kept at hand for all.
  @inline(never)
  private func segmentPayloadBytes(of index: Int) -> Int? {
    self[index].segmentPayloadBytes(bytes(of: index))
  }
}

extension Frame {
  fileprivate func segmentPayloadBytes(_ bytes: RawSpan) -> Int? {
    guard offload.segmentBytes > 0, let transport = transportStart(bytes) else { return nil }
    let headerBytes: Int
    switch offload.segmentation {
    case .tcp4, .tcp6:
      guard transport + 20 <= bytes.byteCount else { return nil }
      headerBytes = Int(bytes.byte(transport + 12) >> 4) * 4
      guard headerBytes >= 20 else { return nil }
    case .udp: headerBytes = 8
    // Fragmentation offload is never offered to a guest, so nobody has a reason to send it.
    case .udpFragment, .none: return nil
    }
    let end = transport + headerBytes
    guard end <= bytes.byteCount else { return nil }
    return min(end + Int(offload.segmentBytes), bytes.byteCount) - 14
  }

  /// Where the transport header begins: said by the checksum metadata, else read from the IP header.
  private func transportStart(_ bytes: RawSpan) -> Int? {
    if offload.needsChecksum {
      return offload.checksumStart >= 34 ? Int(offload.checksumStart) : nil
    }
    var network = 14
    while bytes.byteCount >= network + 20, network <= 14 + Self.innerTagLimit * VLANTag.byteCount {
      switch bytes.big16(network - 2) {
      case 0x0800: return network + Int(bytes.byte(network) & 15) * 4
      case 0x86DD: return network + 40
      case 0x8100, 0x88A8: network += VLANTag.byteCount
      default: return nil
      }
    }
    return nil
  }

  /// Tags in the bytes, behind the one beside the frame.
  private static let innerTagLimit = 3
}
