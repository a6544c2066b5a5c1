// A frame as on a wire, and the shapes of frames that every test goes through.
//
// Bytes are put together one by one, without the modules under test.

import FrameMemory

/// Bytes, tag included, and what was left to the receiver.
struct WireFrame: Hashable {
  var bytes: [UInt8]
  var offload = Offload.none
}

extension WireFrame {
  /// A checksum that starts where an IP header would be: correct, but Linux refuses it as too early
  /// (include/linux/virtio_net.h, nh_min_len).
  static let shortChecksum = WireFrame(
    bytes: [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x12, 0x34] + [UInt8](1...60),
    offload: Offload(flags: Offload.needsChecksumFlag, checksumStart: 16, checksumOffset: 6))
}

/// Which frame: one of 24.
struct FrameShape: Hashable, Sendable, CustomStringConvertible {
  enum Work: CaseIterable { case plain, needsChecksum, segmented }

  var isTCP = true
  var isIPv6 = false
  var vlan: UInt16?
  var work = Work.plain

  static let all: [FrameShape] = [true, false].flatMap { isTCP in
    [false, true].flatMap { isIPv6 in
      [nil, 7].flatMap { vlan in
        Work.allCases.map { FrameShape(isTCP: isTCP, isIPv6: isIPv6, vlan: vlan, work: $0) }
      }
    }
  }

  var description: String {
    let tag = vlan.map { "vlan \($0)" } ?? "untagged"
    return "\(isTCP ? "TCP" : "UDP")/IPv\(isIPv6 ? 6 : 4) \(tag) \(work)"
  }

  static let segmentBytes = 1000
  static let source4: [UInt8] = [10, 9, 8, 1]
  static let destination4: [UInt8] = [10, 9, 8, 2]
  static let source6: [UInt8] = [0xFD, 0, 0, 9] + [UInt8](repeating: 0, count: 11) + [1]
  static let destination6: [UInt8] = [0xFD, 0, 0, 9] + [UInt8](repeating: 0, count: 11) + [2]
  static let destinationPort: UInt16 = 4789

  /// A frame of this shape. `identity` goes into the source port.
  ///
  /// - `extensions`: IPv6 extension headers or IPv4 options, in multiples of 8.
  func frame(
    identity: UInt16, payload: [UInt8], extensions: [UInt8] = [], firstHeader: UInt8? = nil,
    segmentBytes: Int = segmentBytes
  ) -> WireFrame {
    var bytes: [UInt8] = [0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1]
    if let vlan { bytes += [0x81, 0x00] + big(vlan) }
    bytes += isIPv6 ? [0x86, 0xDD] : [0x08, 0x00]
    let transportBytes = (isTCP ? 20 : 8) + payload.count
    let number: UInt8 = isTCP ? 6 : 17
    if isIPv6 {
      bytes += [0x60, 0, 0, 0] + big(UInt16(extensions.count + transportBytes))
      bytes += [firstHeader ?? number, 64] + Self.source6 + Self.destination6 + extensions
    } else {
      let headerBytes = 20 + extensions.count
      var header = [0x40 | UInt8(headerBytes / 4), 0] + big(UInt16(headerBytes + transportBytes))
      header += [0x12, 0x34, 0x40, 0, 64, number, 0, 0]
      header += Self.source4 + Self.destination4 + extensions
      header.replaceSubrange(10..<12, with: big(~SlowModel.sum(header)))
      bytes += header
    }
    let start = bytes.count
    bytes += big(identity) + big(Self.destinationPort)
    if isTCP {
      bytes += [0xFF, 0xFF, 0xFF, 0x00, 0, 0, 0, 1, 0x50, 0x99, 0x20, 0, 0, 0, 0, 0]
    } else {
      bytes += big(UInt16(transportBytes)) + [0, 0]
    }
    bytes += payload
    return settled(bytes, checksumStart: start, segmentBytes: segmentBytes)
  }

  /// Puts the checksum in, whole or partial, and the metadata beside.
  private func settled(
    _ bytes: [UInt8], checksumStart start: Int, segmentBytes: Int
  ) -> WireFrame {
    let offset = isTCP ? 16 : 6
    var frame = WireFrame(bytes: bytes)
    let partial = SlowModel.pseudoHeaderSum(
      bytes, isIPv6: isIPv6, number: isTCP ? 6 : 17, byteCount: bytes.count - start)
    frame.bytes.replaceSubrange(start + offset..<start + offset + 2, with: big(partial))
    frame.offload = Offload(
      flags: Offload.needsChecksumFlag, checksumStart: UInt16(start),
      checksumOffset: UInt16(offset))
    switch work {
    case .needsChecksum: break
    case .plain: frame = WireFrame(bytes: SlowModel.completed(frame))
    case .segmented:
      frame.offload.segmentation = !isTCP ? .udp : isIPv6 ? .tcp6 : .tcp4
      frame.offload.segmentBytes = UInt16(segmentBytes)
      frame.offload.headerBytes = UInt16(start + (isTCP ? 20 : 8))
    }
    return frame
  }
}

/// Two bytes in network order.
func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
