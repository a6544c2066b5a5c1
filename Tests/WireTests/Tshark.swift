// tshark(1) as a second opinion on bytes: text2pcap(1) makes a capture of them first.

internal import Base
internal import FoundationEssentials
internal import Linux

enum Tshark {
  static let isInstalled: Bool = {
    let folders = (ChildProcess.Command.inheritedEnvironment["PATH"] ?? "").split(separator: ":")
    return ["tshark", "text2pcap"].allSatisfy { tool in
      folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)") }
    }
  }()

  /// The values of `names` in each frame, empty where a frame has no such field. Checksums are
  /// verified.
  static func fields(of frames: [[UInt8]], _ names: [String]) throws -> [[String]] {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "martlet-tshark-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = folder.appending(path: "frames.txt")
    let capture = folder.appending(path: "frames.pcap")
    try Data(frames.map(dump).joined().utf8).write(to: text)
    _ = try output(of: ["text2pcap", "-q", text.path, capture.path])
    var command = ["tshark", "-n", "-r", capture.path, "-T", "fields", "-E", "separator=|"]
    for layer in ["ip", "udp", "tcp"] { command += ["-o", "\(layer).check_checksum:TRUE"] }
    for name in names { command += ["-e", name] }
    return try output(of: command).split(separator: "\n").map { line in
      line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    }
  }

  private static func output(of arguments: [String]) throws -> String {
    let report = try ChildProcess.run(ChildProcess.Command(arguments))
    guard report.ending.isSuccess else {
      throw Failure(
        "\(arguments[0]) failed with \(report.ending)", why: report.errors,
        remedy: "run it by hand: \(arguments.joined(separator: " "))")
    }
    return report.output
  }

  /// A frame as text2pcap reads it: an offset of 0 begins the next one.
  private static func dump(_ frame: [UInt8]) -> String {
    let octets = frame.map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }
    return "000000 \(octets.joined(separator: " "))\n"
  }
}
