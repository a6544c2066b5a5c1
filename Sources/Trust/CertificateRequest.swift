// Asking an authority for a certificate without showing it the key: PKCS #10 (RFC 2986).

public import Base
internal import CGnuTLS

/// A request that was signed with the key that it is about.
// SAFETY: never changed after it was made.
@safe
public final class CertificateRequest: @unchecked Sendable {
  let handle: gnutls_x509_crq_t

  /// Makes one, signed.
  public init(for identity: Identity, key: PrivateKey) throws(Failure) {
    unsafe handle = try Self.empty()
    let what = "cannot ask for a certificate for \(identity)"
    // SAFETY: both handles are live; the texts are C strings for the calls.
    try GnuTLS.check(unsafe gnutls_x509_crq_set_version(handle, 1), what)
    try GnuTLS.check(unsafe gnutls_x509_crq_set_key(handle, key.handle), what)
    try GnuTLS.check(
      unsafe gnutls_x509_crq_set_dn_by_oid(
        handle, martlet_oid_common_name, 0, identity.name, UInt32(identity.name.utf8.count)), what)
    let role = identity.role.rawValue
    try GnuTLS.check(
      unsafe gnutls_x509_crq_set_dn_by_oid(
        handle, martlet_oid_unit, 0, role, UInt32(role.utf8.count)), what)
    try GnuTLS.check(
      unsafe gnutls_x509_crq_sign2(handle, key.handle, GNUTLS_DIG_SHA256, 0), what)
  }

  /// Reads one in PEM form. Throws also when it is not signed with its own key.
  public init(pem: [UInt8]) throws(Failure) {
    unsafe handle = try Self.empty()
    let handle = unsafe handle
    let what = "cannot read a request for a certificate"
    let remedy = "send a PKCS #10 request in PEM form"
    // SAFETY: the text is lent for the call.
    try unsafe GnuTLS.check(
      GnuTLS.withDatum(pem) {
        unsafe gnutls_x509_crq_import(handle, $0, GNUTLS_X509_FMT_PEM)
      }, what, remedy: remedy)
    try GnuTLS.check(unsafe gnutls_x509_crq_verify(handle, 0), what, remedy: remedy)
  }

  deinit {
    // SAFETY: the handle is live and this is its only owner.
    unsafe gnutls_x509_crq_deinit(handle)
  }

  public func pem() throws(Failure) -> [UInt8] {
    var datum = unsafe gnutls_datum_t()
    // SAFETY: the handle is live; GnuTLS fills the datum when the call succeeds.
    try GnuTLS.check(
      unsafe gnutls_x509_crq_export2(handle, GNUTLS_X509_FMT_PEM, &datum),
      "cannot write a request for a certificate")
    return unsafe GnuTLS.take(datum)
  }

  private static func empty() throws(Failure) -> gnutls_x509_crq_t {
    var handle: gnutls_x509_crq_t?
    // SAFETY: `handle` is a local that outlives the call.
    try GnuTLS.check(
      unsafe gnutls_x509_crq_init(&handle), "cannot make a request for a certificate",
      remedy: "free memory")
    guard let handle = unsafe handle else { preconditionFailure("GnuTLS gave a request") }
    return unsafe handle
  }
}
