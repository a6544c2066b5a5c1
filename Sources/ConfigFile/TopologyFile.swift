// Topology files: from a path to a valid `Topology`, or to everything that is wrong with the file.

internal import Base
internal import Glibc
internal import Linux
public import Model

/// Reads topology files.
public enum TopologyFile {
  /// Reads and validates a file.
  public static func load(path: String) throws(ConfigErrors) -> Topology {
    try parse(try bytes(path: path), file: path)
  }

  /// The bytes of a file, for those who need them beside what they mean: a pipe is read only once, and
  /// a file may change between two readings. At most `YAMLReader.sizeLimitBytes` are read.
  public static func bytes(path: String) throws(ConfigErrors) -> [UInt8] {
    do throws(Failure) {
      try refuseUnfit(path)
      return try readFile(path, limitBytes: YAMLReader.sizeLimitBytes)
    } catch { throw ConfigErrors(error) }
  }

  /// Reads and validates a text; `file` is its name in messages.
  public static func parse(text: String, file: String) throws(ConfigErrors) -> Topology {
    try parse(Array(text.utf8), file: file)
  }

  /// Reads and validates the bytes of a text; `file` is its name in messages.
  public static func parse(_ bytes: [UInt8], file: String) throws(ConfigErrors) -> Topology {
    let root: ConfigNode
    do throws(Failure) {
      root = try YAMLReader.read(bytes, file: file)
    } catch {
      throw ConfigErrors(error)
    }
    return try TopologyDecoder.decode(root)
  }

  /// A folder or a file beyond the bound gets words of its own. What cannot be looked at is left to
  /// the reading.
  private static func refuseUnfit(_ path: String) throws(Failure) {
    var status = stat()
    // SAFETY: the path is a C string for the call, and `status` is filled when it returns 0.
    guard unsafe stat(path, &status) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFDIR {
      throw Failure(
        "cannot read \(path)", why: "it is a folder", remedy: "name a topology file in it")
    }
    if status.st_size > YAMLReader.sizeLimitBytes {
      throw Failure(
        "cannot read the file",
        why: "it has \(status.st_size) bytes, more than \(YAMLReader.sizeLimitBytes)",
        remedy: "check that it is the right file, or split it",
        at: SourceLocation(file: path, line: 1, column: 1))
    }
  }
}
