// A server on a socket in a folder of its own, and a raw client that can misbehave.

import Base
import Glibc
import HTTP
import Linux
import Synchronization

extension TemporaryFolder {
  var socketPath: String { path + "/s" }

  /// The mode of the socket file; nil when it is not there.
  var socketMode: UInt32? {
    var status = stat()
    // SAFETY: `status` is a local that outlives the call.
    return unsafe lstat(socketPath, &status) == 0 ? status.st_mode : nil
  }
}

/// A Unix socket on which a test writes what it likes.
final class RawClient {
  let socket: Descriptor
  /// The server has hung up, rather than kept silent.
  private(set) var isClosed = false

  init?(_ path: String) {
    let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { return nil }
    socket = Descriptor(owning: number)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    // SAFETY: the path fits (a folder under /tmp); a sockaddr_un begins as a sockaddr.
    let connected = unsafe withUnsafeMutableBytes(of: &address.sun_path) {
      unsafe $0.copyBytes(from: Array(path.utf8))
      return true
    }
    guard connected else { return nil }
    let code = unsafe withUnsafePointer(to: address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    // SAFETY: `limit` is a local that outlives the call. A test that waits for ever fails instead.
    unsafe setsockopt(
      number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard code == 0 else { return nil }
  }

  func write(_ text: String) { write(Array(text.utf8)) }

  func write(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      // SAFETY: the slice is lent for the call.
      let count = unsafe rest.withUnsafeBytes {
        unsafe send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// Says that nothing more will be written.
  func endWriting() { _ = shutdown(socket.number, Int32(SHUT_WR)) }

  /// Reads once; empty at the end or on an error.
  func read() -> String {
    var buffer = [UInt8](repeating: 0, count: 65536)
    // SAFETY: the buffer is lent for the call, with its size.
    let count = unsafe buffer.withUnsafeMutableBytes {
      unsafe recv(socket.number, $0.baseAddress, $0.count, 0)
    }
    if count == 0 || (count < 0 && Errno.current.rawValue == ECONNRESET) { isClosed = true }
    return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
  }

  /// Reads until `text` was seen or the end.
  func read(until text: String) -> String {
    var all = ""
    while !all.contains(text) {
      let piece = read()
      if piece.isEmpty { break }
      all += piece
    }
    return all
  }
}

/// A value that several threads change.
final class Shared<Value: Sendable>: Sendable {
  private let value: Mutex<Value>

  init(_ value: Value) { self.value = Mutex(value) }

  func get() -> Value { value.withLock { $0 } }
  func set(_ new: Value) { value.withLock { $0 = new } }
  func update(_ body: (inout Value) -> Void) {
    value.withLock { value in
      var copy = value
      body(&copy)
      value = copy
    }
  }
}

/// Waits until a state holds, at most ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
  MonotonicClock.wait(atMostNanoseconds: 10_000_000_000, until: condition)
}

/// The resident memory of this process (proc_pid_statm(5)).
func residentBytes() throws -> Int {
  let text = String(
    decoding: try readFile("/proc/self/statm", limitBytes: 4096), as: UTF8.self)
  return Int(text.split(separator: " ")[1])! * 4096
}

/// A router that the tests share: echo, a parameter, a failure, a large answer.
func echoRouter() -> HTTPRouter {
  var router = HTTPRouter()
  router.on(.get, "/v1/ports") { request in
    .json(["switch": request.target.first("switch") ?? "none"])
  }
  router.on(.get, "/v1/ports/{id}") { request in .json(["id": request.parameter("id")]) }
  router.on(.post, "/v1/echo") { request in HTTPResponse(body: .bytes(request.body)) }
  router.on(.put, "/v1/count") { request in .json(["bytes": request.body.count]) }
  router.on(.get, "/v1/large/{bytes}") { request in
    HTTPResponse(body: .bytes([UInt8](repeating: 120, count: Int(request.parameter("bytes"))!)))
  }
  router.on(.delete, "/v1/ports/{id}") { request throws(Failure) in
    throw Failure(
      "cannot delete port \(request.parameter("id"))", why: "a VM is plugged in",
      remedy: "detach the VM first", at: SourceLocation(file: "a.yaml", line: 3, column: 7))
  }
  return router
}
