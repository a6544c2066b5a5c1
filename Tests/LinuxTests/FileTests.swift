// Files, locks and sockets.

import Base
import Glibc
import Linux
import Testing

@Suite("files")
struct FileTests {
  @Test("an atomic write replaces the content and leaves nothing beside it")
  func writes() throws {
    try withFolder { folder in
      let path = "\(folder)/state"
      try AtomicFile.write([1, 2, 3], to: path)
      try AtomicFile.write([4], to: path, mode: 0o600)
      #expect(try readFile(path, limitBytes: 10) == [4])
      #expect(try listDirectory(folder) == ["state"])
    }
  }

  @Test("an atomic write does not follow a link that waits in the place of its temporary file")
  func followsNoLink() throws {
    try withFolder { folder in
      let path = "\(folder)/state"
      try AtomicFile.write([1], to: "\(folder)/victim")
      // SAFETY: two C strings for the call.
      try #require(unsafe symlink("\(folder)/victim", "\(path).\(getpid()).new") == 0)
      try AtomicFile.write([2], to: path)
      #expect(try readFile("\(folder)/victim", limitBytes: 10) == [1])
      #expect(try readFile(path, limitBytes: 10) == [2])
    }
  }

  @Test("a write that cannot be done says so and leaves nothing")
  func failsToWrite() throws {
    try withFolder { folder in
      try makeDirectory("\(folder)/state/below")
      let failure = #expect(throws: Failure.self) {
        try AtomicFile.write([1], to: "\(folder)/state")
      }
      #expect(failure?.what == "cannot write \(folder)/state")
      #expect(try listDirectory(folder) == ["state"])
      #expect(throws: Failure.self) { try AtomicFile.write([1], to: "\(folder)/no/such") }
    }
  }

  @Test("reading has a bound", arguments: [0, 1, 99, 100, 101])
  func bounds(limit: Int) throws {
    try withFolder { folder in
      let bytes = [UInt8](repeating: 7, count: 100)
      try AtomicFile.write(bytes, to: "\(folder)/file")
      if limit >= 100 {
        #expect(try readFile("\(folder)/file", limitBytes: limit) == bytes)
      } else {
        let failure = #expect(throws: Failure.self) {
          try readFile("\(folder)/file", limitBytes: limit)
        }
        #expect(failure?.why == "it is larger than \(limit) bytes")
      }
    }
  }

  @Test("what is missing is nil, an error, or nothing to remove")
  func missing() throws {
    let path = "/tmp/\(uniqueName("missing"))"
    #expect(try readFileIfPresent(path, limitBytes: 10) == nil)
    #expect(throws: Failure.self) { try readFile(path, limitBytes: 10) }
    #expect(throws: Failure.self) { try listDirectory(path) }
    try removeFile(path)
    try removeTree(path)
  }

  @Test("a tree goes with all its folders; what a symbolic link points to stays")
  func removesTrees() throws {
    try withFolder { folder in
      try makeDirectory("\(folder)/tree/a/b/c")
      try AtomicFile.write([1], to: "\(folder)/kept")
      try AtomicFile.write([1], to: "\(folder)/tree/a/b/file")
      // SAFETY: C strings for the call.
      #expect(unsafe symlink(folder, "\(folder)/tree/a/link") == 0)
      try removeTree("\(folder)/tree")
      #expect(try listDirectory(folder) == ["kept"])
    }
  }
}

@Suite("file locks")
struct FileLockTests {
  @Test("one holder at a time; free again when the holder goes")
  func excludes() throws {
    try withFolder { folder in
      let path = "\(folder)/lock"
      do {
        let held = try FileLock.acquire(path, timeoutNanoseconds: 0)
        let isFree = try FileLock.attempt(path) != nil
        #expect(!isFree)
        let failure = #expect(throws: Failure.self) {
          _ = try FileLock.acquire(path, timeoutNanoseconds: 5_000_000)
        }
        #expect(failure?.why == "another process holds it")
        _ = consume held
      }
      _ = try FileLock.acquire(path, timeoutNanoseconds: 5_000_000)
    }
  }

  @Test("a lock of a killed process is free")
  func freedByDeath() throws {
    try withFolder { folder in
      let path = "\(folder)/lock"
      // The one process that is started holds the lock, whatever program it runs.
      var command = ChildProcess.Command(
        ["flock", "--no-fork", path, "sh", "-c", "echo held; exec sleep 60"])
      command.output = .pipe
      command.startsSession = true
      var child = try ChildProcess(command)
      let output = child.output.take()!
      #expect(try output.read(limitBytes: 10) == Array("held\n".utf8))
      let free = try FileLock.attempt(path) != nil
      #expect(!free)
      child.send(.kill)
      #expect(child.wait(timeoutNanoseconds: 5_000_000_000) == .signaled(SIGKILL))
      _ = try FileLock.acquire(path, timeoutNanoseconds: 5_000_000_000)
    }
  }
}

