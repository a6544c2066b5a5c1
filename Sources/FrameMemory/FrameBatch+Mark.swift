// Marking in place, and taking it back.
//
// All deliveries of a frame share its bytes, and only some of them may be marked. So whoever sends marks
// the frames of one port, sends them, and puts back what was there before it turns to the next port. A
// copy would cost a slot and the bytes; two stores there and two back cost less than reading them.
//
// Only a packet directly behind the Ethernet header is marked: with a second tag, or no IP, nothing is
// done. The checksum of an IPv4 header is updated (RFC 1624), not made again, so that one that was wrong
// stays wrong; the DSCP is in no transport checksum, so what a frame leaves to offloads is not touched.

internal import Base
internal import Wire

/// What marking a frame overwrote; `none` when nothing was.
@frozen
public struct FrameMark: Hashable, Sendable, BitwiseCopyable {
  /// The first 16 bits of the IP header and the IPv4 checksum, as they were.
  var first: UInt16
  var checksum: UInt16
  /// 0, 4 or 6.
  var version: UInt8

  /// Nothing to put back.
  public static var none: FrameMark { FrameMark(first: 0, checksum: 0, version: 0) }

  /// The bytes were changed.
  public var isPresent: Bool { version != 0 }
}

extension FrameBatch {
  private static var packetOffset: Int { 14 }

  /// Writes a DSCP into frame `index`, if that is an IP packet with another one.
  ///
  /// - Returns: what `unmark` needs to put the bytes back.
  /// - Cost: the line of the IP header, which is to be sent anyway.
  public mutating func mark(_ rewrite: Rewrite, frame index: Int) -> FrameMark {
    guard let dscp = rewrite.dscp else { return .none }
    var bytes = mutableBytes(of: index)
    let packet = Self.packetOffset
    guard bytes.byteCount >= packet + IPv4.headerBytes else { return .none }
    let first = bytes.bytes.big16(packet)
    switch (bytes.bytes.etherType(at: 12), first >> 12) {
    case (.ipv4, 4):
      let new = first & 0xFF03 | UInt16(dscp) << 2
      if new == first { return .none }
      let checksum = bytes.bytes.big16(packet + IPv4.checksumOffset)
      bytes.setBig16(new, at: packet)
      bytes.setBig16(
        Checksum.updated(checksum, from: first, to: new), at: packet + IPv4.checksumOffset)
      return FrameMark(first: first, checksum: checksum, version: 4)
    case (.ipv6, 6):
      let new = first & 0xF03F | UInt16(dscp) << 6
      if new == first { return .none }
      bytes.setBig16(new, at: packet)
      return FrameMark(first: first, checksum: 0, version: 6)
    default: return .none
    }
  }

  /// Puts back what `mark` overwrote in the same frame.
  public mutating func unmark(_ mark: FrameMark, frame index: Int) {
    guard mark.isPresent else { return }
    var bytes = mutableBytes(of: index)
    let packet = Self.packetOffset
    bytes.setBig16(mark.first, at: packet)
    if mark.version == 4 { bytes.setBig16(mark.checksum, at: packet + IPv4.checksumOffset) }
  }

  /// Marks every frame that `deliveries` wants marked at one port; `unmark(_:in:)` takes it back.
  public mutating func mark(_ port: PortIndex, in deliveries: borrowing DeliveryList) {
    var entry = deliveries.first(of: port)
    while let place = entry {
      let delivery = deliveries[place]
      let index = Int(delivery.frame)
      if delivery.rewrite != .none {
        let mark = mark(delivery.rewrite, frame: index)
        // Twice at one port: the first knows the bytes as they were.
        if !marks[index].isPresent { marks[index] = mark }
      }
      entry = deliveries.next(after: place)
    }
  }

  /// Puts back every frame that was marked for one port.
  public mutating func unmark(_ port: PortIndex, in deliveries: borrowing DeliveryList) {
    var entry = deliveries.first(of: port)
    while let place = entry {
      let index = Int(deliveries[place].frame)
      unmark(marks[index], frame: index)
      marks[index] = .none
      entry = deliveries.next(after: place)
    }
  }
}
