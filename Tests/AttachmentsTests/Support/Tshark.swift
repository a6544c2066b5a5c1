// tshark(1) as a second opinion on frames: a capture file is written byte by byte and read by it.

import Glibc
import Linux
import Testing

enum Tshark {
  static let isInstalled: Bool = {
    let folders = (ChildProcess.Command.inheritedEnvironment["PATH"] ?? "").split(separator: ":")
    // SAFETY: a C string for the call.
    return folders.contains { unsafe access("\($0)/tshark", X_OK) == 0 }
  }()

  /// The values of `names` in each frame, empty where it has no such field. Checksums are verified.
  static func fields(of frames: [[UInt8]], _ names: [String]) throws -> [[String]] {
    let file = TemporaryFile("pcap")
    try write(frames, to: file.path)
    var command = ["tshark", "-n", "-r", file.path, "-T", "fields", "-E", "separator=|"]
    for layer in ["ip", "udp", "tcp"] { command += ["-o", "\(layer).check_checksum:TRUE"] }
    for name in names { command += ["-e", name] }
    let report = try ChildProcess.run(ChildProcess.Command(command))
    try #require(report.ending.isSuccess, "\(report.errors)")
    return report.output.split(separator: "\n").map { line in
      line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    }
  }
}
