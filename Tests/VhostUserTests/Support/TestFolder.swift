// A folder for the sockets and logs of one test.

import Glibc
import Linux

/// Gone with its owner.
final class TestFolder: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/vhost-test-XXXXXX".utf8CString)
    // SAFETY: a C string that is changed in place.
    path = unsafe String(cString: mkdtemp(&template))
  }

  deinit { try? removeTree(path) }
}
