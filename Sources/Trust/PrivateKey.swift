// Keys on the curve P-256 (RFC 5480): what every TLS library takes.

public import Base
internal import CGnuTLS

/// A private key.
// SAFETY: never changed after it was made.
@safe
public final class PrivateKey: @unchecked Sendable {
  let handle: gnutls_x509_privkey_t

  /// Makes a new one.
  public init() throws(Failure) {
    unsafe handle = try Self.empty()
    // SAFETY: the handle is live and this is its only owner.
    try GnuTLS.check(
      unsafe gnutls_x509_privkey_generate(
        handle, GNUTLS_PK_ECDSA, martlet_gnutls_p256_bits(), 0),
      "cannot make a key", remedy: "check that the system has random numbers")
  }

  /// Reads one in PEM form.
  public init(pem: [UInt8], file: String) throws(Failure) {
    unsafe handle = try Self.empty()
    let handle = unsafe handle
    // SAFETY: the text is lent for the call.
    try unsafe GnuTLS.check(
      GnuTLS.withDatum(pem) {
        unsafe gnutls_x509_privkey_import2(handle, $0, GNUTLS_X509_FMT_PEM, nil, 0)
      }, "cannot read the key \(file)")
  }

  deinit {
    // SAFETY: the handle is live and this is its only owner.
    unsafe gnutls_x509_privkey_deinit(handle)
  }

  /// PKCS #8 in PEM form (RFC 5958). To be kept where nobody else reads.
  public func pem() throws(Failure) -> [UInt8] {
    var datum = unsafe gnutls_datum_t()
    // SAFETY: the handle is live; GnuTLS fills the datum when the call succeeds.
    try GnuTLS.check(
      unsafe gnutls_x509_privkey_export2_pkcs8(
        handle, GNUTLS_X509_FMT_PEM, nil, GNUTLS_PKCS_PLAIN.rawValue, &datum),
      "cannot write a key")
    return unsafe GnuTLS.take(datum)
  }

  private static func empty() throws(Failure) -> gnutls_x509_privkey_t {
    var handle: gnutls_x509_privkey_t?
    // SAFETY: `handle` is a local that outlives the call.
    try GnuTLS.check(
      unsafe gnutls_x509_privkey_init(&handle), "cannot make a key", remedy: "free memory")
    guard let handle = unsafe handle else { preconditionFailure("GnuTLS gave a key") }
    return unsafe handle
  }
}
