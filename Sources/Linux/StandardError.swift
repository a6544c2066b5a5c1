// Lines for people, from programs that run unattended.

internal import Glibc

/// The process's standard error.
public enum StandardError {
  /// Writes text in one call, so that lines of several threads do not mix. Failures are ignored: there
  /// is nobody left to tell.
  public static func write(_ text: String) {
    let stream = Descriptor(owning: STDERR_FILENO)
    try? stream.write(Array(text.utf8))
    _ = stream.release()
  }
}
