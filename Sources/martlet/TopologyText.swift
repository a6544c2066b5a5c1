// A topology file that a command was given: its text, and what it declares.

internal import Base
internal import ConfigFile
internal import Glibc
internal import Linux
internal import Model

/// A valid topology and the text that it was read from.
struct TopologyText {
  let topology: Topology
  let bytes: [UInt8]

  /// Reads and validates a file; `-` is standard input.
  init(_ path: String) throws {
    if path == "-" {
      bytes = try Self.readStandardInput(limitBytes: YAMLReader.sizeLimitBytes)
      topology = try TopologyFile.parse(bytes, file: "standard input")
    } else {
      bytes = try TopologyFile.bytes(path: path)
      topology = try TopologyFile.parse(bytes, file: path)
    }
  }

  private static func readStandardInput(limitBytes: Int) throws(Failure) -> [UInt8] {
    let input = Descriptor(owning: STDIN_FILENO)
    var bytes: [UInt8] = []
    var failure: Errno?
    do throws(Errno) {
      bytes = try input.readToEnd(limitBytes: limitBytes)
    } catch { failure = error }
    // The descriptor is the process's own and stays open.
    _ = input.release()
    guard let failure else { return bytes }
    throw Failure(
      "cannot read standard input",
      why: failure.rawValue == EFBIG
        ? "it is larger than \(limitBytes) bytes" : failure.description,
      remedy: "name a topology file")
  }
}
