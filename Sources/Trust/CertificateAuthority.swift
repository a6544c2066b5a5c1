// The authority of an installation: it signs what controllers and hosts show each other.
//
// A certificate says who somebody is, never what he may do: the name in a request is not looked at, the
// authority writes the one that it was told by whoever has checked it (an enrolment token, an administrator).

public import Base
internal import CGnuTLS

/// A certificate that signs others, and its key.
public struct CertificateAuthority: Sendable {
  public let certificate: Certificate
  public let key: PrivateKey

  private static let dayInSeconds = 86_400

  public init(certificate: Certificate, key: PrivateKey) {
    self.certificate = certificate
    self.key = key
  }

  /// Makes a new one, which signs itself.
  ///
  /// - Parameter now: seconds since 1970.
  public static func create(name: String, days: Int, now: Int) throws(Failure)
    -> CertificateAuthority
  {
    let key = try PrivateKey()
    let draft = try CertificateDraft(
      for: try Identity(.authority, name), from: now, until: now + days * dayInSeconds)
    try draft.setKey(of: key)
    try draft.makeAuthority()
    return CertificateAuthority(certificate: try draft.sign(by: draft, key), key: key)
  }

  /// What a certificate is good for.
  public enum Use: Hashable, Sendable {
    /// Shown by who connects.
    case client
    /// Shown by who listens, at these names and numeric addresses; and by the same when it connects.
    case server([String])
  }

  /// Signs a certificate for the key of a request.
  ///
  /// - Parameter now: seconds since 1970. It is valid from an hour before, for clocks that are late.
  public func issue(
    for identity: Identity, to request: CertificateRequest, use: Use, days: Int, now: Int
  ) throws(Failure) -> Certificate {
    let end = min(now + days * Self.dayInSeconds, certificate.validUntil)
    let draft = try CertificateDraft(for: identity, from: now - 3_600, until: end)
    try draft.setKey(of: request)
    try draft.makeMember(use)
    return try draft.sign(by: try CertificateDraft(certificate), key)
  }
}

/// A certificate that is being made.
private struct CertificateDraft {
  private let owner: CertificateHandle
  private let what: String
  /// RFC 5280 allows 20, and wants the number to be positive.
  private static let serialBytes = 16

  init(for identity: Identity, from start: Int, until end: Int) throws(Failure) {
    what = "cannot make a certificate for \(identity)"
    owner = try CertificateHandle(what)
    let handle = unsafe owner.handle
    var serial = GnuTLS.random(Self.serialBytes)
    serial[0] = serial[0] & 0x7F | 0x40
    // SAFETY: the handle is live as long as `owner`; bytes and texts are lent for the calls.
    try check(unsafe gnutls_x509_crt_set_version(handle, 3))
    try check(
      unsafe serial.withUnsafeBytes {
        unsafe gnutls_x509_crt_set_serial(handle, $0.baseAddress, $0.count)
      })
    try check(unsafe gnutls_x509_crt_set_activation_time(handle, start))
    try check(unsafe gnutls_x509_crt_set_expiration_time(handle, end))
    try check(
      unsafe gnutls_x509_crt_set_dn_by_oid(
        handle, martlet_oid_common_name, 0, identity.name, UInt32(identity.name.utf8.count)))
    let role = identity.role.rawValue
    try check(
      unsafe gnutls_x509_crt_set_dn_by_oid(
        handle, martlet_oid_unit, 0, role, UInt32(role.utf8.count)))
  }

  /// One that is there, to sign with.
  init(_ certificate: Certificate) throws(Failure) {
    what = "cannot use the authority's certificate"
    owner = try CertificateHandle(what)
    let handle = unsafe owner.handle
    // SAFETY: as above.
    try unsafe check(
      GnuTLS.withDatum(certificate.bytes) {
        unsafe gnutls_x509_crt_import(handle, $0, GNUTLS_X509_FMT_DER)
      })
  }

  func setKey(of key: PrivateKey) throws(Failure) {
    // SAFETY: both handles are live.
    try check(unsafe gnutls_x509_crt_set_key(owner.handle, key.handle))
    try setKeyID()
  }

