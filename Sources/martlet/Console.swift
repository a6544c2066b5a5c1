// What the program says: results to standard output, all else to standard error.
//
// Written at once and in full, so that two programs on one terminal do not mix within a line.

internal import Base
internal import Glibc
internal import Linux

enum Console {
  /// Writes a result as it is. A result that is lost, on a full disk, is a failure.
  static func write(_ text: String) throws(Failure) { try write(Array(text.utf8)) }

  /// Writes a result that is not text.
  static func write(_ bytes: [UInt8]) throws(Failure) {
    do throws(Errno) {
      try write(bytes, to: STDOUT_FILENO)
    } catch {
      throw Failure(
        "cannot write the result", why: error.description,
        remedy: "check where standard output goes")
    }
  }

  /// Tells a failure to the person: `martlet: error: WHAT: WHY; WHAT TO DO`.
  static func tell(_ failure: Failure) { note("\(failure)") }

  static func tell(_ failures: [Failure]) { for failure in failures { tell(failure) } }

  /// Writes a line of progress or advice.
  static func note(_ text: String) {
    // When standard error is closed, nobody is left to tell.
    try? write(Array("\(text)\n".utf8), to: STDERR_FILENO)
  }

  /// Writes progress as it is, without an end of line of its own.
  static func show(_ text: String) { try? write(Array(text.utf8), to: STDERR_FILENO) }

  private static func write(_ bytes: [UInt8], to number: Int32) throws(Errno) {
    let stream = Descriptor(owning: number)
    do throws(Errno) {
      try stream.write(bytes)
    } catch {
      _ = stream.release()
      throw error
    }
    _ = stream.release()
  }
}
