// A folder for files of a moment (mkdtemp(3)).

public import Base
internal import Glibc

/// A new folder under /tmp that nobody else may enter; gone, with what is in it, when its owner goes.
public final class TemporaryFolder: Sendable {
  public let path: String

  /// - Parameter name: what its name begins with, for people who look there.
  public init(_ name: String = "martlet") throws(Failure) {
    var template = Array("/tmp/\(name)-XXXXXX".utf8CString)
    // SAFETY: a C string that is changed in place, and outlives the call; the result is the same string.
    guard let made = unsafe mkdtemp(&template) else {
      throw Errno.current.failure("cannot make a folder in /tmp")
    }
    path = unsafe String(cString: made)
  }

  deinit { try? removeTree(path) }
}
