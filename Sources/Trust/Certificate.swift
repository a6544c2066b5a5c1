// Reading certificates (RFC 5280).

public import Base
internal import CGnuTLS

/// A certificate, and what the rest of Martlet wants to know of it.
public struct Certificate: Hashable, Sendable {
  /// DER form.
  public let bytes: [UInt8]
  /// Hexadecimal; unique among the certificates of an authority.
  public let serial: String
  /// Nothing when it is not one of Martlet's.
  public let identity: Identity?
  /// Seconds since 1970.
  public let validFrom: Int
  public let validUntil: Int

  /// Reads one in PEM form; a file may have several, of which the first is meant.
  public init(pem: [UInt8], file: String) throws(Failure) {
    try self.init(pem, GNUTLS_X509_FMT_PEM, "cannot read the certificate \(file)")
  }

  /// Reads one in DER form, as it comes over TLS.
  public init(der: [UInt8]) throws(Failure) {
    try self.init(der, GNUTLS_X509_FMT_DER, "cannot read a certificate")
  }

  private init(_ bytes: [UInt8], _ format: gnutls_x509_crt_fmt_t, _ what: String) throws(Failure) {
    let owner = try CertificateHandle(what)
    let handle = unsafe owner.handle
    // SAFETY: the bytes are lent for the call; the handle is live until `owner` goes.
    try unsafe GnuTLS.check(
      GnuTLS.withDatum(bytes) { unsafe gnutls_x509_crt_import(handle, $0, format) }, what)
    try self.init(owner)
  }

  init(_ owner: CertificateHandle) throws(Failure) {
    let handle = unsafe owner.handle
    var datum = unsafe gnutls_datum_t()
    // SAFETY: the handle is live until `owner` goes; GnuTLS fills the datum when the call succeeds.
    try GnuTLS.check(
      unsafe gnutls_x509_crt_export2(handle, GNUTLS_X509_FMT_DER, &datum),
      "cannot read a certificate")
    bytes = unsafe GnuTLS.take(datum)
    serial = unsafe Self.serial(handle)
    validFrom = unsafe gnutls_x509_crt_get_activation_time(handle)
    validUntil = unsafe gnutls_x509_crt_get_expiration_time(handle)
    let unit = unsafe GnuTLS.text {
      unsafe gnutls_x509_crt_get_dn_by_oid(handle, martlet_oid_unit, 0, 0, $0, $1)
    }
    let name = unsafe GnuTLS.text {
      unsafe gnutls_x509_crt_get_dn_by_oid(handle, martlet_oid_common_name, 0, 0, $0, $1)
    }
    identity = unit.flatMap(Identity.Role.init(rawValue:)).flatMap { role in
      name.flatMap { try? Identity(role, $0) }
    }
    _ = owner
  }

  private static func serial(_ handle: gnutls_x509_crt_t) -> String {
    var buffer = [UInt8](repeating: 0, count: 32)
    var count = buffer.count
    // SAFETY: the buffer has `count` bytes, more than the 20 of RFC 5280, and outlives the call.
    let code = unsafe buffer.withUnsafeMutableBytes {
      unsafe gnutls_x509_crt_get_serial(handle, $0.baseAddress, &count)
    }
    guard code == 0 else { return "" }
    return buffer.prefix(count).map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }

  /// PEM form.
  public func pem() throws(Failure) -> [UInt8] {
    let owner = try CertificateHandle("cannot write a certificate")
    let handle = unsafe owner.handle
    var datum = unsafe gnutls_datum_t()
    // SAFETY: as `init`.
    try unsafe GnuTLS.check(
      GnuTLS.withDatum(bytes) {
        unsafe gnutls_x509_crt_import(handle, $0, GNUTLS_X509_FMT_DER)
      }, "cannot write a certificate")
    try GnuTLS.check(
      unsafe gnutls_x509_crt_export2(handle, GNUTLS_X509_FMT_PEM, &datum),
      "cannot write a certificate")
    return unsafe GnuTLS.take(datum)
  }
}

/// Owns a certificate of GnuTLS.
@safe
final class CertificateHandle {
  let handle: gnutls_x509_crt_t

  init(_ what: String) throws(Failure) {
    var handle: gnutls_x509_crt_t?
    // SAFETY: `handle` is a local that outlives the call.
    try GnuTLS.check(unsafe gnutls_x509_crt_init(&handle), what, remedy: "free memory")
    guard let handle = unsafe handle else { preconditionFailure("GnuTLS gave a certificate") }
    unsafe self.handle = handle
  }

  deinit {
    // SAFETY: the handle is live and this is its only owner.
    unsafe gnutls_x509_crt_deinit(handle)
  }
}