@Suite("unix sockets")
struct UnixSocketTests {
  @Test("messages keep their bounds and carry descriptors, which work")
  func passes() throws {
    try withFolder { folder in
      try AtomicFile.write(Array("passed".utf8), to: "\(folder)/file")
      // SAFETY: a C string for the call.
      let file = Descriptor(owning: unsafe open("\(folder)/file", O_RDONLY))
      let listener = try UnixListener(path: "\(folder)/socket")
      let client = try UnixSocket(connectingTo: "\(folder)/socket")
      let server = try listener.accept()
      try client.send([1, 2], descriptors: [file.number, file.number])
      try client.send([3])
      var first = try server.receive()!
      #expect(first.bytes == [1, 2])
      #expect(first.descriptorCount == 2)
      let received = first.takeDescriptor()!
      #expect(received.number != file.number)
      #expect(try received.readToEnd(limitBytes: 100) == Array("passed".utf8))
      #expect(fcntl(received.number, F_GETFD) & FD_CLOEXEC != 0)
      let second = try server.receive()!
      #expect(second.bytes == [3])
      #expect(second.descriptorCount == 0)
      #expect(
        try server.peer()
          == UnixSocket.Peer(process: getpid(), user: geteuid(), group: getegid()))
    }
  }

  @Test("descriptors that nobody takes are closed; a message cut short too")
  func closes() throws {
    let result: Bool = try UnixSocket.withPair { left, right in
      do {
        let bell = try WakeupSignal()
        let before = try listDirectory("/proc/self/fd").count
        try left.send([1, 2, 3], descriptors: [bell.descriptor])
        #expect(throws: Errno(rawValue: EMSGSIZE)) { _ = try right.receive(limitBytes: 2) }
        try left.send([1], descriptors: [bell.descriptor])
        do { _ = try right.receive() }
        _ = consume left
        let last = try right.receive()
        let ended = last == nil
        // One end and nothing else is gone; other tests may open files of their own meanwhile.
        let balanced = try eventually {
          try listDirectory("/proc/self/fd").count <= before
        }
        return ended && balanced
      } catch { return false }
    }
    #expect(result)
  }

  @Test("a socket's file is for its owner alone, and an end that says nothing is not waited for")
  func ownersAndWaits() throws {
    try withFolder { folder in
      let listener = try UnixListener(path: "\(folder)/socket", backlog: 1)
      var status = stat()
      // SAFETY: the path is a C string, and `status` lives for the call.
      try #require(unsafe lstat(listener.path, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600)
      let client = try UnixSocket(connectingTo: listener.path, timeoutMilliseconds: 20)
      do {
        _ = try client.receive()
        Issue.record("nothing was sent")
      } catch { #expect(error as? Errno == .again) }
      // Nobody accepts: the third does not fit into the backlog.
      let second = try UnixSocket(connectingTo: listener.path, timeoutMilliseconds: 20)
      #expect(throws: Errno.again) {
        _ = try UnixSocket(connectingTo: listener.path, timeoutMilliseconds: 20)
      }
      withExtendedLifetime((client.descriptor, second.descriptor)) {}
    }
  }

  @Test("paths: gone with the listener, refused when taken or too long")
  func paths() throws {
    try withFolder { folder in
      do {
        let listener = try UnixListener(path: "\(folder)/socket")
        #expect(throws: Errno(rawValue: EADDRINUSE)) {
          _ = try UnixListener(path: "\(folder)/socket")
        }
        #expect(listener.path == "\(folder)/socket")
      }
      #expect(try listDirectory(folder) == [])
      #expect(throws: Errno.notFound) { _ = try UnixSocket(connectingTo: "\(folder)/socket") }
      let long = "\(folder)/" + String(repeating: "x", count: 108)
      #expect(throws: Errno(rawValue: ENAMETOOLONG)) { _ = try UnixListener(path: long) }
    }
  }
}
