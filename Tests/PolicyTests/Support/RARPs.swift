// What a host tells its physical switch about its addresses, as a watch saw it.

import Base
import Testing
import Wire

/// A RARP on a wire, read byte by byte.
struct SeenRARP: Hashable, CustomStringConvertible {
  var address: MACAddress
  /// 0 where there is no tag.
  var vlan: UInt16
  var microseconds: UInt64

  /// Nil for another frame, and for a RARP that is not as vSphere's: a broadcast from the address
  /// itself, a reverse request (3) in which it is sender and target, with no IP addresses.
  init?(_ frame: TimedFrame) {
    var bytes = frame.bytes
    guard bytes.count >= 42 else { return nil }
    vlan = 0
    if bytes[12] == 0x81, bytes[13] == 0x00 {
      vlan = (UInt16(bytes[14]) << 8 | UInt16(bytes[15])) & 0xFFF
      bytes.removeSubrange(12..<16)
    }
    guard bytes.count >= 42, Array(bytes[12..<14]) == [0x80, 0x35] else { return nil }
    address = bytes.rawSpan.macAddress(at: 6)
    microseconds = frame.microseconds
    let own = Array(bytes[6..<12])
    let body: [UInt8] =
      [0, 1, 8, 0, 6, 4, 0, 3] + own + [0, 0, 0, 0] + own + [0, 0, 0, 0]
    guard Array(bytes[0..<6]) == Array(repeating: 0xFF, count: 6), Array(bytes[14..<42]) == body
    else { return nil }
  }

  /// Who it is for, whenever it came.
  var place: String { "\(address) in VLAN \(vlan)" }
  var description: String { "\(place) at \(microseconds)" }
}

extension Watch {
  func rarps(_ place: Place) throws -> [SeenRARP] {
    try timedFrames(place).compactMap { SeenRARP($0) }
  }

  /// How many frames on a wire are RARPs, of whatever form.
  func rarpFrameCount(_ place: Place) throws -> Int {
    try frames(place).count { bytes in
      let isTagged = bytes.count > 18 && bytes[12] == 0x81 && bytes[13] == 0
      let at = isTagged ? 16 : 12
      return bytes.count > at + 1 && bytes[at] == 0x80 && bytes[at + 1] == 0x35
    }
  }
}
