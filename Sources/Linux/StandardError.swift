// Lines for people, from programs that run unattended.

internal import Glibc

/// The process's standard error.
public enum StandardError {
  /// Writes text in one call, so that lines of several threads do not mix. Failures are ignored: there
  /// is nobody left to tell.
  ///
  /// - Parameter fileBytesMax: a file that has reached this size is emptied first; what is no file,
  ///   such as a terminal, a pipe or the journal, has nothing to empty.
  public static func write(_ text: String, fileBytesMax: Int? = nil) {
    let stream = Descriptor(owning: STDERR_FILENO)
    var status = stat()
    // SAFETY: `status` lives for the call.
    if let fileBytesMax, unsafe fstat(stream.number, &status) == 0,
      status.st_mode & S_IFMT == S_IFREG, status.st_size >= fileBytesMax
    {
      _ = ftruncate(stream.number, 0)
    }
    try? stream.write(Array(text.utf8))
    _ = stream.release()
  }
}
