// The server over TLS, as our client and curl see it.

import Base
import HTTP
import Linux
import Testing
import Trust

@Suite("HTTP over TLS") struct TLSTests {
  private let folder: TemporaryFolder
  private let now = WallClock.nowSeconds()

  init() throws { folder = try TemporaryFolder() }

  /// An authority, and the files of whoever it has signed.
  private struct Installation {
    let authority: CertificateAuthority
    let folder: String
    let now: Int

    init(_ folder: String, now: Int) throws {
      authority = try .create(name: "lab", days: 30, now: now)
      self.folder = folder
      self.now = now
      try AtomicFile.write(authority.certificate.pem(), to: "\(folder)/ca.pem")
    }

    func tls(_ identity: Identity, days: Int = 1, since start: Int? = nil) throws -> HTTPClientTLS {
      let key = try PrivateKey()
      let certificate = try authority.issue(
        for: identity, to: try CertificateRequest(for: identity, key: key), use: .client,
        days: days, now: start ?? now)
      let path = "\(folder)/\(identity.name)"
      try AtomicFile.write(certificate.pem(), to: "\(path).pem")
      try AtomicFile.write(key.pem(), to: "\(path).key")
      return HTTPClientTLS(
        authority: "\(folder)/ca.pem", certificate: "\(path).pem", key: "\(path).key")
    }

    /// Answers with who asks.
    func serve() throws -> HTTPServer {
      let key = try PrivateKey()
      let identity = try Identity(.controller, "c1")
      let certificate = try authority.issue(
        for: identity, to: try CertificateRequest(for: identity, key: key),
        use: .server(["127.0.0.1"]), days: 1, now: now)
      let tls = HTTPServerTLS(
        certificate: try certificate.pem(), key: try key.pem(),
        clientAuthority: try authority.certificate.pem())
      return try HTTPServer(address: HTTPAddress("127.0.0.1:0")!, tls: tls) { request in
        switch request.certificate {
        case .none: .json(["who": "nobody", "authorization": request.authorization ?? "-"])
        case .refused: .json(["who": "refused"])
        case .verified(let bytes):
          .json(["who": (try? Certificate(der: bytes))?.identity?.description ?? "unknown"])
        }
      }
    }
  }

  private func who(_ server: HTTPServer, _ tls: HTTPClientTLS) throws -> String? {
    try HTTPClient(.url("https://\(server.place)"), timeoutMilliseconds: 5_000, tls: tls)
      .request(.get, HTTPTarget(segments: ["who"]), as: [String: String].self)["who"]
  }

  @Test func aHostIsKnownByItsCertificate() throws {
    let installation = try Installation(folder.path, now: now)
    let server = try installation.serve()
    #expect(try who(server, try installation.tls(try Identity(.host, "host1"))) == "host host1")
    #expect(try who(server, HTTPClientTLS(authority: "\(folder.path)/ca.pem")) == "nobody")
  }

  @Test func anotherAuthorityIsWorthNothing() throws {
    let ours = try Installation(folder.path, now: now)
    let server = try ours.serve()
    let other = try TemporaryFolder()
    let theirs = try Installation(other.path, now: now)
    var tls = try theirs.tls(try Identity(.host, "host1"))
    tls.authority = "\(folder.path)/ca.pem"
    #expect(try who(server, tls) == "refused")
    tls.authority = "\(other.path)/ca.pem"
    let failure = #expect(throws: Failure.self) { try who(server, tls) }
    #expect(failure?.why.contains("SSL") == true || failure?.why.contains("certificate") == true)
  }

  @Test func aCertificateThatIsOverIsRefused() throws {
    let installation = try Installation(folder.path, now: now)
    let server = try installation.serve()
    let late = try installation.tls(
      try Identity(.host, "host1"), days: 1, since: now - 10 * 86_400)
    #expect(try who(server, late) == "refused")
  }

  @Test func curlAgrees() throws {
    let installation = try Installation(folder.path, now: now)
    let server = try installation.serve()
    let tls = try installation.tls(try Identity(.host, "host1"))
    let result = try ChildProcess.run(
      .init([
        "curl", "-sS", "--cacert", tls.authority, "--cert", tls.certificate!, "--key", tls.key!,
        "https://\(server.place)/who",
      ]))
    #expect(result.output == #"{"who":"host host1"}"#)
    let token = try ChildProcess.run(
      .init([
        "curl", "-sS", "--cacert", tls.authority, "-H", "Authorization: Bearer abc",
        "https://\(server.place)/who",
      ]))
    #expect(
      token.output
        == #"{"authorization":"Bearer abc","who":"nobody"}"#)
    let plain = try ChildProcess.run(.init(["curl", "-sS", "http://\(server.place)/who"]))
    #expect(!plain.ending.isSuccess)
    let old = try ChildProcess.run(
      .init([
        "curl", "-sS", "--cacert", tls.authority, "--tls-max", "1.1", "https://\(server.place)/who",
      ]))
    #expect(!old.ending.isSuccess)
  }

  @Test(arguments: ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])
  func beyondLoopbackThereIsTLSOrNothing(_ address: String) throws {
    let failure = #expect(throws: Failure.self) {
      try HTTPServer(address: HTTPAddress(address)!, tls: nil) { _ in .json(["a": 1]) }
    }
    #expect(failure?.why.contains("no TLS") == true)
  }

  @Test(arguments: ["127.0.0.1:0", "[::1]:0"])
  func loopbackNeedsNone(_ address: String) throws {
    let server = try HTTPServer(address: HTTPAddress(address)!, tls: nil) { _ in .json(["a": 1]) }
    let client = HTTPClient(.url("http://\(server.place)"), timeoutMilliseconds: 5_000)
    #expect(
      try client.request(.get, HTTPTarget(segments: ["x"]), as: [String: Int].self) == ["a": 1])
  }

  @Test(arguments: ["", "x", "1.2.3.4", "1.2.3.4:x", "1.2.3.4:70000", "::1:80", ":80"])
  func whatIsNoAddressIsRefused(_ text: String) { #expect(HTTPAddress(text) == nil) }
}
