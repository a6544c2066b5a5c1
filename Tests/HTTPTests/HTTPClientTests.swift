// The client: bounds, words of its failures, and curl(1) as an independent client of the server.

import Base
import Glibc
import HTTP
import Linux
import Testing

@Suite struct HTTPClientTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func serve() throws -> HTTPServer {
    let router = echoRouter()
    return try HTTPServer(socketPath: folder.socketPath) { router.respond(to: $0) }
  }

  @Test func nobodyThereIsSaidInWords() {
    let failure = #expect(throws: Failure.self) {
      try HTTPClient(.socket("/tmp/no-such-agent.sock")).send(
        .get, HTTPTarget(segments: ["v1", "ports"]))
    }
    #expect(failure?.what == "cannot GET /v1/ports at /tmp/no-such-agent.sock")
    #expect(failure?.why == "no agent answers there")
  }

  @Test func aLargeAnswerIsTakenUpToTheLimit() throws {
    let server = try serve()
    defer { server.stop() }
    var client = HTTPClient(.socket(folder.socketPath))
    client.responseBytes = 3_000_000
    let target = { (bytes: Int) in HTTPTarget(segments: ["v1", "large", "\(bytes)"]) }
    #expect(try client.send(.get, target(3_000_000)).body.count == 3_000_000)
    let failure = #expect(throws: Failure.self) { try client.send(.get, target(3_000_001)) }
    #expect(failure?.why == "the answer has more than 3000000 bytes")
  }

  @Test func aServerThatHangsIsGivenUp() throws {
    let stream = HTTPStream()
    let server = try HTTPServer(socketPath: folder.socketPath) { _ in .lines(stream) }
    defer { server.stop() }
    let client = HTTPClient(.socket(folder.socketPath), timeoutMilliseconds: 100)
    let failure = #expect(throws: Failure.self) {
      try client.send(.get, HTTPTarget(segments: ["v1"]))
    }
    #expect(failure?.why == "no answer within 100 ms")
  }

  @Test func anAnswerOfAnotherShapeIsSaidInWords() throws {
    let server = try HTTPServer(socketPath: folder.socketPath) { _ in
      .json([["mac": "00:50:56:00:00:01", "vlan": "ten"]])
    }
    defer { server.stop() }
    struct Entry: Decodable { var vlan: Int }
    let failure = #expect(throws: Failure.self) {
      try HTTPClient(.socket(folder.socketPath)).request(
        .get, HTTPTarget(segments: ["v1", "macs"]), as: [Entry].self)
    }
    #expect(failure?.why.hasPrefix("[0].vlan: ") == true, "\(String(describing: failure))")
  }

  /// Whether the independent client is installed.
  static var hasCurl: Bool {
    // SAFETY: the path is a C string for the call.
    unsafe access("/usr/bin/curl", X_OK) == 0
  }

  @Test(.enabled(if: hasCurl, "needs /usr/bin/curl"))
  func curlAgrees() throws {
    let server = try serve()
    defer { server.stop() }
    let at = "/usr/bin/curl -s --unix-socket \(folder.socketPath) -w ' %{http_code}' "
    #expect(try run(at + "'http://x/v1/ports?switch=dvs1'") == "{\"switch\":\"dvs1\"} 200")
    #expect(try run(at + "-X POST -d '[1,2]' http://x/v1/echo") == "[1,2] 200")
    #expect(try run(at + "-I http://x/v1/ports").hasSuffix(" 200"))
    #expect(try run(at + "-X DELETE http://x/v1/ports").hasSuffix(" 405"))
    #expect(
      try run("head -c 3000000 /dev/zero | " + at + "-T - http://x/v1/count").hasSuffix(" 413"))
    #expect(
      try run("head -c 900000 /dev/zero | " + at + "-T - http://x/v1/count")
        == "{\"bytes\":900000} 200")
  }

  /// What a shell command prints.
  private func run(_ command: String) throws -> String {
    try ChildProcess.run(ChildProcess.Command(["/bin/sh", "-c", command])).output
  }
}

@Suite struct HTTPTargetTests {
  @Test(
    arguments: [
      ("/", [], []), ("//a///b/", ["a", "b"], []), ("/a%2Fb/%C3%A4", ["a/b", "ä"], []),
      ("/a+b?c+d=e%2Bf&g&=h", ["a+b"], ["c d=e+f", "g=", "=h"]), ("/?a=b?c=d", [], ["a=b?c=d"]),
    ] as [(String, [String], [String])])
  func parses(_ text: String, _ segments: [String], _ query: [String]) throws {
    let target = try #require(HTTPTarget(parsing: text))
    #expect(target.segments == segments)
    #expect(target.query.map { "\($0.name)=\($0.value)" } == query)
    #expect(HTTPTarget(parsing: target.text) == target)
  }

  @Test(arguments: ["", "a", "http://x/", "/%", "/%4", "/%4g", "/%00", "/%ff", "/?a=%ff", "/?%c3"])
  func refuses(_ text: String) {
    #expect(HTTPTarget(parsing: text) == nil)
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func anyTextSurvivesTheJourney(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    for _ in 0..<1000 {
      let scalars = (0..<8).map { _ in
        Unicode.Scalar(UInt32.random(in: 1..<0x300, using: &random)) ?? "x"
      }
      let name = "n" + String(String.UnicodeScalarView(scalars))
      let target = HTTPTarget(segments: [name], query: [.init(name: name, value: name)])
      #expect(HTTPTarget(parsing: target.text) == target, "seed \(seed)")
    }
  }
}
