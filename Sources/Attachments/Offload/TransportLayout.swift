// Where the headers of a frame to be segmented are, found by reading them.
//
// The walk goes through inline VLAN tags, IPv4 options and IPv6 extension headers (RFC 8200, 4.1), with
// a bound on each. The sender's `headerBytes` is not asked; its `checksumStart` is, where the walk meets
// an extension header that it does not know, as the kernel does.
//
// Nil means: these bytes are not what the metadata says. Fragments never are.

internal import Base
internal import FrameMemory

/// The measured headers of a TCP or UDP frame. All offsets from the first byte of the frame.
struct TransportLayout: BitwiseCopyable {
  /// The longest headers that can be segmented behind; what a slot of `GatherSlots` has room for.
  static let headerLimitBytes = 504
  private static let tagLimit = 3
  private static let extensionLimit = 8

  var networkOffset = 14
  var transportOffset = 0
  var payloadOffset = 0
  /// The end of the IP packet; bytes behind it are padding.
  var endOffset = 0
  var isIPv6 = false
  var isTCP = false
  /// The pseudo-header cannot be had from the IP header alone (a routing header, or an unknown one):
  /// the sum that the sender left in the checksum field must be adjusted instead.
  var keepsSenderSum = false
  /// UDP over IPv4 without a checksum (RFC 768): its segments have none either.
  var hasNoChecksum = false

  var payloadBytes: Int { endOffset - payloadOffset }
  var checksumOffset: Int { transportOffset + (isTCP ? 16 : 6) }

  /// Reads the headers of a frame whose metadata asks for segmentation.
  init?(of bytes: RawSpan, offload: Offload) {
    isTCP = offload.segmentation == .tcp4 || offload.segmentation == .tcp6
    guard isTCP || offload.segmentation == .udp, bytes.byteCount >= 34 else { return nil }
    var type = bytes.big16(12)
    var tags = 0
    while type == 0x8100 || type == 0x88A8 {
      tags += 1
      guard tags <= Self.tagLimit, networkOffset + 24 <= bytes.byteCount else { return nil }
      type = bytes.big16(networkOffset + 2)
      networkOffset += 4
    }
    switch type {
    case 0x0800 where offload.segmentation != .tcp6:
      guard readIPv4(bytes, offload) else { return nil }
    case 0x86DD where offload.segmentation != .tcp4:
      isIPv6 = true
      guard readIPv6(bytes, offload) else { return nil }
    default: return nil
    }
    guard readTransport(bytes, offload), payloadOffset <= Self.headerLimitBytes else { return nil }
    hasNoChecksum =
      !isTCP && !isIPv6 && !offload.needsChecksum && bytes.big16(checksumOffset) == 0
  }

  private var transportProtocol: UInt8 { isTCP ? 6 : 17 }

  private mutating func readIPv4(_ bytes: RawSpan, _ offload: Offload) -> Bool {
    let at = networkOffset
    let headerBytes = Int(bytes.byte(at) & 0xF) * 4
    let totalBytes = Int(bytes.big16(at + 2))
    // A total of zero: larger than 64 KiB ("big TCP"), the frame's length counts.
    endOffset = totalBytes == 0 ? bytes.byteCount : at + totalBytes
    transportOffset = at + headerBytes
    return bytes.byte(at) >> 4 == 4 && headerBytes >= 20 && endOffset <= bytes.byteCount
      && transportOffset <= endOffset
      && bytes.big16(at + 6) & 0x3FFF == 0  // neither "more fragments" nor an offset
      && bytes.byte(at + 9) == transportProtocol
      && (!offload.needsChecksum || Int(offload.checksumStart) == transportOffset)
  }

  private mutating func readIPv6(_ bytes: RawSpan, _ offload: Offload) -> Bool {
    let at = networkOffset
    guard at + 40 <= bytes.byteCount, bytes.byte(at) >> 4 == 6 else { return false }
    let payloadBytes = Int(bytes.big16(at + 4))
    endOffset = payloadBytes == 0 ? bytes.byteCount : at + 40 + payloadBytes
    guard endOffset <= bytes.byteCount else { return false }
    transportOffset = at + 40
    var next = bytes.byte(at + 6)
    var walked = 0
    while next != transportProtocol {
      walked += 1
      guard walked <= Self.extensionLimit, transportOffset + 8 <= endOffset else { return false }
      switch next {
      case 0, 43, 60, 135, 139, 140:  // hop-by-hop, routing, destination, mobility, HIP, shim6
        if next == 43, bytes.byte(transportOffset + 3) != 0 { keepsSenderSum = true }
        next = bytes.byte(transportOffset)
        transportOffset += (Int(bytes.byte(transportOffset + 1)) + 1) * 8
      case 44: return false  // a fragment
      default:
        guard offload.needsChecksum, Int(offload.checksumStart) >= transportOffset else {
          return false
        }
        keepsSenderSum = true
        transportOffset = Int(offload.checksumStart)
        next = transportProtocol
      }
    }
    if keepsSenderSum && !offload.needsChecksum { return false }
    return !offload.needsChecksum || Int(offload.checksumStart) == transportOffset
  }

  private mutating func readTransport(_ bytes: RawSpan, _ offload: Offload) -> Bool {
    guard transportOffset + (isTCP ? 20 : 8) <= endOffset else { return false }
    let headerBytes = isTCP ? Int(bytes.byte(transportOffset + 12) >> 4) * 4 : 8
    payloadOffset = transportOffset + headerBytes
    return headerBytes >= (isTCP ? 20 : 8) && payloadOffset <= endOffset
      && (!offload.needsChecksum || offload.checksumOffset == (isTCP ? 16 : 6))
  }
}
