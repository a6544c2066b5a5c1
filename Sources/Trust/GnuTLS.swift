// Calling GnuTLS: what every call here has in common.

internal import Base
internal import CGnuTLS

enum GnuTLS {
  /// Throws what a call that did not succeed says.
  static func check(
    _ code: Int32, _ what: String, remedy: String = "check the file, and that it is in PEM form"
  ) throws(Failure) {
    guard code < 0 else { return }
    // SAFETY: a static string, which is copied.
    let words = unsafe gnutls_strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    throw Failure(what, why: words, remedy: remedy)
  }

  /// Lends bytes as GnuTLS takes them: it reads and does not keep them.
  static func withDatum<Value>(
    _ bytes: [UInt8], _ body: (UnsafePointer<gnutls_datum_t>) -> Value
  ) -> Value {
    var bytes = bytes
    return unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      var datum = unsafe gnutls_datum_t(data: buffer.baseAddress, size: UInt32(buffer.count))
      // SAFETY: the datum points into the buffer, and both outlive the body.
      return unsafe withUnsafePointer(to: &datum) { unsafe body($0) }
    }
  }

  /// Takes bytes that GnuTLS has allocated, and gives them back to it.
  static func take(_ datum: gnutls_datum_t) -> [UInt8] {
    // SAFETY: the datum was filled by a call that succeeded, and is used here only.
    let bytes = unsafe Array(UnsafeBufferPointer(start: datum.data, count: Int(datum.size)))
    unsafe martlet_gnutls_free(datum.data)
    return bytes
  }

  /// Text that a call writes into a buffer of its caller; nothing when there is none, or too much.
  static func text(
    _ call: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int>) -> Int32
  ) -> String? {
    var buffer = [CChar](repeating: 0, count: 512)
    var count = buffer.count
    // SAFETY: the buffer has `count` bytes, and outlives the call, as `count` does.
    let code = unsafe buffer.withUnsafeMutableBufferPointer { buffer in
      unsafe withUnsafeMutablePointer(to: &count) { unsafe call(buffer.baseAddress!, $0) }
    }
    guard code == 0 else { return nil }
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Unpredictable bytes (gnutls_rnd): for serial numbers and tokens.
  public static func random(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    // SAFETY: the buffer has `count` bytes.
    let code = unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe gnutls_rnd(GNUTLS_RND_KEY, buffer.baseAddress, buffer.count)
    }
    precondition(code == 0, "the system has random numbers")
    return bytes
  }
}
