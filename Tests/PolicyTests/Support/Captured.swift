// What a watch has captured, with the times of the kernel, and in tshark's words.

import Base
import Linux
import Rig
import Testing

/// A frame and when the kernel of the receiving side saw it.
struct TimedFrame {
  /// Of the system's clock, to the microsecond.
  var microseconds: UInt64
  /// As captured.
  var bytes: [UInt8]
  /// On the wire, also where less was captured.
  var byteCount: Int
}

extension Watch {
  /// Every frame that came out at a place so far, in order.
  func timedFrames(_ place: Place) throws -> [TimedFrame] {
    let file = try readFileIfPresent(path(place), limitBytes: 256 << 20) ?? []
    let span = file.rawSpan
    var frames: [TimedFrame] = []
    // pcap: a header of 24 bytes, then seconds, microseconds, captured and original length of each.
    var offset = 24
    while offset + 16 <= file.count {
      let numbers = (0..<4).map { UInt64(span.big32(offset + 4 * $0).byteSwapped) }
      let end = offset + 16 + Int(numbers[2])
      guard end <= file.count else { break }
      frames.append(
        TimedFrame(
          microseconds: numbers[0] * 1_000_000 + numbers[1], bytes: Array(file[offset + 16..<end]),
          byteCount: Int(numbers[3])))
      offset = end
    }
    return frames
  }

  /// The values of fields in the frames that a display filter chooses, as tshark(1) reads them with
  /// every checksum verified.
  func tshark(_ place: Place, _ filter: String, _ fields: [String]) throws -> [[String]] {
    try readCapture(path(place), filter, fields)
  }
}

/// The same of any capture file. One that still grows may end in the middle of a frame.
func readCapture(_ path: String, _ filter: String, _ fields: [String]) throws -> [[String]] {
  var words = ["tshark", "-n", "-r", path, "-Y", filter, "-T", "fields", "-E", "separator=|"]
  for layer in ["ip", "udp", "tcp"] { words += ["-o", "\(layer).check_checksum:TRUE"] }
  for field in fields { words += ["-e", field] }
  let report = try ChildProcess.run(.init(words), limitBytes: 64 << 20)
  try #require(
    report.ending.isSuccess || report.errors.contains("cut short"), "\(report.errors)")
  return report.output.split(separator: "\n").map { line in
    line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
  }
}
