// Streamed responses: sent as they come, ended, cut off when the reader is slow, closed at stop.

import Base
import HTTP
import Linux
import Testing

@Suite struct HTTPStreamTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A server with one streamed response to hand out.
  func serve(_ stream: HTTPStream) throws -> HTTPServer {
    try HTTPServer(socketPath: folder.socketPath) { _ in .lines(stream) }
  }

  func ask() throws -> RawClient {
    let raw = try #require(RawClient(folder.socketPath))
    raw.write("GET /v1/watch HTTP/1.1\r\nHost: x\r\n\r\n")
    return raw
  }

  @Test func eachPieceArrivesBeforeTheNextIsSent() throws {
    let stream = HTTPStream()
    let server = try serve(stream)
    defer { server.stop() }
    let raw = try ask()
    for number in 0..<100 {
      #expect(stream.send(Array("line \(number)\n".utf8)))
      #expect(raw.read(until: "line \(number)\n").contains("line \(number)\n"))
    }
    stream.finish()
    #expect(raw.read(until: "0\r\n\r\n").hasSuffix("0\r\n\r\n"))
    #expect(!stream.send([1]), "a finished stream takes nothing")
  }

  @Test func aClientThatGoesIsNoticed() throws {
    let stream = HTTPStream()
    let closed = Shared(false)
    stream.whenClosed { closed.set(true) }
    let server = try serve(stream)
    defer { server.stop() }
    do {
      let raw = try ask()
      stream.send(Array("hello\n".utf8))
      #expect(raw.read(until: "hello\n").contains("hello\n"))
    }
    #expect(
      eventually {
        stream.send(Array("anyone?\n".utf8))
        return closed.get()
      })
    #expect(!stream.send([1]))
  }

  @Test func aReaderThatFallsBehindIsCutOff() throws {
    let stream = HTTPStream(limitBytes: 4096)
    let server = try serve(stream)
    defer { server.stop() }
    let raw = try ask()
    let piece = [UInt8](repeating: 120, count: 1000)
    #expect(eventually { !stream.send(piece) }, "bounded memory")
    #expect(!raw.read(until: "0\r\n\r\n").hasSuffix("0\r\n\r\n"), "cut, not ended")
  }

  @Test func stoppingEndsWaitingStreams() throws {
    let stream = HTTPStream()
    let closed = Shared(false)
    stream.whenClosed { closed.set(true) }
    let server = try serve(stream)
    let raw = try ask()
    stream.send(Array("hello\n".utf8))
    #expect(raw.read(until: "hello\n").contains("hello\n"))
    server.stop()
    #expect(closed.get())
    _ = raw.read(until: "0\r\n\r\n")
    #expect(raw.read() == "")
  }

  @Test func stoppingWhileOthersSend() throws {
    for _ in 0..<20 {
      let stream = HTTPStream()
      let server = try serve(stream)
      let raw = try ask()
      let sender = JoinedThread {
        _ = MonotonicClock.wait(atMostNanoseconds: 10_000_000_000, everyNanoseconds: 10_000) {
          !stream.send(Array("tick\n".utf8))
        }
      }
      _ = raw.read(until: "tick\n")
      server.stop()
      sender.join()
    }
  }

  @Test func theClientHandsOnEachPieceAndStopsWhenToldTo() throws {
    let stream = HTTPStream()
    let closed = Shared(false)
    stream.whenClosed { closed.set(true) }
    let server = try serve(stream)
    defer { server.stop() }
    stream.send(Array("line 0\n".utf8))
    var text = ""
    try HTTPClient(.socket(folder.socketPath)).stream(.get, HTTPTarget(segments: ["watch"])) {
      text += String(decoding: $0, as: UTF8.self)
      let count = text.count { $0 == "\n" }
      // The next piece is sent only when this one has arrived.
      if count < 5 { stream.send(Array("line \(count)\n".utf8)) }
      return count < 5
    }
    #expect(text == "line 0\nline 1\nline 2\nline 3\nline 4\n")
    #expect(
      eventually {
        stream.send(Array("anyone?\n".utf8))
        return closed.get()
      })
  }

  @Test func theClientStopsWhenTheTimeIsUp() throws {
    let server = try serve(HTTPStream())
    defer { server.stop() }
    let client = HTTPClient(.socket(folder.socketPath))
    try client.stream(.get, HTTPTarget(segments: ["watch"]), lastMilliseconds: 50) { _ in true }
  }

  @Test func theClientTellsAStreamThatIsCutOrRefused() throws {
    let stream = HTTPStream(limitBytes: 4096)
    let server = try serve(stream)
    stream.send([1])
    let cut = #expect(throws: Failure.self) {
      try HTTPClient(.socket(folder.socketPath)).stream(.get, HTTPTarget(segments: ["watch"])) {
        _ in
        _ = eventually { !stream.send([UInt8](repeating: 0, count: 4000)) }
        return true
      }
    }
    #expect(cut?.why == "the answer was cut off")
    server.stop()
    let refusing = try HTTPServer(socketPath: folder.socketPath) { _ in
      .failure(Failure("cannot watch", why: "no", remedy: "ask for another"), status: 422)
    }
    defer { refusing.stop() }
    let refused = #expect(throws: Failure.self) {
      try HTTPClient(.socket(folder.socketPath)).stream(.get, HTTPTarget(segments: ["watch"])) {
        _ in
        Issue.record("a failure is no body")
        return true
      }
    }
    #expect(refused == Failure("cannot watch", why: "no", remedy: "ask for another"))
  }
}
