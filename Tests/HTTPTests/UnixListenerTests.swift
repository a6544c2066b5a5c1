// Who gets the socket path: a live server keeps it, a dead one's is taken, other files are safe.

import Base
import Glibc
import HTTP
import Linux
import Testing

@Suite struct UnixListenerTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func serve(_ path: String? = nil, answer: String = "x") throws -> HTTPServer {
    try HTTPServer(socketPath: path ?? folder.socketPath) { _ in .json(answer) }
  }

  var answer: String? {
    try? HTTPClient(.socket(folder.socketPath)).request(
      .get, HTTPTarget(segments: []), as: String.self)
  }

  @Test func aLiveServerKeepsItsPath() throws {
    let first = try serve(answer: "first")
    let failure = #expect(throws: Failure.self) { _ = try serve() }
    #expect(failure?.why == "another process already answers there")
    #expect(answer == "first")
    first.stop()
    #expect(folder.socketMode == nil)
  }

  @Test func aSocketLeftBehindIsTakenOver() throws {
    leaveSocketBehind()
    #expect(folder.socketMode != nil)
    let server = try serve(answer: "second")
    #expect(answer == "second")
    server.stop()
  }

  @Test func anotherFileIsNotTouched() throws {
    // SAFETY: plain calls on a path.
    let number = unsafe open(folder.socketPath, O_CREAT | O_WRONLY, 0o644)
    _ = Descriptor(owning: number)
    let failure = #expect(throws: Failure.self) { _ = try serve() }
    #expect(failure?.why == "a file that is not a socket is there")
    #expect(folder.socketMode == UInt32(S_IFREG) | 0o644)
  }

  @Test func stoppingLeavesTheSocketOfASuccessor() throws {
    let first = try serve(answer: "first")
    // SAFETY: plain call on a path.
    unsafe unlink(folder.socketPath)
    let second = try serve(answer: "second")
    first.stop()
    #expect(answer == "second")
    second.stop()
    #expect(folder.socketMode == nil)
  }

  /// Any user who may read the folder may do that.
  @Test func aFolderThatIsLockedIsNotWaitedForForEver() throws {
    let path = folder.socketPath
    let end = try #require(path.lastIndex(of: "/"))
    switch try DirectoryLock.attempt(String(path[..<end]), creating: false) {
    case .held(let lock):
      let failure = #expect(throws: Failure.self) { _ = try serve() }
      #expect(failure?.why.hasPrefix("another process holds the lock of folder") == true)
      withExtendedLifetime(lock) {}
    case .busy: Issue.record("nobody else knows the folder")
    case .missing: Issue.record("the folder is missing")
    }
    try serve().stop()
  }

  @Test(arguments: ["", "/no/such/folder/s", "/tmp/" + String(repeating: "x", count: 110)])
  func aPathThatCannotBeIsRefused(_ path: String) {
    let failure = #expect(throws: Failure.self) { _ = try serve(path) }
    #expect(failure?.what.hasPrefix("cannot listen on") == true)
  }

  @Test func startingAtOnceHasOneWinner() throws {
    for _ in 0..<20 {
      leaveSocketBehind()
      let servers = Shared<[HTTPServer]>([])
      let path = folder.socketPath
      let threads = (0..<4).map { _ in
        JoinedThread {
          if let server = try? HTTPServer(socketPath: path, handler: { _ in .json("x") }) {
            servers.update { $0.append(server) }
          }
        }
      }
      for thread in threads { thread.join() }
      #expect(servers.get().count == 1)
      #expect(answer == "x")
      for server in servers.get() { server.stop() }
    }
  }

  /// A bound socket file whose process is gone.
  private func leaveSocketBehind() {
    let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let descriptor = Descriptor(owning: number)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // SAFETY: the path fits; a sockaddr_un begins as a sockaddr.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) {
      unsafe $0.copyBytes(from: Array(folder.socketPath.utf8))
    }
    let code = unsafe withUnsafePointer(to: address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor.number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    precondition(code == 0)
  }
}
