// What the program says: results to standard output, all else to standard error.
//
// Written at once and in full, so that two programs on one terminal do not mix within a line.

internal import Base
internal import Glibc
internal import Linux

enum Console {
  /// Writes a result as it is.
  static func write(_ text: String) { write(text, to: STDOUT_FILENO) }

  /// Tells a failure to the person: `martlet: error: WHAT: WHY; WHAT TO DO`.
  static func tell(_ failure: Failure) { write("\(failure)\n", to: STDERR_FILENO) }

  /// Writes a line of progress or advice.
  static func note(_ text: String) { write("\(text)\n", to: STDERR_FILENO) }

  private static func write(_ text: String, to number: Int32) {
    let stream = Descriptor(owning: number)
    // Nobody is left to tell that nothing can be told.
    try? stream.write(Array(text.utf8))
    _ = stream.release()
  }
}
