// Certificates as OpenSSL sees them, and what of them is read back.

import Base
import Linux
import Testing
import Trust

@Suite("Certificate authority") struct AuthorityTests {
  private let folder: TemporaryFolder
  private let now = WallClock.nowSeconds()

  init() throws { folder = try TemporaryFolder() }

  private func openssl(_ arguments: String...) throws -> (isSuccess: Bool, text: String) {
    let result = try ChildProcess.run(.init(["openssl"] + arguments))
    return (result.ending.isSuccess, result.output + result.errors)
  }

  private func write(_ bytes: [UInt8], _ name: String) throws -> String {
    let path = "\(folder.path)/\(name)"
    try AtomicFile.write(bytes, to: path)
    return path
  }

  private func issue(
    _ authority: CertificateAuthority, _ identity: Identity, _ use: CertificateAuthority.Use,
    days: Int = 30, now: Int? = nil
  ) throws -> (Certificate, PrivateKey) {
    let key = try PrivateKey()
    let request = try CertificateRequest(
      pem: try CertificateRequest(for: identity, key: key).pem())
    let certificate = try authority.issue(
      for: identity, to: request, use: use, days: days, now: now ?? self.now)
    return (certificate, key)
  }

  @Test func opensslAcceptsWhatTheAuthoritySigns() throws {
    let authority = try CertificateAuthority.create(name: "lab", days: 3_650, now: now)
    let (host, _) = try issue(authority, try Identity(.host, "host1"), .client)
    let (controller, _) = try issue(
      authority, try Identity(.controller, "c1"), .server(["c1.example", "192.0.2.7", "::1"]))
    let root = try write(authority.certificate.pem(), "ca.pem")
    let hostFile = try write(host.pem(), "host.pem")
    let controllerFile = try write(controller.pem(), "controller.pem")
    let verified = try openssl(
      "verify", "-x509_strict", "-CAfile", root, "-purpose", "sslclient", hostFile)
    #expect(verified.isSuccess, "\(verified.text)")
    let asServer = try openssl("verify", "-CAfile", root, "-purpose", "sslserver", hostFile)
    #expect(!asServer.isSuccess, "a host listens nowhere")
    for name in ["-verify_hostname c1.example", "-verify_ip 192.0.2.7", "-verify_ip ::1"] {
      let words = name.split(separator: " ").map(String.init)
      let result = try ChildProcess.run(
        .init(
          ["openssl", "verify", "-x509_strict", "-CAfile", root, "-purpose", "sslserver"] + words
            + [controllerFile]))
      #expect(result.ending.isSuccess, "\(name)")
    }
    #expect(
      try !openssl(
        "verify", "-CAfile", root, "-verify_hostname", "c2.example", controllerFile
      ).isSuccess)
  }

  @Test func aMemberSignsNobody() throws {
    let authority = try CertificateAuthority.create(name: "lab", days: 3_650, now: now)
    let (host, key) = try issue(authority, try Identity(.host, "host1"), .client)
    let forged = try CertificateAuthority(certificate: host, key: key).issue(
      for: try Identity(.host, "host2"),
      to: try CertificateRequest(for: try Identity(.host, "host2"), key: try PrivateKey()),
      use: .client, days: 1, now: now)
    let root = try write(authority.certificate.pem(), "ca.pem")
    let middle = try write(host.pem(), "middle.pem")
    let file = try write(forged.pem(), "forged.pem")
    #expect(try !openssl("verify", "-CAfile", root, "-untrusted", middle, file).isSuccess)
  }

  @Test func whatIsReadBackIsWhatWasWritten() throws {
    let authority = try CertificateAuthority.create(name: "lab", days: 10, now: now)
    let identity = try Identity(.host, "host1")
    let (certificate, _) = try issue(authority, identity, .client, days: 400)
    let again = try Certificate(pem: try certificate.pem(), file: "host.pem")
    #expect(again == certificate)
    #expect(again.identity == identity)
    #expect(again.serial.count == 32)
    #expect(again.validUntil == authority.certificate.validUntil, "no longer than its authority")
    #expect(again.validFrom == now - 3_600)
    #expect(authority.certificate.identity?.role == .authority)
  }

  /// What the request says about its sender is nobody's word but his.
  @Test func theAuthorityWritesTheNameThatItWasTold() throws {
    let authority = try CertificateAuthority.create(name: "lab", days: 10, now: now)
    let key = try PrivateKey()
    let request = try CertificateRequest(for: try Identity(.controller, "c1"), key: key)
    let certificate = try authority.issue(
      for: try Identity(.host, "host1"), to: request, use: .client, days: 1, now: now)
    #expect(certificate.identity?.description == "host host1")
  }

  @Test func keysComeBackFromTheirFiles() throws {
    let authority = try CertificateAuthority.create(name: "lab", days: 10, now: now)
    let again = CertificateAuthority(
      certificate: try Certificate(pem: try authority.certificate.pem(), file: "ca.pem"),
      key: try PrivateKey(pem: try authority.key.pem(), file: "ca.key"))
    let (certificate, _) = try issue(again, try Identity(.host, "host1"), .client)
    let root = try write(authority.certificate.pem(), "ca.pem")
    let file = try write(certificate.pem(), "host.pem")
    #expect(try openssl("verify", "-CAfile", root, file).isSuccess)
  }

  @Test(arguments: ["", String(repeating: "x", count: 65), "höst", "a\nb"])
  func aNameThatCannotStandThereIsRefused(_ name: String) {
    #expect(throws: Failure.self) { try Identity(.host, name) }
  }

  @Test func whatIsNoCertificateIsRefused() {
    let noise = [UInt8](repeating: 0x30, count: 300)
    #expect(throws: Failure.self) { try Certificate(der: noise) }
    #expect(throws: Failure.self) { try Certificate(pem: noise, file: "x") }
    #expect(throws: Failure.self) { try CertificateRequest(pem: noise) }
    #expect(throws: Failure.self) { try PrivateKey(pem: noise, file: "x") }
    #expect(throws: Failure.self) { try Certificate(der: []) }
  }

  /// Each byte of a request changed once: it is refused, or was not a part of what is signed (its armour).
  @Test func aRequestThatWasChangedIsRefused() throws {
    let pem = try CertificateRequest(for: try Identity(.host, "h"), key: try PrivateKey()).pem()
    let start = pem.count / 3
    for index in start..<(start + 60) where pem[index] != UInt8(ascii: "\n") {
      var changed = pem
      changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      #expect(throws: Failure.self) { try CertificateRequest(pem: changed) }
    }
  }
}
