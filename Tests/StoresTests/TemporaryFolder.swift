// A folder for the files of one test.

import Glibc
import Linux

/// Gone with its owner.
final class TemporaryFolder: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/martlet-stores-XXXXXX".utf8CString)
    // SAFETY: a C string that is changed in place.
    path = unsafe String(cString: mkdtemp(&template))
  }

  deinit { try? removeTree(path) }
}
