// The server against real sockets: requests, limits, malformed input, sockets left behind, stopping.

import Base
import Glibc
import HTTP
import Linux
import Synchronization
import Testing

@Suite struct HTTPServerTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func serve(_ change: (inout HTTPServer.Limits) -> Void = { _ in }) throws -> HTTPServer {
    var limits = HTTPServer.Limits()
    change(&limits)
    let router = echoRouter()
    return try HTTPServer(socketPath: folder.socketPath, limits: limits) { router.respond(to: $0) }
  }

  var client: HTTPClient { HTTPClient(.socket(folder.socketPath), timeoutMilliseconds: 20_000) }

  @Test func answersEveryMethod() throws {
    let server = try serve()
    #expect(folder.socketMode.map { $0 & 0o777 } == 0o600)
    let list = try client.request(
      .get,
      HTTPTarget(segments: ["v1", "ports"], query: [.init(name: "switch", value: "a b&c=ä")]),
      as: [String: String].self)
    #expect(list == ["switch": "a b&c=ä"])
    let one = try client.request(
      .get, HTTPTarget(segments: ["v1", "ports", "web/1 %?"]), as: [String: String].self)
    #expect(one == ["id": "web/1 %?"])
    let echo = try client.send(
      .post, HTTPTarget(segments: ["v1", "echo"]), body: Array("{\"a\":1}".utf8))
    #expect(echo.status == 200 && echo.body == Array("{\"a\":1}".utf8))
    let empty = try client.send(.put, HTTPTarget(segments: ["v1", "count"]))
    #expect(empty.body == Array("{\"bytes\":0}".utf8))
    server.stop()
  }

  @Test func failuresTravelWhole() throws {
    let server = try serve()
    defer { server.stop() }
    let failure = #expect(throws: Failure.self) {
      try client.request(.delete, HTTPTarget(segments: ["v1", "ports", "7"]))
    }
    #expect(
      failure
        == Failure(
          "cannot delete port 7", why: "a VM is plugged in", remedy: "detach the VM first",
          at: SourceLocation(file: "a.yaml", line: 3, column: 7)))
    let missing = try client.send(.get, HTTPTarget(segments: ["v2"]))
    #expect(missing.status == 404)
    #expect(String(decoding: missing.body, as: UTF8.self).hasPrefix(#"{"error":{"remedy":"#))
    #expect(try client.send(.post, HTTPTarget(segments: ["v1", "ports"])).status == 405)
  }

  @Test(arguments: [1024, 1024 * 1024])
  func takesBodiesUpToTheLimit(_ limitBytes: Int) throws {
    let server = try serve { $0.bodyBytes = limitBytes }
    defer { server.stop() }
    let target = HTTPTarget(segments: ["v1", "count"])
    for bytes in [limitBytes - 1, limitBytes] {
      let reply = try client.send(.put, target, body: [UInt8](repeating: 65, count: bytes))
      #expect(reply.body == Array("{\"bytes\":\(bytes)}".utf8))
    }
    for bytes in [limitBytes + 1, 3 * limitBytes] {
      let reply = try client.send(.put, target, body: [UInt8](repeating: 65, count: bytes))
      #expect(reply.status == 413)
    }
    #expect(try client.send(.put, target, body: [65]).status == 200, "the server lives on")
  }

  @Test func bodiesLeaveNothingBehind() throws {
    let server = try serve()
    defer { server.stop() }
    let body = [UInt8](repeating: 65, count: 1024 * 1024)
    let target = HTTPTarget(segments: ["v1", "count"])
    #expect(try client.send(.put, target, body: body).status == 200)
    let before = try residentBytes()
    for _ in 0..<200 { #expect(try client.send(.put, target, body: body).status == 200) }
    #expect(try residentBytes() - before < 100 * body.count, "200 bodies of 1 MiB")
  }

  @Test func cutsOffAnEndlessBody() throws {
    let server = try serve { $0.bodyBytes = 1000 }
    defer { server.stop() }
    let raw = try #require(RawClient(folder.socketPath))
    raw.write("PUT /v1/count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    let chunk = "3e8\r\n" + String(repeating: "x", count: 1000) + "\r\n"
    for _ in 0..<100 { raw.write(chunk) }
    #expect(raw.read(until: "never") == "", "closed without an answer")
    let declared = try #require(RawClient(folder.socketPath))
    declared.write("PUT /v1/count HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    #expect(declared.read(until: "413").hasPrefix("HTTP/1.1 413"))
    #expect(try client.send(.put, HTTPTarget(segments: ["v1", "count"])).status == 200)
  }

  /// Named, so that a report stays readable.
  static let malformed = [
    "nothing": "", "empty lines": "\r\n\r\n", "a method alone": "GET\r\n\r\n",
    "a word": "nonsense\r\n\r\n", "no host": "GET /v1/ports HTTP/1.1\r\n\r\n",
    "a bad escape": "GET /v1/ports/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a hidden NUL": "GET /v1/ports%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a relative path": "GET v1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "not UTF-8": "GET /v1/%ff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a negative length": "PUT /v1/count HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "a bad chunk":
      "PUT /v1/count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an unknown method": "BREW /v1/ports HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long target": "GET /" + String(repeating: "a", count: 100_000) + " HTTP/1.1\r\n\r\n",
    "a long header":
      "GET / HTTP/1.1\r\nHost: x\r\nA: " + String(repeating: "a", count: 100_000) + "\r\n\r\n",
    "a TLS hello": "\u{16}\u{3}\u{1}\r\n\r\n", "a NUL byte": "GET /\u{0} HTTP/1.1\r\n\r\n",
  ]

  @Test(arguments: malformed.keys.sorted())
  func refusesMalformedRequests(_ name: String) throws {
    // Empty lines before a request are allowed, so only the idle limit ends that one.
    let server = try serve { $0.idleSeconds = 1 }
    defer { server.stop() }
    let raw = try #require(RawClient(folder.socketPath))
    raw.write(Self.malformed[name]!)
    raw.endWriting()
    let answer = raw.read(until: "never")
    #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(200))")
    #expect(raw.isClosed, "the server hangs up")
    #expect(try client.send(.get, HTTPTarget(segments: ["v1", "ports"])).status == 200)
  }

  @Test func servesConcurrentClients() throws {
    let server = try serve { $0.threads = 4 }
    defer { server.stop() }
    let done = Shared(0)
    let client = client
    let threads = (0..<16).map { worker in
      JoinedThread {
        for round in 0..<50 {
          let body = Array("\(worker)-\(round)".utf8)
          let reply = try? client.send(.post, HTTPTarget(segments: ["v1", "echo"]), body: body)
          if reply?.body == body { done.update { $0 += 1 } }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(done.get() == 16 * 50)
  }

  @Test func connectionsOverTheLimitWaitTheirTurn() throws {
    let server = try serve {
      $0.threads = 1
      $0.connections = 2
    }
    defer { server.stop() }
    var first = RawClient(folder.socketPath)
    let second = try #require(RawClient(folder.socketPath))
    let request = "GET /v1/ports HTTP/1.1\r\nHost: x\r\n\r\n"
    first?.write(request)
    second.write(request)
    #expect(first?.read(until: "}").hasSuffix("}") == true)
    #expect(second.read(until: "}").hasSuffix("}"))
    let third = try #require(RawClient(folder.socketPath))
    third.write(request)
    first = nil
    #expect(third.read(until: "}").hasSuffix("}"))
  }

  @Test func stopsWithClientsConnected() throws {
    let server = try serve()
    let idle = try #require(RawClient(folder.socketPath))
    let half = try #require(RawClient(folder.socketPath))
    half.write("GET /v1/po")
    let served = try #require(RawClient(folder.socketPath))
    served.write("GET /v1/ports HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(served.read(until: "}").hasPrefix("HTTP/1.1 200"))
    server.stop()
    server.stop()
    #expect(folder.socketMode == nil)
    #expect(idle.read() == "" && half.read() == "" && served.read() == "")
    let failure = #expect(throws: Failure.self) {
      try client.send(.get, HTTPTarget(segments: ["v1"]))
    }
    #expect(failure?.remedy == "is the lab up? see `martlet lab list`")
  }

  @Test func admissionDecides() throws {
    let seen = Shared<[HTTPPeer]>([])
    let server = try HTTPServer(
      socketPath: folder.socketPath,
      admit: { peer in
        seen.update { $0.append(peer) }
        return false
      },
      handler: { _ in .json("no") })
    defer { server.stop() }
    let reply = try client.send(.get, HTTPTarget(segments: ["v1"]))
    #expect(reply.status == 403)
    #expect(seen.get() == [HTTPPeer(processID: getpid(), userID: geteuid(), groupID: getegid())])
  }

  @Test func onlyRootAndTheSameUserAreServed() {
    let own = geteuid()
    #expect(HTTPServer.isRootOrSelf(HTTPPeer(processID: 1, userID: 0, groupID: 0)))
    #expect(HTTPServer.isRootOrSelf(HTTPPeer(processID: 1, userID: own, groupID: 5)))
    #expect(!HTTPServer.isRootOrSelf(HTTPPeer(processID: 1, userID: own + 1, groupID: 0)))
  }
}

/// A thread of its own, because the client waits. Can be kept in an array.
final class JoinedThread: Sendable {
  private let thread: Mutex<Linux.Thread?>

  init(_ body: @escaping @Sendable () -> Void) {
    do throws(Errno) {
      thread = Mutex(try Linux.Thread(named: "test", body))
    } catch { preconditionFailure("cannot start a thread: \(error)") }
  }

  func join() { thread.withLock { $0.take() }?.join() }
}
