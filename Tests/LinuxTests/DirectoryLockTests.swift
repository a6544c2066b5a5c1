// Locks on folders that come and go.

import Base
import Linux
import Testing

/// A folder of this test alone, removed afterwards.
private func withPath(_ body: (String) throws -> Void) throws {
  let parent = "/tmp/mt-lock-\(ProcessIdentity.current.number)-\(MonotonicClock.now().nanoseconds)"
  defer { try? removeTree(parent) }
  try body("\(parent)/lab")
}

private enum Found { case held, busy, missing }

/// What an attempt finds; a lock that was got is let go.
private func look(_ path: String, creating: Bool = false) throws -> Found {
  switch try DirectoryLock.attempt(path, creating: creating) {
  case .held: .held
  case .busy: .busy
  case .missing: .missing
  }
}

@Suite("locks on folders")
struct DirectoryLockTests {
  @Test("a folder that is not there is made only when asked for")
  func makes() throws {
    try withPath { (path) throws in
      #expect(try look(path) == .missing)
      #expect(try look(path, creating: true) == .held)
      #expect(try look(path) == .held)
    }
  }

  @Test("one holder at a time; a removed folder is another one when it is back")
  func excludes() throws {
    try withPath { (path) throws in
      guard case .held(let lock) = try DirectoryLock.attempt(path, creating: true) else {
        Issue.record("the first attempt holds")
        return
      }
      #expect(try look(path, creating: true) == .busy)
      try removeTree(path)
      #expect(try look(path) == .missing)
      #expect(try look(path, creating: true) == .held)
      withExtendedLifetime(lock) {}
    }
  }

  @Test("an empty folder is removed, a full one stays")
  func removesEmpty() throws {
    try withPath { (path) throws in
      try makeDirectory(path)
      try appendToFile([1, 2], "\(path)/file")
      try appendToFile([3], "\(path)/file")
      let content = try readFile("\(path)/file", limitBytes: 10)
      #expect(content == [1, 2, 3])
      #expect(!removeDirectoryIfEmpty(path))
      try removeFile("\(path)/file")
      #expect(removeDirectoryIfEmpty(path))
      #expect(!removeDirectoryIfEmpty(path))
    }
  }

  @Test("the target of a link, and that a file is none")
  func links() {
    #expect(linkTarget("/proc/self/exe")?.hasPrefix("/") == true)
    #expect(linkTarget("/proc/self/cmdline") == nil)
  }
}