  func setKey(of request: CertificateRequest) throws(Failure) {
    var key: gnutls_pubkey_t?
    // SAFETY: all handles are live; that of the public key is freed here.
    try check(unsafe gnutls_pubkey_init(&key))
    guard let key = unsafe key else { preconditionFailure("GnuTLS gave a key") }
    defer { unsafe gnutls_pubkey_deinit(key) }
    try check(unsafe gnutls_pubkey_import_x509_crq(key, request.handle, 0))
    try check(unsafe gnutls_x509_crt_set_pubkey(owner.handle, key))
    try setKeyID()
  }

  func makeAuthority() throws(Failure) {
    // SAFETY: the handle is live as long as `owner`.
    try check(unsafe gnutls_x509_crt_set_basic_constraints(owner.handle, 1, 0))
    try check(
      unsafe gnutls_x509_crt_set_key_usage(
        owner.handle, UInt32(GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN)))
  }

  func makeMember(_ use: CertificateAuthority.Use) throws(Failure) {
    // SAFETY: as `makeAuthority`; the texts are C strings for the calls.
    try check(unsafe gnutls_x509_crt_set_basic_constraints(owner.handle, 0, -1))
    try check(
      unsafe gnutls_x509_crt_set_key_usage(owner.handle, UInt32(GNUTLS_KEY_DIGITAL_SIGNATURE)))
    try check(unsafe gnutls_x509_crt_set_key_purpose_oid(owner.handle, martlet_oid_client, 0))
    guard case .server(let names) = use else { return }
    try check(unsafe gnutls_x509_crt_set_key_purpose_oid(owner.handle, martlet_oid_server, 0))
    for name in names { try add(name) }
  }

  /// A name or an address under which a server is asked for (RFC 6125).
  private func add(_ name: String) throws(Failure) {
    let kind: gnutls_x509_subject_alt_name_t
    let bytes: [UInt8]
    if let address = NumericAddress.bytes(of: name) {
      (kind, bytes) = (GNUTLS_SAN_IPADDRESS, address)
    } else {
      (kind, bytes) = (GNUTLS_SAN_DNSNAME, Array(name.utf8))
    }
    // SAFETY: the bytes are lent for the call.
    try check(
      unsafe bytes.withUnsafeBytes {
        unsafe gnutls_x509_crt_set_subject_alt_name(
          owner.handle, kind, $0.baseAddress, UInt32($0.count), UInt32(GNUTLS_FSAN_APPEND))
      })
  }

  private func setKeyID() throws(Failure) {
    var identifier = [UInt8](repeating: 0, count: 20)
    var count = identifier.count
    // SAFETY: the buffer has 20 bytes, as many as SHA-1 gives (RFC 5280, 4.2.1.2).
    try check(
      unsafe identifier.withUnsafeMutableBufferPointer {
        unsafe gnutls_x509_crt_get_key_id(owner.handle, 0, $0.baseAddress, &count)
      })
    try check(
      unsafe identifier.withUnsafeBytes {
        unsafe gnutls_x509_crt_set_subject_key_id(owner.handle, $0.baseAddress, count)
      })
  }

  func sign(by issuer: CertificateDraft, _ key: PrivateKey) throws(Failure) -> Certificate {
    var identifier = [UInt8](repeating: 0, count: 20)
    var count = identifier.count
    // SAFETY: all handles are live; the buffer has as many bytes as `setKeyID` gives.
    try check(
      unsafe identifier.withUnsafeMutableBufferPointer {
        unsafe gnutls_x509_crt_get_subject_key_id(
          issuer.owner.handle, $0.baseAddress, &count, nil)
      })
    try check(
      unsafe identifier.withUnsafeBytes {
        unsafe gnutls_x509_crt_set_authority_key_id(owner.handle, $0.baseAddress, count)
      })
    try check(
      unsafe gnutls_x509_crt_sign2(
        owner.handle, issuer.owner.handle, key.handle, GNUTLS_DIG_SHA256, 0))
    return try Certificate(owner)
  }

  private func check(_ code: Int32) throws(Failure) {
    try GnuTLS.check(code, what, remedy: "check the names and the authority's key")
  }
}
