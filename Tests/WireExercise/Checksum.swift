// The internet checksum against the plainest way to make it.

internal import Base
internal import Wire

func exerciseChecksum(_ bytes: RawSpan) {
  let expected = plainSum(bytes)
  precondition(Checksum(bytes).folded == expected, "the sum differs from the plain one")
  guard bytes.byteCount >= 2 else { return }
  // The first byte says where to cut.
  let cut = Int(bytes.byte(0)) % bytes.byteCount
  var sum = Checksum(bytes.extracting(first: cut))
  sum.add(Checksum(bytes.extracting(droppingFirst: cut)), atOffset: cut)
  precondition(sum.folded == expected, "parts do not add up to the whole")
  checkUpdate(copy(of: bytes), at: cut & ~1)
}

/// Changes the word at `offset` and updates the sum in place.
private func checkUpdate(_ bytes: [UInt8], at offset: Int) {
  guard offset + 2 <= bytes.count else { return }
  var bytes = bytes
  let before = Checksum(bytes.rawSpan)
  let old = UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
  bytes[offset] ^= 0x5A
  bytes[offset + 1] &+= 0x33
  let new = UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
  let after = plainSum(bytes.rawSpan)
  // Nothing but zeros has a sum of its own, which no update can reach (RFC 1624, 3).
  guard after != 0, before.folded != 0 else { return }
  precondition(
    Checksum.updated(before.field, from: old, to: new) == ~after, "an update differs from a new sum"
  )
}

/// RFC 1071, 4.1, word by word.
private func plainSum(_ bytes: RawSpan) -> UInt16 {
  var sum: UInt32 = 0
  for offset in stride(from: 0, to: bytes.byteCount, by: 2) {
    sum += UInt32(bytes.byte(offset)) << 8
    if offset + 1 < bytes.byteCount { sum += UInt32(bytes.byte(offset + 1)) }
    sum = sum & 0xFFFF + sum >> 16
  }
  return UInt16(sum)
}
