// A stream of lines that comes in pieces.

/// Keeps what is not a whole line yet.
struct LineSplitter {
  private var rest: [UInt8] = []

  /// The lines that end in this piece, without their ends.
  mutating func take(_ piece: [UInt8]) -> [[UInt8]] {
    rest += piece
    var lines: [[UInt8]] = []
    var start = rest.startIndex
    while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
      lines.append(Array(rest[start..<end]))
      start = end + 1
    }
    rest.removeSubrange(..<start)
    return lines
  }
}
